"""Statistics, against known answers and other people's code."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    matthews_corrcoef,
    roc_auc_score,
)

from genoprot_evaluate.statistics import (
    accuracy,
    auprc,
    auroc,
    brier,
    calibration_error,
    matthews,
    summarise,
)

CLASSES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


@given(CLASSES)
def test_accuracy_and_matthews_are_those_of_scikit_learn(pairs):
    labels, predicted = np.array(pairs, dtype=np.int8).T
    assert accuracy(labels, predicted) == accuracy_score(labels, predicted)
    found = matthews(labels, predicted)
    if len(set(labels.tolist())) < 2 or len(set(predicted.tolist())) < 2:
        assert found is None
    else:
        assert found == pytest.approx(matthews_corrcoef(labels, predicted), abs=1e-12)


def test_accuracy_of_nothing_is_undefined():
    assert accuracy(np.array([]), np.array([])) is None


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=40))
def test_auroc_is_the_share_of_pairs_in_order(pairs):
    labels, scores = np.array(pairs).T
    ones, zeros = scores[labels == 1], scores[labels == 0]
    found = auroc(labels, scores / 5)
    if not len(ones) or not len(zeros):
        assert found is None
    else:
        above = (ones[:, None] > zeros).sum() + 0.5 * (ones[:, None] == zeros).sum()
        assert found == pytest.approx(above / (len(ones) * len(zeros)))
        assert found == roc_auc_score(labels, scores / 5)


def test_auroc_of_constant_scores_is_one_half():
    assert auroc(np.array([0, 1, 1]), np.full(3, 0.7)) == 0.5


@given(st.lists(st.floats(0, 1), min_size=2, max_size=10))
def test_summary_has_the_sample_standard_deviation(values):
    summary = summarise(values)
    assert summary.mean == pytest.approx(statistics.mean(values))
    assert summary.std == pytest.approx(statistics.stdev(values), abs=1e-12)
    assert summary.samples == tuple(values)


def test_summary_of_one_sample_has_no_deviation():
    assert (summarise([0.25]).mean, summarise([0.25]).std) == (0.25, None)


@pytest.mark.parametrize("values", [[], [None], [0.5, None, 0.7]])
def test_summary_is_undefined_where_a_sample_is(values):
    summary = summarise(values)
    assert (summary.mean, summary.std) == (None, None)
    assert summary.samples == tuple(values)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=40))
def test_auprc_is_precision_summed_over_the_recall_it_adds(pairs):
    labels, scores = np.array(pairs).T
    found = auprc(labels, scores / 5)
    if len(set(labels.tolist())) < 2:
        assert found is None
        return
    area, recalled = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        called = scores >= threshold
        recall = (labels[called] == 1).sum() / (labels == 1).sum()
        area += (recall - recalled) * labels[called].mean()
        recalled = recall
    assert found == pytest.approx(area)
    assert found == average_precision_score(labels, scores / 5)


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_brier_is_that_of_scikit_learn(pairs):
    labels, probabilities = np.array(pairs).T
    assert brier(labels, probabilities) == pytest.approx(brier_score_loss(labels, probabilities, pos_label=1))


def test_calibration_error_by_hand():
    labels = np.array([0, 0, 1, 1, 0, 1])
    probabilities = np.array([0.0, 0.1, 0.11, 0.2, 0.95, 1.0])
    # Bins: {0, 0.1}: mean 0.05, share 0; {0.11, 0.2}: 0.155, 1; {0.95, 1}: 0.975, 0.5.
    expected = (2 * 0.05 + 2 * 0.845 + 2 * 0.475) / 6
    assert calibration_error(labels, probabilities) == pytest.approx(expected)
    assert calibration_error(labels[:0], probabilities[:0]) is None


def test_calibrated_probabilities_have_a_small_error_and_overconfident_ones_a_large_one():
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(size=40_000)
    labels = (rng.uniform(size=40_000) < probabilities).astype(int)
    assert calibration_error(labels, probabilities) < 0.01
    assert calibration_error(labels, (probabilities > 0.5).astype(float)) == pytest.approx(0.25, abs=0.01)
