"""Embeddings with gaps, and tasks that nobody can be scored on: refused, dropped and counted, or N/A."""

from __future__ import annotations

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import write_parquet
from genoprot_datasets.published import PublishedDataset, split_path
from genoprot_evaluate.cli import main
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.results import read_predictions, read_record
from genoprot_evaluate.tables import format_scores

FAST = HeadConfig(hidden=(8,), epochs=4)
ACCESSIONS = [f"Q{number:05d}" for number in range(40)]


def vectors(seed: int, accessions=ACCESSIONS) -> tuple[list[str], np.ndarray]:
    matrix = np.random.default_rng(seed).normal(size=(len(ACCESSIONS), 5)).astype(np.float32)
    return list(accessions), matrix[[ACCESSIONS.index(accession) for accession in accessions]]


def absent_from(published: PublishedDataset, task: str, split: str, lacking: set[str]) -> np.ndarray:
    table = published.task(task, split)
    columns = [table[name] for name in ("accession_a", "accession_b")]
    return np.any([pc.is_in(c, value_set=pa.array(sorted(lacking))).to_numpy() for c in columns], axis=0)


def test_dropped_examples_fall_away_for_everybody_and_are_counted(tiny_dataset, tmp_path):
    given = {"whole": vectors(1), "short": vectors(2, ACCESSIONS[1:])}
    record = evaluate(
        given, tiny_dataset, ["ppi"], head=FAST, missing="drop", missing_share=0.03, out=tmp_path
    )
    published = PublishedDataset.open(tiny_dataset)
    gone = {split: absent_from(published, "ppi", split, {"Q00000"}) for split in ("train", "eval")}
    assert sum(part.sum() for part in gone.values()) > 0
    found = record.dropped["ppi"]
    assert found.lacking == {"short": ("Q00000",)}
    assert (found.train, found.eval) == (gone["train"].sum(), gone["eval"].sum())
    predictions = read_predictions(tmp_path)
    for name, score in record.scores["ppi"].items():
        assert (score.status, score.reason) == ("OK", None)
        assert score.train_examples == 120 - found.train
        assert score.eval_examples == 200 - found.eval
        rows = predictions.filter(pc.equal(predictions["model"], name))["row"].to_pylist()
        assert rows == np.flatnonzero(~gone["eval"]).tolist()
    assert read_record(tmp_path) == record
    assert "Protein-protein interaction: " in format_scores(record)
    assert f"{found.eval} eval examples fell away" in format_scores(record).replace("\n  ", " ")


def test_nothing_is_dropped_where_nothing_is_missing(tiny_dataset):
    options = {"tasks": ["disease"], "baselines": [], "head": FAST}
    plain = evaluate({"whole": vectors(1)}, tiny_dataset, **options)
    assert evaluate({"whole": vectors(1)}, tiny_dataset, missing="drop", **options) == plain


def test_more_than_the_stated_share_is_refused(tiny_dataset, tmp_path, capsys):
    given = {"short": vectors(2, ACCESSIONS[3:])}
    published = PublishedDataset.open(tiny_dataset)
    lost = [absent_from(published, "ppi", fold, set(ACCESSIONS[:3])).sum() for fold in ("train", "eval")]
    message = (
        r"'short' lack 3 of the 40 .*\(Q00000, Q00001, Q00002\), more than the 5.0% that may be missing; "
        f"train and eval examples that name them: ppi {lost[0]} and {lost[1]}; embed"
    )
    with pytest.raises(GenoProtError, match=message):
        evaluate(given, tiny_dataset, ["ppi"], head=FAST, missing="drop")
    folder = tmp_path / "short"
    folder.mkdir()
    accessions, matrix = given["short"]
    pq.write_table(pa.table({"accession": accessions, "embedding": list(matrix)}), folder / "part.parquet")
    command = ["evaluate", "--dataset", str(tiny_dataset), "--embeddings", str(folder), "--tasks", "disease"]
    command += ["--baselines", "majority", "--out", str(tmp_path / "out"), "--missing", "drop"]
    assert main(command) == 2
    assert "raise --missing-share" in capsys.readouterr().err
    assert main([*command, "--missing-share", "0.1"]) == 0
    assert len(read_record(tmp_path / "out").dropped["disease"].lacking["short"]) == 3


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_share_that_cannot_be_is_refused(tiny_dataset, share):
    with pytest.raises(GenoProtError, match="missing_share"):
        evaluate({"whole": vectors(1)}, tiny_dataset, missing="drop", missing_share=share)


def relabelled(dataset, folder, split: str, labels) -> PublishedDataset:
    shutil.copytree(dataset, folder)
    path = folder / split_path("melanoma", split)
    table = pq.read_table(path)
    column = pa.array(labels(table["label"].to_numpy()), pa.int8())
    write_parquet(table.set_column(table.column_names.index("label"), "label", column), path)
    return PublishedDataset.open(folder)


def one_positive(labels: np.ndarray) -> np.ndarray:
    return (np.arange(len(labels)) == 3).astype(np.int8)


@pytest.mark.parametrize(
    ("split", "labels", "reason"),
    [
        ("train", np.zeros_like, "0 train examples of class 1; 2 or more are needed"),
        ("train", one_positive, "1 train examples of class 1; 2 or more are needed"),
        ("eval", np.ones_like, "0 eval examples of class 0; 1 or more are needed"),
    ],
)
def test_task_that_cannot_be_answered_does_not_apply(tiny_dataset, tmp_path, split, labels, reason):
    dataset = relabelled(tiny_dataset, tmp_path / "copy", split, labels)
    record = evaluate({"whole": vectors(1)}, dataset, ["melanoma", "disease"], head=FAST)
    for name, score in record.scores["melanoma"].items():
        assert score.status == "N/A"
        if record.models[name].kind in ("encoder", "baseline"):
            assert score.reason == reason
    assert {score.status for score in record.scores["disease"].values()} == {"OK"}


def test_two_examples_of_a_class_are_enough(tiny_dataset, tmp_path):
    two = lambda labels: (np.arange(len(labels)) < 2).astype(np.int8)  # noqa: E731
    dataset = relabelled(tiny_dataset, tmp_path / "copy", "train", two)
    record = evaluate({"whole": vectors(1)}, dataset, ["melanoma"], baselines=[], head=FAST)
    assert record.scores["melanoma"]["whole"].status == "OK"


def test_constant_vectors_do_not_apply(tiny_dataset):
    constant = (ACCESSIONS, np.full((40, 3), 0.7, dtype=np.float32))
    record = evaluate({"same": constant}, tiny_dataset, ["disease"], baselines=[], head=FAST)
    score = record.scores["disease"]["same"]
    assert (score.status, score.reason) == ("N/A", "all 40 proteins of the task have the same vector")
