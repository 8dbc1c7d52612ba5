"""Tables of scores: as text for a terminal, and as flat rows for everything else."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from genoprot_datasets.tasks import GROUPS, TASKS
from genoprot_evaluate.comparison import Standing, lifts, standings
from genoprot_evaluate.grids import all_grids, format_grid, ranking_grid
from genoprot_evaluate.results import KINDS, ResultRecord, Score
from genoprot_evaluate.statistics import summarise

__all__ = ["format_scores", "percent", "score_rows"]

WIDTH = 120
"""Columns of text when the width of the terminal is not known."""

_HEADINGS = {
    "encoder": "Encoders",
    "ensemble": "Ensembles",
    "combination": "Beyond the paper",
    "language-model": "Asked in words",
    "baseline": "Baselines",
}


def percent(score: Score) -> str:
    """Accuracy as ``mean ± standard deviation`` in percent, or the status of a cell without a score.

    Examples
    --------
    >>> from genoprot_evaluate.statistics import summarise
    >>> percent(Score("OK", accuracy=summarise([0.5, 0.75])))
    '62.5 ± 17.7'
    >>> percent(Score("N/A", "no data"))
    'N/A'
    """
    if score.accuracy is None or score.accuracy.mean is None:
        return score.status if score.status != "OK" else "undefined"
    mean = f"{100 * score.accuracy.mean:.1f}"
    return mean if score.accuracy.std is None else f"{mean} ± {100 * score.accuracy.std:.1f}"


def score_rows(record: ResultRecord) -> list[dict[str, Any]]:
    """One flat row per task and model.

    Returns
    -------
    list of dict
        Tasks in the order of the paper; in each, encoders, ensembles and baselines by name. Keys:
        `task`, `title`, `group`, `model`, `kind`, `status`, `reason`, `accuracy_mean`, `accuracy_std`,
        `accuracy_low`, `accuracy_high`, `auroc_mean`, `auprc_mean`, `mcc_mean`, `brier_mean`,
        `calibration_error`, `validation_accuracy`, `challenge_accuracy`, `challenge_examples`,
        `matched_accuracy`, `matched_examples`, `lift` over the best baseline, `lift_errors` (the same in
        standard errors), `lift_over` (which baseline), `seeds` (heads of the cell, where several were
        trained), `seed_std` (standard deviation of their accuracies), `order_difference`, `order_flips`,
        `unanswered`, `train_examples`, `eval_examples`, `epochs`, `note`, `best`, `tied`, `better` (as in
        `comparison.Standing`), and for each bin of sequence identity of the record
        `accuracy_identity_LOW_HIGH` and `examples_identity_LOW_HIGH`.
    """
    rows = []
    stand = standings(record)
    bins = sorted({(entry.low, entry.high) for score in _cells(record) for entry in score.identity_bins})
    for task in record.tasks:
        standing, lifted = stand[task], lifts(record, task)
        for kind in KINDS:
            for model in record.models_of(kind):
                score, lift = record.scores[task][model], lifted.get(model)
                by_identity = {(entry.low, entry.high): entry for entry in score.identity_bins}
                rows.append(
                    {
                        "task": task,
                        "title": TASKS[task].title,
                        "group": GROUPS[TASKS[task].group],
                        "model": model,
                        "kind": kind,
                        "status": score.status,
                        "reason": score.reason,
                        "accuracy_mean": score.accuracy and score.accuracy.mean,
                        "accuracy_std": score.accuracy and score.accuracy.std,
                        "accuracy_low": score.interval and score.interval.low,
                        "accuracy_high": score.interval and score.interval.high,
                        "auroc_mean": score.auroc and score.auroc.mean,
                        "auprc_mean": score.auprc and score.auprc.mean,
                        "mcc_mean": score.mcc and score.mcc.mean,
                        "brier_mean": score.brier and score.brier.mean,
                        "calibration_error": score.calibration_error,
                        "validation_accuracy": score.validation_accuracy,
                        "challenge_accuracy": score.challenge_accuracy,
                        "challenge_examples": score.challenge_examples,
                        "matched_accuracy": score.matched_accuracy,
                        "matched_examples": score.matched_examples,
                        "lift": lift and lift.difference,
                        "lift_errors": lift and lift.errors,
                        "lift_over": lift and lift.baseline,
                        "seeds": len(score.seed_accuracies) or None,
                        "seed_std": summarise(score.seed_accuracies).std,
                        "order_difference": score.order_difference,
                        "order_flips": score.order_flips,
                        "unanswered": score.unanswered,
                        "train_examples": score.train_examples,
                        "eval_examples": score.eval_examples,
                        "epochs": score.epochs,
                        "note": score.note,
                        "best": model in standing.best,
                        "tied": model in standing.tied,
                        "better": model in standing.better,
                    }
                )
                for low, high in bins:
                    entry = by_identity.get((low, high))
                    name = f"identity_{low:g}_{high:g}"
                    rows[-1][f"accuracy_{name}"] = entry and entry.accuracy
                    rows[-1][f"examples_{name}"] = entry and entry.examples
    return rows


def _cells(record: ResultRecord) -> Iterator[Score]:
    for cells in record.scores.values():
        yield from cells.values()


def format_scores(record: ResultRecord, width: int = WIDTH) -> str:
    """The accuracies as text: tasks down, models across, in as many blocks as the width asks for.

    Encoders, ensembles and baselines stand in blocks of their own; ``*`` marks the best encoder or
    ensemble of a task, ``=`` what cannot be told from it, ``>`` what is better; numbers in brackets point to
    the reasons below the table. The tables of `grids.all_grids` follow, and last the ranks over all tasks.

    Parameters
    ----------
    record : ResultRecord
    width : int
        Columns of text; a block has one model at least.
    """
    reasons: dict[str, int] = {}
    name = record.dataset["name"]
    blocks = [f"GENO-PROT accuracy on {name} in %: mean ± standard deviation over the eval samples"]
    stand = standings(record)
    titles = max((len(TASKS[task].title) for task in record.tasks), default=0) + 2
    for kind in KINDS:
        models = record.models_of(kind)
        columns = {model: _column(record, model, stand, reasons) for model in models}
        for part in _parts(models, columns, width - titles):
            blocks.append(_block(record, _HEADINGS[kind], part, columns, titles))
    footnotes = ["* best encoder or ensemble of the task", *_footnotes(record, stand)]
    blocks.append(
        "\n".join(textwrap.fill(note, max(20, width), subsequent_indent="  ") for note in footnotes)
    )
    if reasons:
        blocks.append("\n".join(f"[{number}] {reason}" for reason, number in reasons.items()))
    grids = (*all_grids(record), ranking_grid(record))
    blocks += [format_grid(grid, width) for grid in grids if grid is not None]
    return "\n\n".join(blocks) + "\n"


def _footnotes(record: ResultRecord, stand: Mapping[str, Standing]) -> Iterator[str]:
    """What the marks and intervals are, and the notes on single scores."""
    if any(record.comparisons.values()):
        yield "= not told from it: 5% level, proteins drawn anew, corrected over the tasks (Holm)"
    if any(standing.better for standing in stand.values()):
        yield "> better than it, by the same test"
    intervals = [
        score.interval
        for cells in record.scores.values()
        for model, score in cells.items()
        if score.interval is not None and record.models[model].kind != "baseline"
    ]
    if intervals:
        reach = sorted(50 * (interval.high - interval.low) for interval in intervals)
        yield (
            f"{100 * intervals[0].level:.0f}% intervals of encoders and ensembles, over proteins: "
            f"±{reach[0]:.1f} to ±{reach[-1]:.1f} points"
        )
    for task, dropped in record.dropped.items():
        lacking = ", ".join(f"{name} lacks {len(gaps)}" for name, gaps in sorted(dropped.lacking.items()))
        yield (
            f"{TASKS[task].title}: {dropped.train} train and {dropped.eval} eval examples fell away for all "
            f"models, since proteins have no vector ({lacking})"
        )
    flips = [
        score.order_flips
        for cells in record.scores.values()
        for score in cells.values()
        if score.order_flips is not None
    ]
    if flips:
        yield (
            "pairs are scored in both orders: the two put "
            f"{100 * min(flips):.1f}% to {100 * max(flips):.1f}% of the eval pairs into different classes"
        )
    spreads = [
        spread
        for cells in record.scores.values()
        for score in cells.values()
        if (spread := summarise(score.seed_accuracies).std) is not None
    ]
    if spreads:
        yield (
            "standard deviation of the accuracies of heads from several seeds: "
            f"{100 * min(spreads):.1f} to {100 * max(spreads):.1f} points"
        )
    if record.models_of("language-model"):
        yield "models asked in words learn nothing from train: they have no head and no validation fold"
    notes: dict[tuple[str, str], list[str]] = {}
    for task in record.tasks:
        for model, score in sorted(record.scores[task].items()):
            if score.note is not None:
                notes.setdefault((model, score.note), []).append(task)
    for (model, note), tasks in notes.items():
        yield f"{model} on {', '.join(tasks)}: {note}"


def _column(
    record: ResultRecord, model: str, stand: Mapping[str, Standing], reasons: dict[str, int]
) -> dict[str, str]:
    """Cells of a model by task, its heading under the empty name; new reasons are numbered.

    The last column of a cell is kept for the mark, so that numbers stand in line.
    """
    column = {"": model.split(":", 1)[-1] + " "}
    for task in record.tasks:
        score = record.scores[task][model]
        if score.reason is None:
            mark = stand[task].mark(model) or " "
        else:
            mark = f" [{reasons.setdefault(score.reason, len(reasons) + 1)}] "
        column[task] = percent(score) + mark
    return column


def _parts(models: Sequence[str], columns: dict[str, dict[str, str]], width: int) -> list[list[str]]:
    """Models in runs whose columns fit beside each other."""
    parts: list[list[str]] = []
    room = 0
    for model in models:
        needed = _width(columns[model])
        if not parts or needed > room:
            parts.append([])
            room = width
        parts[-1].append(model)
        room -= needed
    return parts


def _width(column: dict[str, str]) -> int:
    return max(map(len, column.values())) + 2


def _block(
    record: ResultRecord, heading: str, models: list[str], columns: dict[str, dict[str, str]], titles: int
) -> str:
    def line(title: str, task: str) -> str:
        cells = (columns[model][task].rjust(_width(columns[model])) for model in models)
        return (title.ljust(titles) + "".join(cells)).rstrip()

    lines = [line(heading, "")]
    for group, title in GROUPS.items():
        tasks = [task for task in record.tasks if TASKS[task].group == group]
        if tasks:
            lines.append(title)
            lines += [line(f"  {TASKS[task].title}", task) for task in tasks]
    return "\n".join(lines)
