"""The text table and the flat rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.comparison import best_models
from genoprot_evaluate.results import Ensemble, ResultRecord, Score, ScoredModel
from genoprot_evaluate.statistics import summarise
from genoprot_evaluate.tables import format_scores, percent, score_rows

ACCURACIES = {
    "kmer-4": (0.6, 0.7),
    "composition": (0.5, 0.6),
    "ensemble:hard": (0.65, 0.65),
    "ensemble:soft": (0.6, 0.6),
    "baseline:length": (0.9, 0.9),
}
KIND = {"ensemble": "ensemble", "baseline": "baseline"}


def make_record(tasks=("melanoma", "ppi"), extra: int = 0) -> ResultRecord:
    values = ACCURACIES | {f"encoder-number-{number}": (0.5, 0.5) for number in range(extra)}
    models = {
        name: ScoredModel(KIND.get(name.split(":")[0], "encoder"), name.upper(), None, 4) for name in values
    }
    scores = {
        task: {name: Score("OK", None, summarise(samples), epochs=3) for name, samples in values.items()}
        for task in tasks
    }
    if "melanoma" in tasks:
        scores["melanoma"]["composition"] = Score("N/A", "no vectors")
        scores["melanoma"]["kmer-4"] = Score("ERROR", "it broke")
        scores["melanoma"]["baseline:length"] = Score("N/A", "no vectors")
    return ResultRecord(
        dataset={"name": "tiny", "fingerprint": "0", "genes": 4, "folds": {"train": 2, "eval": 2}},
        seed=0,
        head={},
        versions={},
        models=models,
        scores=scores,
        ensembles={task: Ensemble((), {}) for task in tasks},
    )


def test_whole_table():
    text = format_scores(make_record(), 101)
    expected = """\
GENO-PROT accuracy on tiny in %: mean ± standard deviation over the eval samples

Encoders                       composition       kmer-4
Functional relationships
  Protein-protein interaction   55.0 ± 7.1   65.0 ± 7.1*
Biomedical associations
  Melanoma dependency              N/A [1]    ERROR [2]

Ensembles                            hard         soft
Functional relationships
  Protein-protein interaction  65.0 ± 0.0*  60.0 ± 0.0
Biomedical associations
  Melanoma dependency          65.0 ± 0.0*  60.0 ± 0.0

Baselines                          length
Functional relationships
  Protein-protein interaction  90.0 ± 0.0
Biomedical associations
  Melanoma dependency             N/A [1]

* best encoder or ensemble of the task

[1] no vectors
[2] it broke

All tasks together
Averages over 2 tasks; 1 is the best rank. Ranks less than 1.4 apart are not told apart (5% level,
Nemenyi). Not scored in all of them: baseline:length (1 of 2), composition (1 of 2), kmer-4 (1 of 2).

Model          Average rank  Mean accuracy
ensemble:hard           1.0           65.0
ensemble:soft           2.0           60.0
"""
    assert text == expected


@pytest.mark.parametrize("width", [60, 80, 120])
def test_wide_tables_are_wrapped(width):
    record = make_record(tuple(TASKS), extra=9)
    text = format_scores(record, width)
    lines = text.splitlines()
    assert max(map(len, lines[1:])) <= width
    scores = lines[: lines.index("All tasks together")]
    for name in record.models:
        assert sum(name.split(":")[-1] in line.split() for line in scores) == 1
    for task in TASKS.values():
        blocks = sum(line.startswith(f"  {task.title} ") for line in lines)
        assert blocks == sum(line.startswith(("Encoders", "Ensembles", "Baselines")) for line in lines)


def test_equal_bests_are_all_marked():
    record = make_record(("ppi",))
    assert best_models(record, "ppi") == {"kmer-4", "ensemble:hard"}
    assert best_models(make_record(("melanoma",)), "melanoma") == {"ensemble:hard"}


def test_nothing_is_best_where_nothing_is_scored():
    record = make_record(("ppi",))
    record.scores["ppi"].update({name: Score("N/A", "no data") for name in record.models})
    assert best_models(record, "ppi") == frozenset()
    assert "[1] no data" in format_scores(record)


def test_cells():
    assert percent(Score("OK", None, summarise([0.5]))) == "50.0"
    assert percent(Score("OK", None, summarise([0.5, None]))) == "undefined"
    assert percent(Score("ERROR", "it broke")) == "ERROR"


def test_rows_hold_every_cell_once():
    record = make_record()
    rows = score_rows(record)
    assert [(row["task"], row["model"]) for row in rows] == [
        (task, model)
        for task in ("ppi", "melanoma")
        for model in ("composition", "kmer-4", "ensemble:hard", "ensemble:soft", "baseline:length")
    ]
    first, failed = rows[0], rows[6]
    assert (first["accuracy_mean"], first["kind"], first["best"]) == (0.55, "encoder", False)
    assert (first["title"], first["group"]) == ("Protein-protein interaction", "Functional relationships")
    assert (failed["status"], failed["reason"], failed["accuracy_mean"]) == ("ERROR", "it broke", None)
    assert {tuple(row) for row in rows} == {tuple(first)}


def test_spread_over_seeds_and_the_order_of_pairs_are_told():
    record = make_record()
    cells = dict(record.scores["ppi"])
    name = next(name for name, score in cells.items() if score.status == "OK")
    cells[name] = replace(cells[name], seed_accuracies=(0.6, 0.7), order_difference=0.1, order_flips=0.125)
    changed = replace(record, scores={**record.scores, "ppi": cells})
    row = next(row for row in score_rows(changed) if (row["task"], row["model"]) == ("ppi", name))
    assert (row["seeds"], row["order_difference"], row["order_flips"]) == (2, 0.1, 0.125)
    assert row["seed_std"] == pytest.approx(0.05 * 2**0.5)
    text = " ".join(format_scores(changed).split())
    assert "12.5% to 12.5% of the eval pairs" in text
    assert "several seeds: 7.1 to 7.1 points" in text
    assert "several seeds" not in format_scores(record)
