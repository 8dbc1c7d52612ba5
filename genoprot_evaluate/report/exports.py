"""The scores as files for people and programs: `scores.csv` and `scores.md`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from importlib.resources import files
from string import Template
from typing import Any

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.grids import Grid, all_grids
from genoprot_evaluate.report.classes import CLASSES, models_by_class
from genoprot_evaluate.report.differences import differences_note, rank_rows, tie_rows
from genoprot_evaluate.report.facts import CAVEATS, numbered_reasons, printable, run_facts
from genoprot_evaluate.report.subsets import subset_grids
from genoprot_evaluate.results import ResultRecord
from genoprot_evaluate.tables import percent, score_rows

__all__ = ["scores_csv", "scores_markdown"]


def scores_csv(record: ResultRecord) -> str:
    """The scores as comma-separated values: one line per task and model.

    Columns are those of `tables.score_rows`, the model's modality and dimension, and the accuracy of each
    evaluation sample as ``accuracy_0``, ``accuracy_1``, ... Numbers are written to the last digit and
    read back as the same; what does not apply is empty; ``best``, ``tied``
    and ``better`` are 0 or 1.
    """
    rows = []
    for row in score_rows(record):
        model = record.models[row["model"]]
        accuracy = record.scores[row["task"]][row["model"]].accuracy
        samples = accuracy.samples if accuracy is not None else ()
        row |= {
            **{name: int(row[name]) for name in ("best", "tied", "better")},
            "modality": model.modality,
            "dimension": model.dimension,
        }
        rows.append(row | {f"accuracy_{number}": value for number, value in enumerate(samples)})
    columns = dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def scores_markdown(record: ResultRecord) -> str:
    """The scores as Markdown: a table per class of models, tasks across, accuracies in percent."""
    reasons = numbered_reasons(record)
    tables = []
    for key, names in models_by_class(record).items():
        heading = [CLASSES[key].title, *(TASKS[task].title for task in record.tasks)]
        lines = [_line(heading), _line(["---"] + ["---:"] * len(record.tasks))]
        for name in names:
            cells = [_cell(record, task, name, reasons) for task in record.tasks]
            lines.append(_line([_escaped(name), *cells]))
        tables.append("\n".join(lines))
    notes = "\n".join(f"{number}. {_escaped(reason)}" for reason, number in reasons.items())
    template = Template(files("genoprot_evaluate.report").joinpath("scores.md").read_text(encoding="utf-8"))
    return template.substitute(
        tables="\n\n".join(tables),
        notes=f"\nCells without a score:\n\n{notes}\n" if reasons else "",
        grids="\n\n".join(_grid(grid) for grid in (*all_grids(record), *subset_grids(record))),
        differences=_differences(record),
        caveats="\n".join(f"* {caveat}" for caveat in CAVEATS),
        facts="\n".join(f"* {label}: {_escaped(value)}" for label, value in run_facts(record)),
    )


def _grid(grid: Grid) -> str:
    lines = [grid.heading, ["---"] + ["---:"] * (len(grid.heading) - 1), *grid.rows]
    table = "\n".join(_line(map(_escaped, row) if row is not lines[1] else row) for row in lines)
    return f"## {grid.title}\n\n{_escaped(grid.note)}\n\n{table}"


def _differences(record: ResultRecord) -> str:
    """Ties with the best per task, then the ranks."""
    ties = [["Task", "Best", "Not told from it", "Better than it"], ["---"] * 4, *tie_rows(record)]
    ranks = [["Model", "Average rank", "Mean accuracy", "Wins", "Losses"], ["---"] + ["---:"] * 4]
    ranks += [
        [name, f"{rank:.2f}", f"{100 * mean:.1f}", str(won), str(lost)]
        for name, rank, mean, won, lost in rank_rows(record)
    ]
    tables = ["\n".join(_line(map(_escaped, row)) for row in rows) for rows in (ties, ranks)]
    return "\n\n".join([tables[0], _escaped(differences_note(record)), tables[1]])


def _cell(record: ResultRecord, task: str, model: str, reasons: dict[str, int]) -> str:
    score = record.scores[task][model]
    return percent(score) + (f" ({reasons[score.reason]})" if score.reason is not None else "")


def _line(cells: Iterable[Any]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no end of the table's cell."""
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|~$])", r"\\\1", plain)
