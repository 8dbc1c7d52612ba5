"""Cells of the grid: fitted side by side, scored one by one."""

from __future__ import annotations

import errno
import time

import numpy as np
import pyarrow as pa
import pytest

from genoprot_evaluate.evaluation.cells import IDENTITY_EDGES, Fit, run_cells, score_fit
from genoprot_evaluate.evaluation.examples import Split, TaskExamples
from genoprot_evaluate.results import IdentityBin


def test_interrupted_run_does_not_wait_for_heads_in_training():
    epochs = []

    def fit(cells, on_epoch):
        for epoch in range(1000 * (cells[0][1] == "long")):
            epochs.append(epoch)
            time.sleep(0.01)
            on_epoch(epoch, 0.0)
        return [Fit("OK")]

    cells = run_cells([[("ppi", "quick")], [("ppi", "long")]], fit, workers=2)
    assert next(cells)[0] == ("ppi", "quick")
    cells.close()
    assert len(epochs) < 1000


def test_a_failed_cell_has_its_reason_but_a_full_disk_ends_the_run():
    def fit(error):
        def raising(cells, on_epoch):
            raise error

        return [found.reason for _, found, _ in run_cells([[("ppi", "a"), ("ppi", "b")]], raising)]

    assert fit(ValueError("of\na cell")) == ["ValueError: of a cell"] * 2
    assert fit(OSError("of a library")) == ["OSError: of a library"] * 2
    with pytest.raises(OSError, match="No space left"):
        fit(OSError(errno.ENOSPC, "No space left on device"))


def test_scores_by_hand():
    labels = np.array([0, 1, 1, 0], dtype=np.int8)
    identity = np.array([0.0, 0.05, 0.25, 1.0], dtype=np.float32)
    members = np.array([[0, 1], [1, 2], [0, 2], [2, 1]])
    challenge = np.array([False, True, False, True])
    split = Split(members, labels, np.array([0, 0, 1, 1], dtype=np.int8), identity, challenge, np.arange(4))
    examples = TaskExamples("ppi", pa.array(["A", "B", "C"]), split, split)
    probability = np.array([0.1, 0.9, 0.4, 0.2])
    fit = Fit("OK", None, probability, (probability > 0.5).astype(np.int8), note="as it is")
    score = score_fit(examples, fit)
    assert score.accuracy.samples == (1.0, 0.5)
    assert score.auprc.samples == (1.0, 1.0)
    np.testing.assert_allclose(score.brier.samples, [(0.01 + 0.01) / 2, (0.36 + 0.04) / 2])
    np.testing.assert_allclose(score.calibration_error, (0.1 + 0.1 + 0.6 + 0.2) / 4)
    assert (score.challenge_accuracy, score.challenge_examples) == (1.0, 2)
    assert score.note == "as it is"
    assert IDENTITY_EDGES == (0.0, 0.02, 0.05, 0.1, 0.25, 1.0)
    assert score.identity_bins == (
        IdentityBin(0.0, 0.02, 1, 1.0),
        IdentityBin(0.02, 0.05, 0, None),
        IdentityBin(0.05, 0.1, 1, 1.0),
        IdentityBin(0.1, 0.25, 0, None),
        IdentityBin(0.25, 1.0, 2, 0.5),
    )


def test_a_bin_of_identity_holds_its_lower_edge():
    # As the dataset keeps them: 1/50 is less than 0.02 in float32, 1/20 and 1/10 are more than 0.05 and 0.1.
    identity = np.array([1 / 50, 1 / 20, 1 / 10, 1 / 4], dtype=np.float32)
    labels = np.array([0, 1, 0, 1], dtype=np.int8)
    challenge = np.zeros(4, dtype=bool)
    split = Split(
        np.array([[0, 1]] * 4), labels, np.zeros(4, dtype=np.int8), identity, challenge, np.arange(4)
    )
    examples = TaskExamples("ppi", pa.array(["A", "B"]), split, split)
    score = score_fit(examples, Fit("OK", None, labels * 1.0, labels))
    assert [entry.examples for entry in score.identity_bins] == [0, 1, 1, 1, 1]
