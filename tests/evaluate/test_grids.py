"""Tables beside the scores: what stands in them is what stands in the record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_records import make_record

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.comparison import lifts
from genoprot_evaluate.ensembles import PAPER_MEMBERS
from genoprot_evaluate.grids import (
    Grid,
    all_grids,
    format_grid,
    gain_grid,
    learned_grid,
    lift_grid,
    ranking_grid,
    weight_grid,
)
from genoprot_evaluate.ranking import rank_models
from genoprot_evaluate.results import Ensemble, Gain
from genoprot_evaluate.tables import format_scores


@pytest.fixture(scope="module")
def record():
    return make_record(tasks=("pfam", "ppi"))


def test_weights_stand_as_in_table_3_of_the_paper(record):
    weights = dict(zip(PAPER_MEMBERS, (0.166, 0.158, 0.167, 0.166, 0.174, 0.169)))
    given = {"pfam": Ensemble(tuple(sorted(weights)), weights), "ppi": Ensemble(("kmer-4",), {"kmer-4": 1.0})}
    grid = weight_grid(replace(record, ensembles=given))
    assert grid.heading == ("Task", *PAPER_MEMBERS, "kmer-4")
    assert grid.rows[0] == (TASKS["pfam"].title, "0.166", "0.158", "0.167", "0.166", "0.174", "0.169", "–")
    assert grid.rows[1] == (TASKS["ppi"].title, *"––––––", "1.000")
    assert weight_grid(replace(record, ensembles={task: Ensemble((), {}) for task in record.tasks})) is None


def test_models_stand_by_their_rank_over_all_tasks(record):
    grid, ranking = ranking_grid(record), rank_models(record)
    assert [row[0] for row in grid.rows] == list(ranking.ranks)
    assert [float(row[1]) for row in grid.rows] == [round(rank, 1) for rank in ranking.ranks.values()]
    assert [float(row[1]) for row in grid.rows] == sorted(float(row[1]) for row in grid.rows)
    assert f"less than {ranking.critical_difference:.1f} apart" in grid.note
    assert ranking_grid(make_record(tasks=("ppi",))) is None


def test_lift_names_the_baseline_and_has_no_row_for_any(record):
    grid = lift_grid(record)
    assert grid.heading == ("Model", TASKS["pfam"].title, TASKS["ppi"].title)
    rows = {row[0]: row[1:] for row in grid.rows}
    assert not any(name.startswith("baseline:") for name in rows)
    for place, task in enumerate(("pfam", "ppi")):
        found = lifts(record, task)
        assert "baseline:" + rows["best baseline"][place] == found["kmer-4"].baseline
        difference = found["kmer-4"].difference
        assert rows["kmer-4"][place] == f"{100 * difference:+.1f} ({difference / 0.05:+.1f})"
    assert rows["evo2-7b"][1] == "–"
    # Records of version 1 have no standard errors.
    old = tuple(replace(pair, error=None) for pair in record.comparisons["ppi"])
    cells = {row[0]: row[1] for row in lift_grid(replace(record, comparisons={"ppi": old})).rows}
    assert cells["kmer-4"].endswith(" (–)")
    assert lift_grid(replace(record, comparisons={})) is None


def test_gains_are_marked_where_the_interval_leaves_zero_out(record):
    gains = (
        Gain("spliceai", "ensemble:soft", 0.75, 0.7, 0.02, 0.08, 0.001),
        Gain("kmer-4", "ensemble:soft", 0.75, 0.76, -0.03, 0.01, 0.5),
        Gain("lucaone", "ensemble:hard", 0.75, 0.7, 0.02, 0.08, 0.001),
    )
    gains += (Gain("composition", "ensemble:soft", 0.75, 0.7501, -0.03, 0.01, 0.5),)
    grid = gain_grid(replace(record, gains={"ppi": gains}), "ensemble:soft")
    assert grid.heading == ("Encoder", TASKS["ppi"].title)
    rows = dict(grid.rows)
    assert (rows["spliceai"], rows["kmer-4"], rows["lucaone"]) == ("+5.0*", "-1.0", "–")
    assert rows["composition"] == "0.0"
    assert gain_grid(record, "ensemble:max") is None


def test_what_was_learned(record):
    assert learned_grid(record).rows[0] == (TASKS["pfam"].title, "3 · +0.70 · 2.50")
    assert learned_grid(replace(record, combinations={})) is None


def test_text_has_every_cell_within_the_width():
    heading = ("Task", *(f"model-{number}" for number in range(12)))
    rows = tuple((f"task {row}", *(f"{row}.{number:03d}" for number in range(12))) for row in range(3))
    text = format_grid(Grid("Title", "A note.", heading, rows), 50)
    assert max(map(len, text.splitlines())) <= 50
    for row in rows:
        assert all(cell in text for cell in row)
    assert text.startswith("Title\nA note.\n\n")


def test_terminal_shows_all_of_them(record):
    text = " ".join(format_scores(record, 200).split())
    for grid in all_grids(record):
        assert grid.title in text
    assert "12 train and 3 eval examples fell away for all models" in text
