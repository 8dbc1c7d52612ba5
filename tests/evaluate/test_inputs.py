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


@pytest.mark.parametrize(
    ("embeddings", "dataset", "message"),
    [
        ("embeddings/kmer-4", None, "embeddings of type str: give a mapping from the name of each model"),
        (["embeddings/kmer-4"], None, "embeddings of type list: give a mapping from the name of each model"),
        ({}, {"train": []}, "dataset of type dict: give a folder written by `genoprot build` or a Hub id"),
    ],
)
def test_what_stands_for_neither_vectors_nor_a_dataset_is_named(tiny_dataset, embeddings, dataset, message):
    with pytest.raises(GenoProtError, match=message):
        evaluate(embeddings, dataset or tiny_dataset, ["ppi"], baselines=["majority"], head=FAST)
