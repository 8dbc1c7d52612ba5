"""Combinations that learn from the validation fold: by hand, against brute force, and never from eval."""

from __future__ import annotations

import itertools
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import write_parquet
from genoprot_datasets.published import split_path
from genoprot_evaluate.combinations import (
    COMBINATIONS,
    ROUNDS,
    calibrate,
    cross_entropy,
    greedy_counts,
    greedy_vote,
    log_odds,
    stacked_vote,
    stacking_weights,
    temperatures,
)
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.evaluation.cells import Fit, HeldOut
from genoprot_evaluate.evaluation.voting import learn_to_combine
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.results import read_predictions

LABELS = np.array([1, 1, 0, 0])


def made(seed: int, members: int = 4, examples: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Members of rising quality, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, examples)
    signal = np.arange(members)[:, None] * (labels - 0.5)
    return expit(signal + rng.normal(size=(members, examples))), labels


def test_greedy_by_hand():
    good, noise, opposite = [0.8, 0.6, 0.3, 0.4], [0.5] * 4, [0.2, 0.4, 0.7, 0.6]
    assert greedy_counts(np.array([noise, good, opposite]), LABELS).tolist() == [0, 1, 0]
    # Each is sure where the other is wrong by a little: their mean is better than either.
    first, second = [0.95, 0.45, 0.05, 0.55], [0.45, 0.95, 0.55, 0.05]
    assert greedy_counts(np.array([first, second]), LABELS).tolist() == [1, 1]
    assert greedy_vote(np.array([[0.9], [0.3]]), np.array([1, 1])).score == pytest.approx([0.6])
    assert greedy_vote(np.array([[0.9], [0.3]]), np.array([1, 3])).score == pytest.approx([0.45])
    assert greedy_counts(np.array([good, good]), LABELS).tolist() == [1, 0]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_greedy_is_never_worse_than_the_best_member_and_stays_within_its_rounds(seed):
    probabilities, labels = made(seed, members=3, examples=30)
    if len(np.unique(labels)) < 2:
        return
    counts = greedy_counts(probabilities, labels)
    assert 1 <= counts.sum() <= ROUNDS
    loss = cross_entropy(greedy_vote(probabilities, counts).score, labels)
    assert loss <= min(cross_entropy(row, labels) for row in probabilities) + 1e-12


def test_stacking_finds_the_weights_that_made_the_labels():
    rng = np.random.default_rng(3)
    odds = rng.normal(size=(3, 40_000))
    true = np.array([1.5, -0.5, 0.0])
    labels = (rng.random(40_000) < expit(true @ odds + 0.4)).astype(int)
    coefficients, intercept = stacking_weights(expit(odds), labels)
    np.testing.assert_allclose(coefficients, true, atol=0.06)
    assert intercept == pytest.approx(0.4, abs=0.06)
    vote = stacked_vote(expit(odds), coefficients, intercept)
    np.testing.assert_allclose(vote.score, expit(coefficients @ odds + intercept))
    assert (vote.label == (vote.score > 0.5)).all()


def test_stacking_minimises_its_loss():
    probabilities, labels = made(1, members=2, examples=60)
    coefficients, intercept = stacking_weights(probabilities, labels)

    def loss(weights, constant):
        score = stacked_vote(probabilities, weights, constant).score
        return 60 * cross_entropy(score, labels) + np.square(weights).sum() / 2

    lowest = loss(coefficients, intercept)
    for step in itertools.product((-1e-3, 0, 1e-3), repeat=3):
        assert loss(coefficients + step[:2], intercept + step[2]) >= lowest - 1e-9


@pytest.mark.parametrize("true", [0.25, 1.0, 4.0])
def test_temperature_is_the_one_that_the_member_was_spoiled_with(true):
    rng = np.random.default_rng(4)
    odds = rng.normal(0, 2, size=50_000)
    labels = (rng.random(50_000) < expit(odds)).astype(int)
    spoiled = expit(np.clip(odds * true, -14, 14))[None]
    found = temperatures(spoiled, labels)
    assert found[0] == pytest.approx(true, rel=0.05)
    np.testing.assert_allclose(log_odds(calibrate(spoiled, found)), log_odds(spoiled) / found[:, None])


def test_temperature_keeps_the_side_of_one_half():
    values = np.array([[0.0, 0.2, 0.5, 0.50001, 1.0]])
    assert (calibrate(values, np.array([7.0])) > 0.5).tolist() == (values > 0.5).tolist()
    assert calibrate(values, np.array([1.0]))[0, 2] == 0.5


@pytest.mark.parametrize("learn", [greedy_counts, stacking_weights, temperatures])
@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        (np.full((2, 3), 0.5), np.ones(3), "one class only"),
        (np.empty((0, 3)), np.ones(3), "one member or more"),
        (np.full((2, 4), 0.5), np.ones(3), r"\(members, 3 examples\)"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(learn, values, labels, message):
    with pytest.raises(GenoProtError, match=message):
        learn(values, labels)


def fit(seed: int, rows: np.ndarray, labels: np.ndarray, eval_examples: int = 50) -> Fit:
    rng = np.random.default_rng(seed)
    held_out = expit(rng.normal(labels[rows] - 0.5))
    probability = rng.random(eval_examples)
    return Fit(
        "OK", None, probability, (probability > 0.5).astype(np.int8), 0.7, 3, None, HeldOut(rows, held_out)
    )


def test_members_with_other_folds_are_combined_on_what_they_share():
    labels = np.arange(40) % 2
    fits = {"a": fit(0, np.arange(0, 24), labels), "b": fit(1, np.arange(8, 40), labels)}
    learned, votes = learn_to_combine(fits, ("a", "b"), labels)
    assert learned.held_out_examples == 16
    shared = np.stack([fits["a"].held_out.probability[8:], fits["b"].held_out.probability[:16]])
    assert list(learned.temperatures.values()) == temperatures(shared, labels[8:24]).tolist()
    assert {name: vote.status for name, vote in votes.items()} == dict.fromkeys(COMBINATIONS, "OK")
    assert set(learned.picks) == set(learned.coefficients) == {"a", "b"}


def test_without_members_or_with_one_class_nothing_applies():
    assert {vote.reason for vote in learn_to_combine({}, (), np.empty(0))[1].values()} == {
        "no member has predictions"
    }
    one = np.ones(40, dtype=int)
    learned, votes = learn_to_combine({"a": fit(0, np.arange(9), one)}, ("a",), one)
    assert learned is None
    assert {(vote.status, vote.reason) for vote in votes.values()} == {
        ("N/A", "the validation fold has examples of one class only")
    }


def test_eval_labels_have_no_part_in_any_of_them(tiny_dataset, tmp_path):
    flipped = tmp_path / "flipped"
    shutil.copytree(tiny_dataset, flipped)
    path = flipped / split_path("ppi", "eval")
    table = pq.read_table(path)
    labels = pa.array(1 - table["label"].to_numpy(), pa.int8())
    write_parquet(table.set_column(table.column_names.index("label"), "label", labels), path)
    accessions = [f"Q{number:05d}" for number in range(40)]
    rng = np.random.default_rng(2)
    given = {name: (accessions, rng.normal(size=(40, 4)).astype(np.float32)) for name in ("a", "b")}
    head = HeadConfig(hidden=(8,), epochs=4)
    records, predictions = [], []
    for number, dataset in enumerate((tiny_dataset, flipped)):
        out = tmp_path / str(number)
        records.append(evaluate(given, dataset, ["ppi"], baselines=[], head=head, out=out))
        predictions.append(read_predictions(out))
    assert records[0].combinations == records[1].combinations
    assert predictions[0].drop_columns("label").equals(predictions[1].drop_columns("label"))
    for name in COMBINATIONS:
        one, other = (record.scores["ppi"][name].accuracy.mean for record in records)
        assert one + other == pytest.approx(1.0)
