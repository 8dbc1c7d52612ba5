"""Accuracy on the identity-matched eval pairs: every model answers them, with the same head."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.statistics import accuracy

FAST = HeadConfig(hidden=(8,), epochs=4)
ACCESSIONS = [f"Q{number:05d}" for number in range(40)]


def test_matched_pairs_get_the_answers_that_the_same_pairs_get_elsewhere(
    matched_dataset, tiny_dataset, tmp_path
):
    rng = np.random.default_rng(1)
    given = {name: (ACCESSIONS, rng.normal(size=(40, 5)).astype(np.float32)) for name in ("alpha", "beta")}
    record = evaluate(given, matched_dataset, ["ppi", "disease"], head=FAST, out=tmp_path)
    plain = evaluate(given, tiny_dataset, ["ppi"], head=FAST)
    predictions = pq.read_table(tmp_path / "predictions.parquet").to_pandas()
    predictions = predictions[predictions["task"] == "ppi"]
    assert len(predictions["model"].unique()) == len(record.models) == 19
    for name, found in predictions.groupby("model"):
        score = record.scores["ppi"][name]
        every_other = found[found["row"] % 2 == 0]
        right = accuracy(1 - every_other["label"].to_numpy(), every_other["predicted"].to_numpy())
        assert score.matched_accuracy == pytest.approx(right), name
        assert score.matched_examples == len(every_other)
        assert score.accuracy == plain.scores["ppi"][name].accuracy
        assert plain.scores["ppi"][name].matched_accuracy is None
        assert record.scores["disease"][name].matched_examples is None
