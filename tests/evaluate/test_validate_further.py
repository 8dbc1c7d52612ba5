"""What follows from the further predictions of a record is computed again, and forgeries are named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from genoprot_datasets.errors import SourceError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.cli import main
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.leaderboard import submissions, validate_record
from genoprot_evaluate.results import (
    FURTHER,
    PARTS,
    read_further,
    read_predictions,
    read_record,
    write_record,
)

HEAD = HeadConfig(hidden=(8,), epochs=4, seeds=3, symmetric=True)


@pytest.fixture(scope="module")
def results(matched_dataset, tmp_path_factory) -> Path:  # noqa: F811
    out = tmp_path_factory.mktemp("further") / "honest"
    names = [f"Q{number:05d}" for number in range(40)]
    rng = generator(0, "further")
    embeddings = {name: (names, rng.standard_normal((40, 5)).astype(np.float32)) for name in ("one", "two")}
    evaluate(
        embeddings, matched_dataset, ["ppi", "melanoma"], baselines=["majority", "length"], head=HEAD, out=out
    )
    return out


def forged(results: Path, out: Path, change) -> Path:
    """The record with another table of further predictions."""
    write_record(read_record(results), read_predictions(results), out, change(read_further(results)))
    return out


def chosen(table: pa.Table, part: str, model: str, seed: int = 0) -> np.ndarray:
    wanted = {"task": "ppi", "part": part, "model": model, "seed": seed}
    return np.all([pc.equal(table[name], value).to_numpy() for name, value in wanted.items()], axis=0)


def with_column(table: pa.Table, name: str, values) -> pa.Table:
    return table.set_column(FURTHER.get_field_index(name), FURTHER.field(name), pa.array(values))


def changed(part: str, model: str, column: str, change, seed: int = 0):
    """Function that changes values of one column in some rows, and the classes with the probabilities."""

    def apply(table: pa.Table) -> pa.Table:
        values, rows = table[column].to_numpy().copy(), chosen(table, part, model, seed)
        assert rows.any()
        values[rows] = change(values[rows])
        if column == "probability":
            table = with_column(table, "predicted", (values > 0.5).astype(np.int8))
        return with_column(table, column, values)

    return apply


def without(part: str, model: str, seed: int = 0):
    return lambda table: table.filter(pa.array(~chosen(table, part, model, seed)))


def test_further_predictions_are_those_of_every_part(results):
    table = read_further(results)
    record = read_record(results)
    count = {part: set(table.filter(pc.equal(table["part"], part))["model"].to_pylist()) for part in PARTS}
    assert count["exchanged"] == {"one", "two", "baseline:length"}
    assert count["matched"] == set(record.models)
    assert count["seed"] == {"one", "two", "baseline:length"}
    assert count["validation"] == {"one", "two"}
    assert sorted(set(table["seed"].to_pylist())) == [0, 1, 2]


def test_an_honest_record_holds(results, matched_dataset, capsys):  # noqa: F811
    assert validate_record(results) == []
    assert validate_record(results, matched_dataset) == []
    assert main(["validate-record", str(results)]) == 0
    assert capsys.readouterr().out.rstrip().endswith("the predictions beside it")


def test_what_is_taken_on_trust_without_them_is_said(results, tmp_path, capsys):
    older = forged(results, tmp_path / "older", lambda table: table)
    (older / "further-predictions.parquet").unlink()
    assert validate_record(older) == []
    assert main(["validate-record", str(older)]) == 0
    assert "are taken on trust" in capsys.readouterr().out


FORGERIES = {
    "matched probability": (
        changed("matched", "one", "probability", lambda p: 1 - p),
        "ppi, one: matched_accuracy is",
    ),
    "a class": (
        changed("matched", "one", "predicted", lambda classes: 1 - classes),
        "ppi, one: a class of its matched predictions is not the one that its probability gives",
    ),
    "no class": (
        changed("matched", "one", "predicted", lambda classes: np.full_like(classes, -1)),
        "ppi, one: a class of its matched predictions is not the one that its probability gives",
    ),
    "vote on matched pairs": (
        changed("matched", "ensemble:soft", "probability", lambda p: np.where(p > 0.5, 0.9, 0.1)),
        "ppi, ensemble:soft: on identity-matched pairs it is not what the members give",
    ),
    "matched examples": (
        changed("matched", "two", "row", lambda rows: rows + 1),
        "its identity-matched examples or labels are not those of",
    ),
    "seed": (
        changed("seed", "one", "probability", lambda p: 1 - p, seed=2),
        r"ppi, one: seed_accuracies\.2 is",
    ),
    "label of a seed": (
        changed("seed", "one", "label", lambda label: 1 - label, seed=1),
        "ppi, one: the examples or labels of a further seed are not those of the first",
    ),
    "missing seed": (
        without("seed", "two", 1),
        "ppi, two: 3 accuracies of seeds, and predictions of 1 further",
    ),
    "validation": (
        changed("validation", "one", "probability", lambda p: np.where(p > 0.5, 0.99, 0.01)),
        r"ppi: combinations\.",
    ),
    "a seed too many": (
        changed("seed", "one", "seed", lambda seed: seed + 7, seed=2),
        "ppi, one: 3 accuracies of seeds, and predictions of seed 9",
    ),
    "labels of one member": (
        changed("validation", "two", "label", lambda label: 1 - label),
        "ppi, one: the labels of its validation fold are not those of the other members",
    ),
    "validation labels": (
        changed("validation", "two", "label", lambda label: 1 - label),
        "ppi, two: validation_accuracy is",
    ),
    "missing validation": (without("validation", "one"), "ppi, one: no predictions of the validation fold"),
    "order": (
        changed("exchanged", "one", "probability", lambda p: np.full(len(p), 0.5)),
        "ppi, one: order_difference is",
    ),
    "missing order": (without("exchanged", "two"), "ppi, two: order_flips is .*, its predictions give None"),
    "pairs of the order": (
        changed("exchanged", "one", "row", lambda rows: rows + 1),
        "ppi, one: the pairs or labels of its exchanged predictions are not the others'",
    ),
    "impossible probability": (
        changed("validation", "one", "probability", lambda p: p + 1),
        "ppi, one: a probability of its validation predictions is not between 0 and 1",
    ),
    "rows twice": (
        changed("matched", "one", "row", np.zeros_like),
        "ppi, one: the rows of its matched predictions do not rise",
    ),
    "label of neither class": (
        changed("matched", "one", "label", lambda label: label + 2),
        "ppi, one: a label of its matched predictions is neither 0 nor 1",
    ),
    "a model without a score": (
        lambda table: with_column(
            table, "model", ["three" if name == "two" else name for name in table["model"].to_pylist()]
        ),
        "ppi, three: further predictions but no score",
    ),
    "another part": (
        lambda table: with_column(table, "part", ["train"] * len(table)),
        "further predictions of part 'train' and seed",
    ),
    "nothing": (
        lambda table: table.slice(0, 0),
        "ppi, one: matched_accuracy is .*, its predictions give None",
    ),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_forgeries_are_named(results, tmp_path, what):
    change, message = FORGERIES[what]
    faults = validate_record(forged(results, tmp_path / "forged", change))
    assert [fault for fault in faults if re.search(message, fault)], faults


def test_another_validation_fold_is_found_with_the_dataset(results, tmp_path, matched_dataset):  # noqa: F811
    def moved(table: pa.Table) -> pa.Table:
        for model in ("one", "two"):
            table = changed("validation", model, "row", lambda rows: rows + 1)(table)
        return table

    other = forged(results, tmp_path / "other", moved)
    assert validate_record(other) == []
    faults = validate_record(other, matched_dataset)
    assert faults == [
        f"ppi, {name}: its validation fold is not the one of the record's seed" for name in ("one", "two")
    ]


def test_matched_predictions_of_a_dataset_without_them_are_found(results, tmp_path, tiny_dataset):
    record = read_record(results)
    tiny = evaluate({}, tiny_dataset, ["ppi"], baselines=["majority"]).dataset
    write_record(
        replace(record, dataset=dict(tiny)), read_predictions(results), tmp_path, read_further(results)
    )
    assert "ppi: identity-matched predictions, but the dataset has none" in validate_record(
        tmp_path, tiny_dataset
    )


def test_tables_that_are_too_large_or_broken_are_refused(results, tmp_path, monkeypatch):
    broken = forged(results, tmp_path / "broken", lambda table: table)
    path = broken / "further-predictions.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"further-predictions\.parquet: not a readable Parquet file"):
        validate_record(broken)
    rows = len(read_predictions(results))
    assert len(read_further(results)) != rows
    monkeypatch.setattr(submissions, "MOST_PREDICTIONS", min(rows, len(read_further(results))))
    with pytest.raises(SourceError, match=r"predictions\.parquet: .* rows; expected"):
        validate_record(results)
