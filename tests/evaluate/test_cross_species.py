"""Train on one species and evaluate on another, on a small dataset of two."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from variant_datasets import HUMAN, YEAST

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import write_parquet
from genoprot_datasets.published import PublishedDataset, split_path
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.evaluation.examples import read_examples
from genoprot_evaluate.evaluation.species import accessions_of_species
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.report.facts import run_facts
from genoprot_evaluate.results import ResultRecord, read_predictions

FAST = HeadConfig(hidden=(8,), epochs=2)
MOUSE = 10090


def test_examples_are_of_the_species_asked_for(two_species):
    folder, yeast = two_species
    published = PublishedDataset.open(folder)
    only = accessions_of_species(published, {"train": [HUMAN], "eval": [YEAST]})
    examples = read_examples(published, "ppi", only)
    names = np.array(examples.accessions.to_pylist())
    for fold, of_yeast in (("train", False), ("eval", True)):
        split = getattr(examples, fold)
        table = published.task("ppi", fold)
        expected = [
            row
            for row, pair in enumerate(table.select(["accession_a", "accession_b"]).to_pylist())
            if all((name in yeast) == of_yeast for name in pair.values())
        ]
        assert 0 < len(expected) < table.num_rows
        assert split.row.tolist() == expected
        assert split.labels.tolist() == table["label"].take(expected).to_pylist()
        for column, name in enumerate(["accession_a", "accession_b"]):
            assert names[split.members[:, column]].tolist() == table[name].take(expected).to_pylist()


def test_a_run_across_species_is_recorded(two_species, tmp_path):
    folder, yeast = two_species
    rng = np.random.default_rng(0)
    accessions = PublishedDataset.open(folder).sequences(["accession"])["accession"].to_pylist()
    vectors = {"alpha": {accession: rng.normal(size=4) for accession in accessions}}
    species = {"train": [HUMAN], "eval": [YEAST]}
    record = evaluate(
        vectors, folder, ["ppi"], head=FAST, baselines=["length"], species=species, out=tmp_path
    )
    assert (record.dataset["train_species"], record.dataset["eval_species"]) == ([HUMAN], [YEAST])
    assert ResultRecord.from_json(record.to_json()).dataset == record.dataset
    assert {("Species in train", "9606"), ("Species in eval", "559292")} <= set(run_facts(record))
    predictions = read_predictions(tmp_path)
    assert set(predictions["accession_a"].to_pylist() + predictions["accession_b"].to_pylist()) <= yeast
    # The rows are those of the published file, not of what is left of it.
    published = PublishedDataset.open(folder).task("ppi", "eval")
    assert published["accession_a"].take(predictions["row"]).equals(predictions["accession_a"])
    within = evaluate(vectors, folder, ["ppi"], head=FAST, baselines=["length"])
    assert "train_species" not in within.dataset
    assert not any("Species" in label for label, _ in run_facts(within))
    assert within.scores["ppi"]["alpha"].eval_examples > record.scores["ppi"]["alpha"].eval_examples


def test_vectors_of_other_species_are_not_asked_for(two_species):
    folder, yeast = two_species
    vectors = {"alpha": {accession: [number, 1.0] for number, accession in enumerate(sorted(yeast))}}
    of_yeast = {"train": [YEAST], "eval": [YEAST]}
    record = evaluate(vectors, folder, ["ppi"], head=FAST, baselines=[], species=of_yeast)
    assert record.scores["ppi"]["alpha"].status == "OK"
    with pytest.raises(GenoProtError, match="embeddings 'alpha' lack"):
        evaluate(vectors, folder, ["ppi"], head=FAST, baselines=[])


def test_a_task_without_examples_of_a_species_is_a_cell_with_a_reason(two_species, tmp_path):
    folder, _ = two_species
    empty = tmp_path / "geno-prot"
    shutil.copytree(folder, empty)
    path = empty / split_path("ppi", "eval")
    table = pq.read_table(path)
    species = PublishedDataset.open(folder).sequences(["accession", "species"]).to_pylist()
    human = pa.array([row["accession"] for row in species if row["species"] == HUMAN])
    write_parquet(table.filter(pc.is_in(table["accession_a"], value_set=human)), path)
    vectors = {"alpha": {row["accession"]: [1.0, len(row["accession"])] for row in species}}
    record = evaluate(vectors, empty, ["ppi"], head=FAST, species={"train": [], "eval": [YEAST]})
    for score in record.scores["ppi"].values():
        assert score.status == "N/A"
    assert record.scores["ppi"]["alpha"].reason == "no eval example of species 559292"
    assert "train_species" not in record.dataset


def test_a_species_that_the_dataset_lacks_is_refused(two_species):
    with pytest.raises(GenoProtError, match=r"no record of species 10090; its taxon ids are 9606, 559292"):
        evaluate({}, two_species[0], ["ppi"], species={"train": [MOUSE], "eval": []})


def test_a_record_with_a_species_that_is_no_taxon_is_refused(two_species):
    record = evaluate({}, two_species[0], ["ppi"], head=FAST, baselines=["majority"])
    raw = json.loads(record.to_json())
    raw["dataset"]["eval_species"] = ["yeast"]
    with pytest.raises(GenoProtError, match=r"record.dataset.eval_species.0: expected int, found 'yeast'"):
        ResultRecord.from_json(json.dumps(raw))
