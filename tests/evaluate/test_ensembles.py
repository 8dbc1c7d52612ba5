"""Ensembles, against cases worked by hand and against their definition on both classes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.ensembles import (
    ENSEMBLES,
    PAPER_MEMBERS,
    default_members,
    hard,
    maximum,
    median,
    normalised_weights,
    soft,
    weighted,
)

# Three members, five examples; the comments below work each rule by hand.
THREE = np.array(
    [
        [0.90, 0.50, 0.60, 0.10, 0.55],
        [0.40, 0.50, 0.55, 0.20, 0.55],
        [0.45, 0.50, 0.05, 0.95, 0.60],
    ]
)


def test_soft():
    label, score = soft(THREE)
    np.testing.assert_allclose(score, [1.75 / 3, 0.5, 0.4, 1.25 / 3, 1.7 / 3])
    assert label.tolist() == [1, 0, 0, 0, 1]


def test_hard():
    label, score = hard(THREE)
    assert label.tolist() == [0, 0, 1, 0, 1]  # votes for class 1: 1, 0, 2, 1, 3
    np.testing.assert_allclose(score, (np.array([1, 0, 2, 1, 3]) + THREE.mean(axis=0)) / 4)


def test_hard_tie_goes_to_the_higher_mean_probability():
    probabilities = np.array([[0.9, 0.6, 0.75], [0.4, 0.1, 0.25]])
    label, score = hard(probabilities)
    assert label.tolist() == [1, 0, 0]  # means 0.65, 0.35, and 0.5, which leaves class 0
    np.testing.assert_allclose(score, [1.65 / 3, 1.35 / 3, 0.5])


def test_hard_counts_a_probability_of_one_half_for_class_0():
    assert hard(np.array([[0.5], [0.5], [0.9]])).label.tolist() == [0]


def test_weighted():
    label, score = weighted(THREE, np.array([0.5, 0.5, 1.0]))
    np.testing.assert_allclose(score, [0.55, 0.5, 0.3125, 0.55, 0.575])
    assert label.tolist() == [1, 0, 0, 1, 1]


def test_weighted_with_equal_accuracies_is_soft():
    np.testing.assert_allclose(weighted(THREE, np.full(3, 0.7)).score, soft(THREE).score)


def test_median():
    label, score = median(THREE)
    assert score.tolist() == [0.45, 0.5, 0.55, 0.2, 0.55]
    assert label.tolist() == [0, 0, 1, 0, 1]


def test_median_of_an_even_number_is_the_mean_of_the_middle_two():
    label, score = median(np.array([[0.1], [0.4], [0.7], [0.9]]))
    np.testing.assert_allclose(score, [0.55])
    assert label.tolist() == [1]
    assert median(np.array([[0.25], [0.75]])).label.tolist() == [0]


def test_maximum():
    label, score = maximum(THREE)
    # Highest for class 1: 0.9, 0.5, 0.6, 0.95, 0.6; for class 0: 0.6, 0.5, 0.95, 0.9, 0.45.
    assert label.tolist() == [1, 0, 0, 1, 1]
    np.testing.assert_allclose(score, [0.65, 0.5, 0.325, 0.525, 0.575])


@pytest.mark.parametrize("name", ENSEMBLES)
def test_one_member_decides_alone(name):
    alone = np.array([[0.0, 0.3, 0.5, 0.51, 1.0]])
    label, _ = ENSEMBLES[name](alone, np.array([0.8]))
    assert label.tolist() == [0, 0, 0, 1, 1]
    assert label.dtype == np.int8


@pytest.mark.parametrize("name", ENSEMBLES)
@pytest.mark.parametrize("members", [1, 2, 3, 6, 7])
def test_one_half_from_everybody_is_class_0(name, members):
    label, score = ENSEMBLES[name](np.full((members, 3), 0.5), np.linspace(0.51, 0.93, members))
    assert label.tolist() == [0, 0, 0]
    # Each of the members of hard voting has to decide, and decides for class 0.
    assert score.tolist() == [0.5 / (members + 1) if name == "ensemble:hard" else 0.5] * 3


def _by_definition(name: str, column: list[Fraction], accuracies: list[Fraction]) -> int:
    """Class with the higher aggregate of that class's own probabilities; class 0 at a tie."""

    def aggregate(values: list[Fraction]) -> Fraction:
        ordered, count = sorted(values), len(values)
        if name == "ensemble:weighted":
            return sum(value * accuracy for value, accuracy in zip(values, accuracies)) / sum(accuracies)
        if name == "ensemble:median":
            return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
        if name == "ensemble:max":
            return ordered[-1]
        return sum(values) / count

    other = [1 - value for value in column]
    if name == "ensemble:hard":
        votes = [int(value > Fraction(1, 2)) for value in column]
        if 2 * sum(votes) != len(votes):
            return int(2 * sum(votes) > len(votes))
    return int(aggregate(column) > aggregate(other))


# Multiples of 1/64 are exact in floating point, so ties are ties; so are weights of a power of two.
EIGHTHS = st.integers(0, 64).map(lambda numerator: Fraction(numerator, 64))


@pytest.mark.parametrize("name", ENSEMBLES)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_label_is_that_of_the_definition_on_both_classes(name, data):
    members = data.draw(st.sampled_from([1, 2, 4, 8]))
    columns = data.draw(
        st.lists(st.lists(EIGHTHS, min_size=members, max_size=members), min_size=1, max_size=5)
    )
    accuracies = [Fraction(3, 4)] * members
    probabilities = np.array(columns, dtype=np.float64).T
    label, score = ENSEMBLES[name](probabilities, np.array(accuracies, dtype=np.float64))
    assert label.tolist() == [_by_definition(name, column, accuracies) for column in columns]
    assert ((score >= 0) & (score <= 1)).all()
    assert (score[label == 1] >= 0.5).all()
    assert (score[label == 0] <= 0.5).all()


@pytest.mark.parametrize("name", ENSEMBLES)
def test_order_of_members_does_not_matter(name):
    rng = np.random.default_rng(0)
    probabilities, accuracies = rng.uniform(size=(6, 500)), rng.uniform(0.5, 1, size=6)
    order = rng.permutation(6)
    one = ENSEMBLES[name](probabilities, accuracies)
    other = ENSEMBLES[name](probabilities[order], accuracies[order])
    assert np.array_equal(one.label, other.label)
    np.testing.assert_allclose(one.score, other.score, rtol=1e-12)


def test_weights_of_the_papers_kind():
    weights = normalised_weights(np.array([0.80, 0.76, 0.80]))
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights, np.array([0.80, 0.76, 0.80]) / 2.36)


def test_members_without_success_weigh_the_same():
    assert normalised_weights(np.zeros(4)).tolist() == [0.25] * 4


def test_default_members():
    assert len(PAPER_MEMBERS) == 6
    assert default_members([*PAPER_MEMBERS, "kmer-4"]) == tuple(sorted(PAPER_MEMBERS))
    five = [*PAPER_MEMBERS[:5], "kmer-4"]
    assert default_members(five) == tuple(sorted(five))
    assert default_members([]) == ()


def test_a_view_stands_for_a_member_of_both_modalities():
    others = PAPER_MEMBERS[:5]
    dna, protein = "lucaone-dna", "lucaone-protein"
    assert default_members([*others, dna, "kmer-4"]) == tuple(sorted([*others, dna]))
    assert default_members([*others, dna, protein]) == tuple(sorted([*others, protein]))
    assert default_members([*PAPER_MEMBERS, dna, protein]) == tuple(sorted(PAPER_MEMBERS))


@pytest.mark.parametrize(
    "bad",
    [np.empty((0, 3)), np.array([0.5, 0.5]), np.array([[1.1]]), np.array([[-0.1]]), np.array([[np.nan]])],
)
@pytest.mark.parametrize("name", ENSEMBLES)
def test_what_is_no_probability_is_refused(name, bad):
    with pytest.raises(GenoProtError, match="^ensemble: "):
        ENSEMBLES[name](bad, np.full(len(bad), 0.5))


@pytest.mark.parametrize("bad", [[0.5], [0.5, 1.5, 0.5], [0.5, np.nan, 0.5]])
def test_accuracies_that_do_not_fit_are_refused(bad):
    with pytest.raises(GenoProtError, match="accuracies"):
        weighted(THREE, np.array(bad))
