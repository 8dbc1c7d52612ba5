"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from typing import Any

from genoprot_datasets.tasks import GROUPS, TASKS
from genoprot_evaluate.comparison import standings
from genoprot_evaluate.grids import Grid, all_grids
from genoprot_evaluate.report.classes import CLASSES, colours, models_by_class
from genoprot_evaluate.report.differences import differences_note, rank_rows, tie_rows, win_table
from genoprot_evaluate.report.facts import CAVEATS, numbered_reasons, printable, run_facts
from genoprot_evaluate.report.subsets import identity_grid, subset_grids
from genoprot_evaluate.results import ResultRecord
from genoprot_evaluate.tables import percent, score_rows
from genoprot_evaluate.web import fill_page, marked, with_breaks

__all__ = ["render_page"]

_MEASURES = {
    "title": "Task",
    "model": "Model",
    "accuracy_mean": "Accuracy %",
    "accuracy_std": "± %",
    "accuracy_low": "Interval from %",
    "accuracy_high": "to %",
    "auroc_mean": "AUROC",
    "auprc_mean": "AUPRC",
    "mcc_mean": "MCC",
    "brier_mean": "Brier",
    "calibration_error": "Calibration error",
    "validation_accuracy": "Validation %",
    "challenge_accuracy": "Challenge %",
    "challenge_examples": "Challenge pairs",
    "matched_accuracy": "Matched %",
    "lift": "Lift, points",
    "lift_errors": "in errors",
    "seeds": "Seeds",
    "seed_std": "± over seeds %",
    "order_flips": "Order matters %",
    "train_examples": "Train examples",
    "eval_examples": "Eval examples",
    "epochs": "Epochs",
}
_IN_PERCENT = {
    "accuracy_mean",
    "accuracy_std",
    "accuracy_low",
    "accuracy_high",
    "validation_accuracy",
    "challenge_accuracy",
    "matched_accuracy",
    "lift",
    "seed_std",
    "order_flips",
}


def render_page(record: ResultRecord, figure: str, csv_text: str) -> str:
    """Render the page.

    Every text that comes from the record is escaped, and the page's own policy lets no script run but
    the one of the template, so a name with markup in it stays a name.

    Parameters
    ----------
    record : ResultRecord
    figure : str
        The figure as `figures.inline_svg` gives it.
    csv_text : str
        The table that the page offers to save.

    Returns
    -------
    str
        An HTML document.
    """
    saved = base64.b64encode(csv_text.encode("utf-8", errors="replace")).decode()
    reasons = numbered_reasons(record)
    return fill_page(
        "genoprot_evaluate.report",
        name=_text(record.dataset["name"]),
        figure=figure,
        group_heads=_group_heads(record),
        task_heads="".join(
            f'<th scope="col" data-sort>{_text(TASKS[task].title)}</th>' for task in record.tasks
        ),
        score_rows="\n".join(_score_rows(record, reasons)),
        notes=_notes(reasons),
        measure_heads="".join(
            f'<th scope="col" data-sort>{_text(title)}</th>' for title in _MEASURES.values()
        ),
        measure_rows="\n".join(_measure_rows(record)),
        by_identity=_folded(identity_grid(record)),
        grids="\n".join(_grid(grid) for grid in (*all_grids(record), *subset_grids(record))),
        **_differences(record),
        caveats="\n".join(f"<li>{_text(caveat)}</li>" for caveat in CAVEATS),
        facts="\n".join(
            f"<dt>{_text(label)}</dt><dd>{_text(value)}</dd>" for label, value in run_facts(record)
        ),
        questions="\n".join(
            f"<dt>{_text(TASKS[task].title)}</dt><dd>{_text(TASKS[task].question)}</dd>"
            for task in record.tasks
        ),
        csv=saved,
    )


def _text(value: Any) -> str:
    return escape(printable(str(value)))


def _name(name: str) -> str:
    return with_breaks(_text(name))


def _group_heads(record: ResultRecord) -> str:
    heads = []
    for group, title in GROUPS.items():
        span = sum(TASKS[task].group == group for task in record.tasks)
        if span:
            heads.append(f'<th scope="colgroup" colspan="{span}">{_text(title)}</th>')
    return "".join(heads)


def _score_rows(record: ResultRecord, reasons: dict[str, int]) -> Iterable[str]:
    """One row per model, with the number behind each cell for sorting."""
    tones = colours(record)
    stand = standings(record)
    for key, names in models_by_class(record).items():
        for name in names:
            tone = f'<span class="tone" style="background: {tones[name]}"></span>'
            cells = [f'<th scope="row">{tone}{_name(name)}</th>', f"<td>{_text(CLASSES[key].label)}</td>"]
            for task in record.tasks:
                score = record.scores[task][name]
                shown = _text(percent(score))
                if score.reason is not None:
                    number = reasons[score.reason]
                    shown = (
                        f'<span class="absent" title="{_text(score.reason)}">{shown}</span>'
                        f'<sup><a href="#note-{number}" aria-label="reason {number}">{number}</a></sup>'
                    )
                else:
                    shown = marked(shown, stand[task].mark(name))
                cells.append(_number_cell(score.accuracy and score.accuracy.mean, shown))
            yield f"<tr>{''.join(cells)}</tr>"


def _measure_rows(record: ResultRecord) -> Iterable[str]:
    """One row per task and model with everything that was measured."""
    for row in score_rows(record):
        cells = [f"<td>{_text(row['title'])}</td>", f'<th scope="row">{_name(row["model"])}</th>']
        for name in list(_MEASURES)[2:]:
            value = row[name]
            if value is None:
                shown = _text(row["status"]) if name == "accuracy_mean" and row["reason"] else "–"
            elif name in _IN_PERCENT:
                shown = f"{100 * value:.1f}"
            else:
                shown = str(value) if isinstance(value, int) else f"{value:.3f}"
            cells.append(_number_cell(value, shown))
        yield f"<tr>{''.join(cells)}</tr>"


def _differences(record: ResultRecord) -> dict[str, str]:
    """The rows of the section on differences by placeholder."""
    names, wins = win_table(record)
    ranks = (
        f'<th scope="row">{_name(name)}</th>{_number_cell(rank, f"{rank:.2f}")}'
        f"{_number_cell(mean, f'{100 * mean:.1f}')}"
        f"{_number_cell(won, str(won))}{_number_cell(lost, str(lost))}"
        for name, rank, mean, won, lost in rank_rows(record)
    )
    ties = (
        f'<th scope="row">{_text(title)}</th>' + "".join(f"<td>{_text(names)}</td>" for names in rest)
        for title, *rest in tie_rows(record)
    )
    beats = (
        f'<th scope="row">{_name(name)}</th>' + "".join(f"<td>{count or '·'}</td>" for count in counts)
        for name, counts in zip(names, wins)
    )
    return {
        "rank_note": _text(differences_note(record)),
        "rank_rows": _table_rows(ranks),
        "tie_rows": _table_rows(ties),
        "win_heads": "".join(f'<th scope="col">{_name(name)}</th>' for name in names),
        "win_rows": _table_rows(beats),
    }


def _grid(grid: Grid) -> str:
    """A section with one table."""
    return f"<h2>{_text(grid.title)}</h2>\n{_grid_table(grid)}"


def _folded(grid: Grid | None) -> str:
    """A table that is shown when asked for."""
    if grid is None:
        return ""
    table = _grid_table(grid, "grid paired")
    return f"<details>\n<summary>{_text(grid.title)}</summary>\n{table}\n</details>"


def _grid_table(grid: Grid, style: str = "grid") -> str:
    heads = "".join(f'<th scope="col">{_text(name)}</th>' for name in grid.heading)
    rows = (
        f'<th scope="row">{_name(row[0])}</th>' + "".join(f"<td>{_text(cell)}</td>" for cell in row[1:])
        for row in grid.rows
    )
    table = (
        f'<table class="{style}">\n<caption>{_text(grid.note)}</caption>\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{_table_rows(rows)}\n</tbody>\n</table>"
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(grid.title)}">\n{table}\n</div>'
    )


def _table_rows(rows: Iterable[str]) -> str:
    return "\n".join(f"<tr>{row}</tr>" for row in rows)


def _number_cell(value: float | None, shown: str) -> str:
    return f'<td data-value="{"" if value is None else value}">{shown}</td>'


def _notes(reasons: dict[str, int]) -> str:
    """The numbered reasons of cells without a score."""
    if not reasons:
        return ""
    items = "".join(f'<li id="note-{number}">{_text(reason)}</li>' for reason, number in reasons.items())
    return f"<h3>Cells without a score</h3><ol>{items}</ol>"
