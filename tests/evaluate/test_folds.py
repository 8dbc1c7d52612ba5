"""What a head is fitted to and validated on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.heads import HeadConfig, divide_examples, protein_fold, validation_fold

PROTEINS = HeadConfig(validation="proteins")


def random_pairs(proteins: int, pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    every = np.stack(np.triu_indices(proteins, 1), axis=1)
    return every[rng.choice(len(every), pairs, replace=False)], rng.integers(0, 2, pairs)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 1), min_size=4, max_size=200), st.integers(0, 5))
def test_validation_fold_takes_its_share_of_each_class(values, seed):
    labels = np.array(values)
    counts = np.bincount(labels, minlength=2)
    if counts.min() < 2:
        with pytest.raises(GenoProtError, match="two of each class"):
            validation_fold(labels, 0.1, seed)
        return
    held_out = validation_fold(labels, 0.1, seed)
    for label in (0, 1):
        assert held_out[labels == label].sum() == max(1, round(0.1 * counts[label]))
    assert np.array_equal(held_out, validation_fold(labels, 0.1, seed))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 40))
def test_no_protein_is_on_both_sides(seed, proteins):
    examples, labels = random_pairs(proteins, proteins * (proteins - 1) // 3, seed)
    fold = protein_fold(examples, labels, 0.1, seed)
    if fold is None:
        return
    held_out = set(examples[fold.held_out].ravel().tolist())
    assert not held_out & set(examples[fold.fitted].ravel().tolist())
    assert not (fold.fitted & fold.held_out).any()
    for part in (fold.fitted, fold.held_out):
        assert set(labels[part].tolist()) == {0, 1}


@pytest.mark.parametrize(("fraction", "tolerance"), [(0.1, 0.01), (0.2, 0.02)])
def test_share_of_each_class_is_near_what_was_asked_for(fraction, tolerance):
    examples, labels = random_pairs(200, 8000, seed=0)
    fold = protein_fold(examples, labels, fraction, seed=3)
    for label in (0, 1):
        assert fold.held_out[labels == label].mean() == pytest.approx(fraction, abs=tolerance)
    # A protein is kept with probability 1 - sqrt(fraction), a pair with its square.
    assert fold.fitted.mean() == pytest.approx((1 - fraction**0.5) ** 2, abs=0.03)


def test_fold_depends_on_the_seed_alone():
    examples, labels = random_pairs(60, 900, seed=0)
    one, same, other = (protein_fold(examples, labels, 0.1, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.held_out, same.held_out)
    assert not np.array_equal(one.held_out, other.held_out)
    renamed = protein_fold(3 * examples + 7, labels, 0.1, 1)
    assert np.array_equal(one.held_out, renamed.held_out)


def test_hub_in_every_pair_leaves_the_fold_of_pairs_and_a_note():
    examples = np.stack([np.zeros(40, dtype=int), np.arange(1, 41)], axis=1)
    labels = np.arange(40) % 2
    fold = divide_examples(examples, labels, PROTEINS, 0)
    assert "validated on pairs instead of proteins" in fold.note
    assert np.array_equal(fold.held_out, validation_fold(labels, 0.1, 0))
    assert np.array_equal(fold.fitted, ~fold.held_out)


def test_pairs_and_single_records_are_divided_by_example():
    examples, labels = random_pairs(30, 200, seed=0)
    by_pairs = divide_examples(examples, labels, HeadConfig(), 5)
    single = divide_examples(np.arange(200)[:, None], labels, PROTEINS, 5)
    expected = validation_fold(labels, 0.1, 5)
    for fold in (by_pairs, single):
        assert np.array_equal(fold.held_out, expected)
        assert fold.note is None


def test_class_without_two_examples_is_refused():
    examples, labels = random_pairs(30, 200, seed=0)
    with pytest.raises(GenoProtError, match="two of each class"):
        divide_examples(examples, np.ones_like(labels), PROTEINS, 0)
