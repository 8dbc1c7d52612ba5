"""A record is believed when its numbers follow from its predictions, and from the dataset's examples."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from genoprot_datasets.errors import SourceError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.cli import main
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.leaderboard import submissions, validate_record
from genoprot_evaluate.leaderboard.validation import MOST_PRINTED
from genoprot_evaluate.results import PREDICTIONS, read_further, read_predictions, read_record, write_record


@pytest.fixture(scope="module")
def results(tiny_dataset, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("results") / "honest"
    names = [f"Q{number:05d}" for number in range(40)]
    rng = generator(0, "validate")
    embeddings = {name: (names, rng.standard_normal((40, 5)).astype(np.float32)) for name in ("one", "two")}
    evaluate(embeddings, tiny_dataset, tasks=["pfam", "melanoma"], baselines=["majority", "length"], out=out)
    return out


def with_cell(record, task, model, **changes):
    cells = {**record.scores[task], model: replace(record.scores[task][model], **changes)}
    return replace(record, scores={**record.scores, task: cells})


def rewritten(results: Path, out: Path, change=None, column=None, values=None, keep=None) -> Path:
    record, predictions = read_record(results), read_predictions(results)
    if change is not None:
        record = change(record)
    if column is not None:
        place = predictions.column_names.index(column)
        predictions = predictions.set_column(place, PREDICTIONS.field(column), [values(predictions)])
    if keep is not None:
        predictions = predictions.filter(keep(predictions))
    write_record(record, predictions, out, read_further(results))
    return out


def test_an_honest_record_holds(results, tiny_dataset, capsys):
    assert validate_record(results) == []
    assert validate_record(results, tiny_dataset) == []
    assert main(["validate-record", str(results), "--dataset", str(tiny_dataset)]) == 0
    assert "holds" in capsys.readouterr().out


def summary(cell, mean):
    return replace(cell.accuracy, mean=mean)


FORGED = {
    "a better mean": (
        lambda r: with_cell(r, "pfam", "one", accuracy=summary(r.scores["pfam"]["one"], 0.99)),
        r"pfam, one: accuracy\.mean is 0\.99, its predictions give",
    ),
    "a narrower interval": (
        lambda r: with_cell(
            r, "pfam", "one", interval=replace(r.scores["pfam"]["one"].interval, low=0.49, high=0.51)
        ),
        r"pfam, one: interval\.",
    ),
    "a better AUROC": (
        lambda r: with_cell(r, "melanoma", "two", auroc=summary(r.scores["pfam"]["two"], 0.9)),
        r"melanoma, two: auroc\.",
    ),
    "a comparison": (
        lambda r: replace(
            r,
            comparisons={
                **r.comparisons,
                "pfam": (replace(r.comparisons["pfam"][0], p=0.001), *r.comparisons["pfam"][1:]),
            },
        ),
        r"pfam: comparisons\.0\.p is 0\.001",
    ),
    "a challenge accuracy": (
        lambda r: with_cell(r, "pfam", "two", challenge_accuracy=0.99),
        r"pfam, two: challenge_accuracy is 0\.99, its predictions give",
    ),
    "a gain": (
        lambda r: replace(
            r, gains={**r.gains, "pfam": (replace(r.gains["pfam"][0], together=0.9), *r.gains["pfam"][1:])}
        ),
        r"pfam: gains\.0\.together is 0\.9",
    ),
    "a validation accuracy": (
        lambda r: with_cell(r, "melanoma", "two", validation_accuracy=0.99),
        r"melanoma, two: validation_accuracy is 0\.99, its predictions give",
    ),
    "a coefficient": (
        lambda r: replace(
            r,
            combinations={
                **r.combinations,
                "pfam": replace(r.combinations["pfam"], coefficients={"one": 9.0, "two": 0.0}),
            },
        ),
        r"pfam: combinations\.coefficients\.one is 9",
    ),
    "an accuracy on matched pairs": (
        lambda r: with_cell(r, "pfam", "one", matched_accuracy=0.9, matched_examples=100),
        r"pfam, one: matched_accuracy is 0\.9, its predictions give None",
    ),
    "accuracies of seeds": (
        lambda r: with_cell(r, "pfam", "one", seed_accuracies=(0.7, 0.7)),
        r"pfam, one: 2 accuracies of seeds, and predictions of 0 further ones",
    ),
    "a vote": (
        lambda r: replace(
            r,
            ensembles={
                **r.ensembles,
                "pfam": replace(r.ensembles["pfam"], weights={"one": 0.9, "two": 0.1}),
            },
        ),
        r"pfam: weights\.one is 0\.9",
    ),
    "a score without predictions": (
        lambda r: with_cell(r, "pfam", "one", status="N/A", reason="none", accuracy=None),
        r"pfam, one: predictions but no score",
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_number_is_named(results, tmp_path, what, capsys):
    change, message = FORGED[what]
    forged = rewritten(results, tmp_path / "forged", change)
    assert main(["validate-record", str(forged)]) == 1
    assert re.search(message, capsys.readouterr().out)


def flipped(predictions):
    labels = predictions["label"].to_numpy().copy()
    labels[0] = 1 - labels[0]
    return labels


def confident(predictions):
    """Probabilities of one model as if it had known the answers."""
    values = predictions["probability"].to_numpy().copy()
    chosen = (predictions["model"].to_numpy(zero_copy_only=False) == "one") & (
        predictions["task"].to_numpy(zero_copy_only=False) == "pfam"
    )
    values[chosen] = predictions["label"].to_numpy()[chosen]
    return values


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("label", flipped, "its examples or labels are not those of"),
        ("probability", confident, "pfam, one: a predicted class is not the one that its probability gives"),
        ("probability", lambda p: p["probability"].to_numpy() + 2, "a probability is not between 0 and 1"),
        ("row", lambda p: np.zeros(len(p), np.int32), "a row of the eval split comes twice"),
    ],
)
def test_forged_predictions_are_named(results, tmp_path, column, values, message):
    forged = rewritten(results, tmp_path / "forged", column=column, values=values)
    assert any(message in fault for fault in validate_record(forged))


def test_predictions_that_are_missing_are_named(results, tmp_path):
    forged = rewritten(results, tmp_path / "forged", keep=lambda p: pc.not_equal(p["model"], "two"))
    faults = validate_record(forged)
    assert "pfam, two: a score but no predictions" in faults
    (forged / "predictions.parquet").unlink()
    with pytest.raises(SourceError, match=r"predictions\.parquet: not found"):
        validate_record(forged)


def test_easier_examples_are_found_with_the_dataset(results, tmp_path, tiny_dataset):
    """Every model's labels changed alike agree with one another, but not with the dataset."""

    def easier(predictions):
        labels = predictions["label"].to_numpy().copy()
        labels[predictions["row"].to_numpy() == 0] ^= 1
        return labels

    forged = rewritten(results, tmp_path / "forged", column="label", values=easier)
    assert any("labels are not those of" in fault for fault in validate_record(forged, tiny_dataset))
    alike = rewritten(
        results, tmp_path / "alike", column="identity", values=lambda p: np.full(len(p), 0.5, np.float32)
    )
    assert any("pfam: its identities are not those of" in f for f in validate_record(alike, tiny_dataset))
    fewer = rewritten(results, tmp_path / "fewer", keep=lambda p: pc.greater(p["row"], 3))
    assert any("its examples are not those of" in fault for fault in validate_record(fewer, tiny_dataset))


def test_another_dataset_is_named(results, tmp_path, tiny_dataset):
    other = rewritten(
        results,
        tmp_path / "other",
        lambda r: replace(r, dataset={**r.dataset, "fingerprint": "f" * 64}),
    )
    (fault,) = validate_record(other, tiny_dataset)
    assert fault.startswith("dataset: the record has fingerprint ffffffffffff")


def test_what_is_no_record_is_an_error(results, tmp_path, capsys):
    shutil.copytree(results, tmp_path / "broken")
    (tmp_path / "broken" / "results.json").write_text('{"schema_version": 99}')
    assert main(["validate-record", str(tmp_path / "broken")]) == 2
    assert "schema_version is 99" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({"head": HeadConfig(seeds=2)}, 0),
        ({"head": HeadConfig(symmetric=True)}, 0),
        ({"head": HeadConfig(validation="proteins")}, 0),
        ({"missing": "drop", "missing_share": 0.2}, 3),
    ],
    ids=["seeds", "symmetric", "proteins held out", "dropped examples"],
)
def test_honest_records_of_every_option_hold(tiny_dataset, tmp_path, options, first):
    names = [f"Q{number:05d}" for number in range(first, 40)]
    vectors = generator(0, "options").standard_normal((len(names), 5)).astype(np.float32)
    record = evaluate(
        {"one": (names, vectors)}, tiny_dataset, tasks=["pfam"], baselines=[], out=tmp_path / "r", **options
    )
    assert bool(first) == (sum(lost.eval for lost in record.dropped.values()) > 0)
    assert validate_record(tmp_path / "r") == []
    assert validate_record(tmp_path / "r", tiny_dataset) == []


@pytest.mark.parametrize(
    ("members", "message"),
    [((), "the record names no members"), (("one", "three"), "ensemble members without predictions: three")],
)
def test_votes_without_their_members_are_named(results, tmp_path, members, message):
    def change(record):
        changed = {task: replace(ensemble, members=members) for task, ensemble in record.ensembles.items()}
        return replace(record, ensembles=changed)

    faults = validate_record(rewritten(results, tmp_path / "forged", change))
    assert [fault for fault in faults if message in fault]


def test_predictions_that_unpack_to_too_many_rows_are_refused(results, monkeypatch):
    monkeypatch.setattr(submissions, "MOST_PREDICTIONS", 10)
    with pytest.raises(SourceError, match=r"predictions\.parquet: .* rows; expected 10 at most"):
        validate_record(results)


def test_a_flood_of_differences_is_cut_short_unless_all_are_asked_for(results, tmp_path, capsys):
    other_seed = rewritten(results, tmp_path / "seed", change=lambda record: replace(record, seed=7))
    faults = validate_record(other_seed)
    rest = len(faults) - MOST_PRINTED
    assert rest > 0
    assert main(["validate-record", str(other_seed)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[:-1] == [f"{other_seed}: {fault}" for fault in faults[:MOST_PRINTED]]
    assert printed[-1] == f"{other_seed}: and {rest:,} more; --all prints them"
    assert main(["validate-record", str(other_seed), "--all"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == len(faults)
