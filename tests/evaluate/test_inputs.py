"""What stands for the vectors of an encoder."""

from __future__ import annotations

import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.embed import embed
from genoprot_evaluate.embed.processes import Processes
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig

FAST = HeadConfig(hidden=(8,), epochs=4)


def test_an_encoder_stands_for_its_vectors(tiny_dataset, tmp_path):
    folder = embed("composition", tiny_dataset, tmp_path / "composition")
    records = [
        evaluate({"model": source}, tiny_dataset, ["ppi"], baselines=["majority"], head=FAST)
        for source in (load_encoder("composition"), folder)
    ]
    assert records[0] == records[1]
    both = Processes(rank=0, count=2)
    with pytest.raises(GenoProtError, match="several processes need embeddings on disk"):
        evaluate({"model": load_encoder("composition")}, tiny_dataset, out=tmp_path / "out", processes=both)
