"""The result record: what is written is read back, and nothing else is."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.results import (
    PREDICTIONS,
    Combination,
    CombinedRecord,
    Comparison,
    Dropped,
    Ensemble,
    Gain,
    IdentityBin,
    Interval,
    ResultRecord,
    Score,
    ScoredModel,
    read_predictions,
    read_record,
    write_record,
)
from genoprot_evaluate.statistics import summarise


def make_record(**changes) -> ResultRecord:
    samples = summarise([0.1 + 0.2, 0.5])
    scored = Score(
        *("OK", None, samples, samples, summarise([0.1, None]), 0.75, None, 0, 40, 20, 7),
        auprc=samples,
        calibration_error=0.1,
        identity_bins=(IdentityBin(0.0, 0.5, 20, 0.4), IdentityBin(0.5, 1.0, 0, None)),
        interval=Interval(0.3, 0.5, 0.95, 2000),
        note="validated otherwise",
        matched_accuracy=0.6,
        matched_examples=30,
    )
    facts = {
        "dataset": {"name": "tiny", "fingerprint": "0" * 64, "genes": 40, "folds": {"train": 26, "eval": 14}},
        "seed": 3,
        "head": HeadConfig().to_dict(),
        "versions": {"numpy": "2.0"},
        "models": {
            "zeta": ScoredModel("encoder", "Zeta", "dna", 4),
            "alpha": ScoredModel("encoder", "Alpha"),
            "ensemble:soft": ScoredModel("ensemble", "soft voting"),
        },
        "scores": {
            "ppi": {"zeta": scored, "alpha": Score("ERROR", "it broke"), "ensemble:soft": scored},
            "pfam": {name: Score("N/A", "no data") for name in ("zeta", "alpha", "ensemble:soft")},
        },
        "ensembles": {
            "ppi": Ensemble(("zeta",), {"zeta": 1.0}, {"alpha": "it broke"}),
            "pfam": Ensemble((), {}, {"zeta": "no data", "alpha": "no data"}),
        },
        "comparisons": {"ppi": (Comparison("ensemble:soft", "zeta", 0.0, -0.1, 0.1, 1.0, 0.05),)},
        "combinations": {"ppi": Combination(("zeta",), 4, {"zeta": 2}, {"zeta": 0.5}, -0.1, {"zeta": 1.5})},
        "gains": {"ppi": (Gain("zeta", "ensemble:soft", 0.7, 0.6, 0.05, 0.15, 0.01),)},
        "dropped": {"ppi": Dropped({"zeta": ("P00009",)}, 3, 2)},
        "combined_from": (CombinedRecord("one", {"results.json": "0" * 64}, ("zeta",), {"numpy": "2.0"}),),
    }
    return ResultRecord(**facts | changes)


def make_predictions(rows: int = 4) -> pa.Table:
    columns = {
        "task": ["ppi"] * rows,
        "sample": np.arange(rows, dtype=np.int8),
        "row": np.arange(rows, dtype=np.int32),
        "accession_a": ["P00001"] * rows,
        "accession_b": ["P00002", None] * (rows // 2),
        "identity": [0.25, None] * (rows // 2),
        "challenge": [True, None] * (rows // 2),
        "model": ["zeta"] * rows,
        "label": np.ones(rows, dtype=np.int8),
        "predicted": np.ones(rows, dtype=np.int8),
        "probability": np.linspace(0.6, 0.9, rows),
    }
    return pa.table(columns, schema=PREDICTIONS)


def test_record_comes_back_as_it_was(tmp_path):
    record = make_record()
    path = write_record(record, make_predictions(), tmp_path / "results")
    assert path == tmp_path / "results" / "results.json"
    assert read_record(path) == read_record(path.parent) == record
    assert read_predictions(path.parent).equals(make_predictions())
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "further-predictions.parquet",
        "predictions.parquet",
        "results.json",
    ]


def test_floats_are_written_to_the_last_digit_and_keys_sorted():
    text = make_record().to_json()
    assert "0.30000000000000004" in text
    raw = json.loads(text)
    assert list(raw) == sorted(raw)
    assert raw["schema_version"] == 4
    assert raw["scores"]["ppi"]["zeta"]["accuracy"]["samples"] == [0.1 + 0.2, 0.5]
    assert make_record().to_dict() == raw


def test_a_record_is_shown_in_one_line():
    assert repr(make_record()) == "<ResultRecord of tiny, seed 3: pfam, ppi; 2 encoders, 1 ensemble>"


def test_order_of_entries_does_not_show():
    record = make_record()
    turned = make_record(
        models=dict(reversed(record.models.items())), scores=dict(reversed(record.scores.items()))
    )
    assert turned.to_json() == record.to_json()
    assert turned.tasks == record.tasks == ("pfam", "ppi")
    assert turned.models_of("encoder") == ("alpha", "zeta")


def test_same_record_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_record(make_record(), make_predictions(), tmp_path / name)
    for name in ("results.json", "predictions.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def _without(raw: dict, *path: str) -> dict:
    entry = raw
    for key in path[:-1]:
        entry = entry[key]
    del entry[path[-1]]
    return raw


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("seed",), "record: key 'seed' is missing"),
        (("models", "zeta", "kind"), "record.models.zeta: key 'kind' is missing"),
        (("scores", "ppi", "zeta", "mcc"), "record.scores.ppi.zeta: key 'mcc' is missing"),
        (
            ("scores", "ppi", "zeta", "accuracy", "std"),
            "record.scores.ppi.zeta.accuracy: key 'std' is missing",
        ),
        (("gains",), "record: key 'gains' is missing"),
        (("ensembles", "ppi", "weights"), "record.ensembles.ppi: key 'weights' is missing"),
    ],
)
def test_missing_key_is_named(path, message):
    raw = _without(make_record().to_dict(), *path)
    with pytest.raises(SourceError) as error:
        ResultRecord.from_json(json.dumps(raw), "somewhere/results.json")
    assert str(error.value) == f"somewhere/results.json: {message}"


def _changed(change) -> str:
    raw = make_record().to_dict()
    change(raw)
    return json.dumps(raw)


def _nested(depth: int) -> list:
    return [_nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "schema_version is None"),
        (_changed(lambda raw: raw.update(schema_version=5)), "schema_version is 5; .* reads 1, 2, 3, 4"),
        (
            _changed(lambda raw: raw.update(schema_version=True)),
            "schema_version is True; .* reads 1, 2",
        ),
        (_changed(lambda raw: raw.update(schema_version=4.0)), "schema_version is 4.0; .* reads 1, 2, 3, 4"),
        ("[" * 100_000, r"not valid JSON \(nested too deeply\)"),
        (_changed(lambda raw: raw["head"].update(x=[float("nan")])), "head.x: expected a finite number"),
        (_changed(lambda raw: raw["head"].update(x=_nested(30))), "head.x: nested more than 20 deep"),
        (_changed(lambda raw: raw.update(seed=-1)), "record.seed: expected 0 or more, found -1"),
        (_changed(lambda raw: raw.update(seed=10**40)), "record.seed: expected int, found 1000"),
        (
            _changed(lambda raw: raw["models"]["zeta"].update(parameters=10**1000)),
            "zeta.parameters: expected int, found 1000",
        ),
        (
            _changed(lambda raw: raw["models"]["zeta"].update(parameters=-5)),
            "zeta.parameters: expected 0 or more, found -5",
        ),
        (
            _changed(lambda raw: raw["scores"].update({"../x": raw["scores"]["ppi"]})),
            "record.scores: no such task as '../x'",
        ),
        (_changed(lambda raw: raw["gains"].update(x=[])), "record.gains: no such task as 'x'"),
        (_changed(lambda raw: raw.update(extra=1)), "record: unknown key 'extra'"),
        (_changed(lambda raw: raw.update(scores=[])), "scores: expected an object, found list"),
        (_changed(lambda raw: raw["scores"].update(ppi=1)), "scores.ppi: expected an object, found int"),
        (_changed(lambda raw: raw["scores"]["ppi"]["zeta"].update(status="FINE")), "status 'FINE'"),
        (
            _changed(lambda raw: raw["scores"]["ppi"]["zeta"].update(accuracy=None)),
            "zeta: status OK with no accuracy",
        ),
        (_changed(lambda raw: raw["models"]["zeta"].update(kind="oracle")), "kind 'oracle'"),
        (_changed(lambda raw: raw["comparisons"]["ppi"][0].update(second="x")), "no such model as 'x'"),
        (_changed(lambda raw: raw["gains"]["ppi"][0].update(encoder="x")), "gains.ppi: no such model as 'x'"),
        (
            _changed(lambda raw: raw["comparisons"]["ppi"][0].update(p="0")),
            "ppi.0.p: expected float, found '0'",
        ),
        (
            _changed(lambda raw: raw["scores"]["ppi"]["zeta"]["interval"].update(high=1.5)),
            "an accuracy of 1.5, expected 0 to 1",
        ),
        (
            _changed(lambda raw: raw["scores"]["ppi"]["zeta"]["identity_bins"][0].update(accuracy=-1)),
            "an accuracy of -1, expected 0 to 1",
        ),
    ],
)
def test_what_is_no_record_is_refused(text, message):
    with pytest.raises(SourceError, match=message):
        ResultRecord.from_json(text)


def test_no_record_there(tmp_path):
    with pytest.raises(SourceError, match="results.json: not found; `genoprot evaluate --out FOLDER`"):
        read_record(tmp_path)


def test_predictions_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(SourceError, match="predictions.parquet: not found"):
        read_predictions(tmp_path)
    path = tmp_path / "predictions.parquet"
    path.write_text("no table")
    with pytest.raises(SourceError, match="not a readable Parquet file"):
        read_predictions(tmp_path)
    pq.write_table(make_predictions().replace_schema_metadata({"genoprot_schema_version": "3"}), path)
    with pytest.raises(SourceError, match="schema version 3; this version of genoprot reads none, 2"):
        read_predictions(path)
    pq.write_table(make_predictions().replace_schema_metadata(None), path)
    assert read_predictions(path).equals(make_predictions())
    pq.write_table(make_predictions().drop_columns(["accession_b", "label"]), path)
    with pytest.raises(SourceError, match="no column accession_b, label"):
        read_predictions(path)
    table = make_predictions()
    place = table.column_names.index("label")
    pq.write_table(table.set_column(place, "label", pa.array(["yes"] * len(table))), path)
    with pytest.raises(SourceError, match=r"predictions\.parquet: not a readable Parquet file"):
        read_predictions(path)


def test_failed_write_leaves_the_old_record_and_other_files(tmp_path):
    write_record(make_record(), make_predictions(), tmp_path)
    (tmp_path / "llm.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(make_record(head={"learning_rate": float("nan")}), make_predictions(2), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_record(make_record(seed=4), make_predictions(2), tmp_path)
    assert read_record(tmp_path).seed == 4
    assert (tmp_path / "llm.json").read_text() == "{}"


def test_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "results").write_text("mine")
    with pytest.raises(GenoProtError, match="exists and is not a folder"):
        write_record(make_record(), make_predictions(), tmp_path / "results")
    assert (tmp_path / "results").read_text() == "mine"


def test_predictions_damaged_on_the_way_are_refused(tmp_path):
    """Also where the damaged page still unpacks."""
    write_record(make_record(), make_predictions(), tmp_path)
    path = tmp_path / "predictions.parquet"
    column = pq.read_metadata(path).row_group(0).column(8)
    content = bytearray(path.read_bytes())
    end = column.data_page_offset + column.total_compressed_size
    content[end - 1] ^= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"predictions\.parquet: not a readable Parquet file .*CRC"):
        read_predictions(tmp_path)
