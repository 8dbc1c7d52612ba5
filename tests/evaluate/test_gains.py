"""What an encoder adds to the ensembles: each ensemble with it against the same without it."""

from __future__ import annotations

import numpy as np
import pytest

from genoprot_evaluate.ensembles import ENSEMBLES
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.gains import counterparts
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.results import Ensemble, ResultRecord, Score, ScoredModel
from genoprot_evaluate.statistics import summarise

FAST = HeadConfig(hidden=(8,), epochs=4)
ACCESSIONS = [f"Q{number:05d}" for number in range(40)]


def record_of(members: tuple[str, ...], accuracies: dict[str, float | None]) -> ResultRecord:
    scores = {
        name: Score("OK", accuracy=summarise([0.5]), validation_accuracy=value)
        for name, value in accuracies.items()
    }
    return ResultRecord(
        dataset={},
        seed=0,
        head={},
        versions={},
        models={name: ScoredModel("encoder", name) for name in accuracies},
        scores={"ppi": scores},
        ensembles={"ppi": Ensemble(members, {})},
    )


def test_counterparts_by_hand():
    probabilities = {"a": np.array([0.9, 0.1]), "b": np.array([0.4, 0.4]), "c": np.array([0.3, 0.8])}
    record = record_of(("a", "b"), {"a": 0.8, "b": 0.6, "c": 0.7})
    found = counterparts(record, "ppi", probabilities)
    assert set(found) == {(encoder, ensemble) for encoder in "abc" for ensemble in ENSEMBLES}
    # Without a, b is alone; without b, a is; c joins both.
    for ensemble in ENSEMBLES:
        assert found["a", ensemble].tolist() == [0, 0]
        assert found["b", ensemble].tolist() == [1, 0]
    assert found["c", "ensemble:soft"].tolist() == [1, 0]
    assert found["c", "ensemble:hard"].tolist() == [0, 0]
    assert found["c", "ensemble:median"].tolist() == [0, 0]


def test_member_that_is_alone_has_no_ensemble_without_it():
    probabilities = {"a": np.array([0.9]), "b": np.array([0.2])}
    found = counterparts(record_of(("a",), {"a": 0.8, "b": 0.6}), "ppi", probabilities)
    assert {encoder for encoder, _ in found} == {"b"}
    assert counterparts(record_of((), {"a": 0.8}), "ppi", {"a": np.array([0.9])}) == {}


def test_gains_are_those_of_runs_with_and_without_the_encoder(tiny_dataset):
    rng = np.random.default_rng(8)
    given = {name: (ACCESSIONS, rng.normal(size=(40, 5)).astype(np.float32)) for name in ("a", "b", "mine")}
    options = {"tasks": ["ppi", "melanoma"], "baselines": [], "head": FAST}
    together = evaluate(given, tiny_dataset, **options)
    without = evaluate({name: given[name] for name in ("a", "b")}, tiny_dataset, **options)
    aside = evaluate(given, tiny_dataset, members=["a", "b"], **options)
    for task in ("ppi", "melanoma"):
        gains = {(gain.encoder, gain.ensemble): gain for gain in together.gains[task]}
        assert set(gains) == {(encoder, ensemble) for encoder in given for ensemble in ENSEMBLES}
        added = {(gain.encoder, gain.ensemble): gain for gain in aside.gains[task]}
        for ensemble in ENSEMBLES:
            gain = gains["mine", ensemble]
            assert gain.together == pytest.approx(together.scores[task][ensemble].accuracy.mean)
            assert gain.without == pytest.approx(without.scores[task][ensemble].accuracy.mean)
            assert gain.low <= gain.together - gain.without <= gain.high
            same = added["mine", ensemble]
            assert (same.together, same.without) == pytest.approx((gain.together, gain.without))
