"""Result records of every layout, as the code of that version wrote them, still open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genoprot_evaluate.comparison import lifts
from genoprot_evaluate.report.exports import scores_csv, scores_markdown
from genoprot_evaluate.results import SCHEMA_VERSION, ResultRecord, read_record
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
    assert sorted(path.name for path in ARCHIVES.iterdir()) == [f"results-v{n}.json" for n in VERSIONS]


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
