"""The tables as files: numbers come back to the last digit, markup stays text."""

from __future__ import annotations

import csv
import io
import re

from report_records import HOSTILE, SCRIPT, make_record

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.ranking import rank_models
from genoprot_evaluate.report.exports import scores_csv, scores_markdown
from genoprot_evaluate.report.facts import CAVEATS


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_comes_back_as_the_record():
    record = make_record(HOSTILE)
    rows = rows_of(scores_csv(record))
    assert len(rows) == len(TASKS) * len(record.models)
    assert {(row["task"], row["model"]) for row in rows} == {
        (task, name) for task in TASKS for name in record.models
    }
    for row in rows:
        model, score = record.models[row["model"]], record.scores[row["task"]][row["model"]]
        assert (row["kind"], row["modality"]) == (model.kind, model.modality or "")
        assert row["dimension"] == ("" if model.dimension is None else str(model.dimension))
        assert (row["status"], row["reason"]) == (score.status, score.reason or "")
        mean = score.accuracy and score.accuracy.mean
        assert row["accuracy_mean"] == ("" if mean is None else repr(mean))
        samples = score.accuracy.samples if score.accuracy else ()
        found = [row[f"accuracy_{number}"] for number in range(10)]
        padded = [*samples, *[None] * (10 - len(samples))]
        assert found == ["" if value is None else repr(value) for value in padded]
        assert row["best"] in {"0", "1"}
        assert row["tied"] in {"0", "1"}
        assert row["better"] in {"0", "1"}
        assert (row["accuracy_low"], row["accuracy_high"]) == (
            ("", "") if score.interval is None else (repr(score.interval.low), repr(score.interval.high))
        )
        measured = bool(score.identity_bins)
        assert row["accuracy_identity_0_0.1"] == ("0.75" if measured else "")
        assert row["examples_identity_0.1_1"] == ("1000" if measured else "")
        assert row["calibration_error"] == ("0.125" if measured else "")


def test_csv_marks_a_best_model_for_every_task():
    rows = rows_of(scores_csv(make_record()))
    assert {row["task"] for row in rows if row["best"] == "1"} == set(TASKS)
    assert not [row for row in rows if row["best"] == "1" and row["kind"] == "baseline"]


def tables_of(text: str) -> list[list[list[str]]]:
    """Cells of the Markdown tables, by the bars that are not escaped."""
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    return [
        [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
        for block in blocks
    ]


def test_markdown_has_a_table_per_class_with_every_model_and_task():
    record = make_record(HOSTILE)
    tables = tables_of(scores_markdown(record).partition("## Lift")[0])
    assert [table[0][0] for table in tables] == [
        "DNA encoders",
        "Protein encoders",
        "DNA and protein encoders",
        "Other encoders",
        "Ensembles",
        "Beyond the paper's ensembles",
        "Baselines",
    ]
    assert sum(len(table) - 2 for table in tables) == len(record.models)
    for table in tables:
        assert table[0][1:] == [TASKS[task].title for task in record.tasks]
        assert {len(line) for line in table} == {1 + len(TASKS)}


def test_markdown_says_which_differences_hold():
    record = make_record(HOSTILE)
    ties, ranks = tables_of(scores_markdown(record).partition("## Which differences hold")[2])
    assert [row[0] for row in ties[2:]] == [TASKS[task].title for task in record.tasks]
    ranking = rank_models(record)
    assert [row[1] for row in ranks[2:]] == [f"{rank:.2f}" for rank in ranking.ranks.values()]
    assert set(ranking.left_out) == {"baseline:alignment", "evo2-7b", "spliceai"}
    assert "Not ranked, since not scored in all of them: baseline:alignment (8 of 9)" in scores_markdown(
        record
    )
    assert sum(int(row[3]) for row in ranks[2:]) > 0


def test_markdown_says_reasons_caveats_and_what_was_run():
    text = scores_markdown(make_record())
    assert "| baseline:alignment |" in text
    number = re.search(r"N/A \((\d)\)", text).group(1)
    assert f"\n{number}. a single record has no sequence identity to another\n" in text
    assert all(caveat in text for caveat in CAVEATS)
    assert "* Fingerprint: " + "0123456789abcdef" * 4 in text
    assert "* Head: hidden 512-128-64; learning rate 0.001\n" in text
    assert "* Seed: 7\n" in text


def test_markdown_without_gaps_has_no_list_of_reasons():
    assert "Cells without a score" not in scores_markdown(make_record(tasks=["pfam"]))


def test_markdown_keeps_markup_inert():
    text = scores_markdown(make_record(HOSTILE))
    assert SCRIPT not in text
    assert "<" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert r"a\|b\*c\_d\`e\`\[f\](javascript:alert(3))" in text
    assert "line break\ufffd\ufffd, and 核酸" in text
