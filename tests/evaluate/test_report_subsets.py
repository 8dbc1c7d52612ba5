"""Tables of the report about parts of the eval examples, about chance in training and order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_records import make_record

from genoprot_evaluate.report.exports import scores_markdown
from genoprot_evaluate.report.page import render_page
from genoprot_evaluate.report.subsets import identity_grid, subset_grids

TASKS = ("pfam", "ppi", "melanoma")


@pytest.fixture(scope="module")
def record():
    """Record of three tasks, one of which has every measure for one encoder."""
    plain = make_record(tasks=TASKS)
    cell = replace(
        plain.scores["pfam"]["kmer-4"],
        matched_accuracy=0.525,
        matched_examples=1200,
        seed_accuracies=(0.5, 0.6),
        order_difference=0.034,
        order_flips=0.125,
    )
    single = {
        name: replace(score, challenge_accuracy=None, challenge_examples=0, identity_bins=())
        for name, score in plain.scores["melanoma"].items()
    }
    scores = {**plain.scores, "pfam": {**plain.scores["pfam"], "kmer-4": cell}, "melanoma": single}
    return replace(plain, scores=scores)


def row(grid, name):
    return next(cells for cells in grid.rows if cells[0] == name)


def test_challenge_pairs_stand_with_their_number_for_tasks_that_have_any(record):
    challenge = subset_grids(record)[0]
    assert challenge.heading == ("Model", "Shared Pfam", "Protein-protein interaction")
    assert challenge.rows[0] == ("pairs", "120", "120")
    assert row(challenge, "kmer-4") == ("kmer-4", "60.0", "60.0")
    assert row(challenge, "evo2-7b") == ("evo2-7b", "60.0", "–")
    assert challenge.rows[-1][0] == "baseline:majority"


def test_what_only_one_encoder_has_stands_alone(record):
    _, matched, seeds, order = subset_grids(record)
    assert matched.rows == (("pairs", "1,200"), ("kmer-4", "52.5"))
    spread = 100 * record.scores["pfam"]["kmer-4"].accuracy.std
    assert seeds.rows == (("kmer-4", f"7.1 ({spread:.1f})"),)
    assert order.rows == (("kmer-4", "12.5 (0.03)"),)


def test_what_was_not_asked_for_has_no_table():
    assert [grid.title for grid in subset_grids(make_record(tasks=TASKS))] == ["Accuracy on challenge pairs"]


def test_identity_has_a_row_for_every_model_of_a_pair_task(record):
    grid = identity_grid(record)
    assert grid.heading == ("Task", "Model", "0 to 10%", "10 to 100%")
    assert {cells[0] for cells in grid.rows} == {"Shared Pfam", "Protein-protein interaction"}
    assert ("Shared Pfam", "kmer-4", "75.0 (2,000)", "50.0 (1,000)") in grid.rows
    assert len(grid.rows) == 2 * len(record.models) - 1
    bare = {
        task: {name: replace(score, identity_bins=()) for name, score in cells.items()}
        for task, cells in record.scores.items()
    }
    assert identity_grid(replace(record, scores=bare)) is None


def test_page_and_markdown_show_them(record):
    page, text = render_page(record, "<svg></svg>", "a\n"), scores_markdown(record)
    for grid in subset_grids(record):
        assert f"<h2>{grid.title}</h2>" in page
        assert f"## {grid.title}" in text
    assert "<summary>Accuracy by sequence identity</summary>" in page
    assert "75.0 (2,000)" in page
    assert "12.5 (0.03)" in page
    assert "| kmer-4 | 12.5 (0.03) |" in text
