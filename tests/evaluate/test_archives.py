"""Files of every layout, as the code of that version wrote them, still open."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from genoprot_evaluate.comparison import lifts
from genoprot_evaluate.heads import load_head
from genoprot_evaluate.heads.saving import SCHEMA_VERSION as HEAD_VERSION
from genoprot_evaluate.predict import predict
from genoprot_evaluate.report.exports import scores_csv, scores_markdown
from genoprot_evaluate.results import (
    FURTHER,
    FURTHER_VERSION,
    PREDICTIONS,
    PREDICTIONS_VERSION,
    SCHEMA_VERSION,
    ResultRecord,
    read_further,
    read_predictions,
    read_record,
)
from genoprot_evaluate.tables import format_scores, score_rows

ARCHIVES = Path(__file__).parents[1] / "data" / "archives"
VERSIONS = range(1, SCHEMA_VERSION + 1)


@pytest.fixture(params=VERSIONS)
def archived(request) -> tuple[dict, ResultRecord]:
    path = ARCHIVES / f"results-v{request.param}.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert raw["schema_version"] == request.param
    return raw, read_record(path)


def test_there_is_one_of_each_version():
    records = [f"results-v{n}.json" for n in VERSIONS]
    further = [f"further-predictions-v{n}.parquet" for n in range(1, FURTHER_VERSION + 1)]
    predictions = [f"predictions-v{n}.parquet" for n in range(1, PREDICTIONS_VERSION + 1)]
    heads = [f"head-v{n}.safetensors" for n in range(1, HEAD_VERSION + 1)]
    assert sorted(path.name for path in ARCHIVES.iterdir()) == [*further, *heads, *predictions, *records]


def test_further_predictions_are_read():
    table = read_further(ARCHIVES / "further-predictions-v1.parquet")
    assert table.schema.names == FURTHER.names
    assert sorted(set(table["part"].to_pylist())) == ["matched", "seed", "validation"]
    assert table["probability"].to_pylist() == [0.25, 0.75, 0.5, 1.0]
    assert table["predicted"].to_pylist() == [0, 1, 0, 1]


def test_further_predictions_of_a_language_model_may_lack_probabilities():
    table = read_further(ARCHIVES / "further-predictions-v2.parquet")
    assert table.schema == FURTHER
    assert table["probability"].to_pylist() == [0.25, 0.75, 0.5, 1.0, None, None]
    assert table["predicted"].to_pylist() == [0, 1, 0, 1, 1, -1]


@pytest.mark.parametrize("version", range(1, PREDICTIONS_VERSION + 1))
def test_predictions_are_read(version):
    table = read_predictions(ARCHIVES / f"predictions-v{version}.parquet")
    assert table.schema.equals(PREDICTIONS, check_metadata=True)
    found = table.to_pylist()
    assert [row["probability"] for row in found] == [0.25, 0.75, None, None] * 2
    assert [row["predicted"] for row in found] == [0, 1, -1, -1] * 2
    known = [0.125, 0.5] if version > 1 else [None, None]
    assert [row["identity"] for row in found] == known * 2 + [None] * 4
    assert [row["challenge"] for row in found] == ([False, True] if version > 1 else known) * 2 + [None] * 4


def test_a_head_of_vectors_without_a_view_is_read_and_applied():
    head, origin = load_head(ARCHIVES / "head-v1.safetensors")
    assert origin == {"dataset": "0" * 64, "encoder": "mine", "readout": None, "seed": 0, "task": "melanoma"}
    vectors = np.array([[1.0, 2.0], [3.0, 5.0]], dtype=np.float32)
    pairs = pa.table({"accession": ["P1", "P2"]})
    found = predict(ARCHIVES / "head-v1.safetensors", (["P1", "P2"], vectors), pairs)
    # Centred by (1, 1) and scaled by (2, 4); then ReLU of the sum, and the logit one half of it less one.
    logits = np.array([(0 + 0.25) / 2 - 1, (1 + 1) / 2 - 1])
    assert found["probability"].to_pylist() == pytest.approx((1 / (1 + np.exp(-logits))).tolist())


def test_everything_in_it_is_read(archived):
    raw, record = archived
    assert record.schema_version == SCHEMA_VERSION

    def holds(found, stored):
        if isinstance(stored, dict):
            return all(holds(found[key], value) for key, value in stored.items())
        if isinstance(stored, list):
            return len(found) == len(stored) and all(map(holds, found, stored))
        return found == stored

    assert holds(record.to_dict(), raw | {"schema_version": SCHEMA_VERSION})
    assert record.tasks == ("ppi", "melanoma")
    assert record.scores["ppi"]["beta"].status == "N/A"


def test_it_is_written_again_as_one_of_this_version(archived):
    _, record = archived
    assert ResultRecord.from_json(record.to_json()) == record


def test_every_table_is_drawn_from_it(archived):
    _, record = archived
    rows = score_rows(record)
    assert len(rows) == 2 * len(record.models)
    assert "alpha" in format_scores(record)
    assert scores_csv(record).count("\n") == len(rows) + 1
    assert "| alpha |" in scores_markdown(record)
    assert lifts(record, "ppi")["alpha"].baseline.startswith("baseline:")
