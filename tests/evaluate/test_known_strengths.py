"""The whole way on a synthetic proteome, whose strengths are known: they come out, and nothing else does."""

from __future__ import annotations

import pytest

from genoprot_datasets.build import build
from genoprot_datasets.synthetic import synthesize
from genoprot_evaluate.embed import embed
from genoprot_evaluate.evaluation import evaluate

pytestmark = pytest.mark.slow

CONTROL, IN_DNA, IN_PROTEIN = "pathway", "anatomical", "subcellular"


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strengths")
    synthesize(folder / "sources", genes=400, seed=1)
    build(folder / "sources", folder / "geno-prot", seed=1)
    encoders = ("kmer-4", "composition")
    embeddings = {name: embed(name, folder / "geno-prot", folder / name) for name in encoders}
    tasks = [CONTROL, IN_DNA, IN_PROTEIN]
    baselines = ["majority", "degree", "annotation-count"]
    return evaluate(embeddings, folder / "geno-prot", tasks, baselines=baselines, seed=1)


def test_control_is_at_chance_within_its_interval(record):
    for name, score in record.scores[CONTROL].items():
        assert score.interval.low <= 0.5 <= score.interval.high, name


@pytest.mark.parametrize(
    ("task", "sees", "does_not"),
    [(IN_DNA, "kmer-4", "composition"), (IN_PROTEIN, "composition", "kmer-4")],
)
def test_planted_signal_is_found_by_the_encoder_that_can_see_it(record, task, sees, does_not):
    found, missed = record.scores[task][sees], record.scores[task][does_not]
    assert found.interval.low > 0.65
    assert missed.accuracy.mean < 0.6
    assert found.accuracy.mean - missed.accuracy.mean > 0.15


def test_partners_in_train_are_worth_much_and_known_of_nobody(record):
    score = record.scores[IN_PROTEIN]["baseline:degree"]
    assert score.accuracy.samples == (0.5,) * 10
    assert "no eval protein is in a train pair" in score.note
