"""Tables of scores: as text for a terminal, and as flat rows for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genoprot_datasets.tasks import GROUPS, TASKS
from genoprot_evaluate.results import KINDS, ResultRecord, Score

__all__ = ["best_models", "format_scores", "percent", "score_rows"]

WIDTH = 120
"""Columns of text when the width of the terminal is not known."""

# Equal counts of hits can differ in the last digit of their mean, unequal ones differ by far more.
_EQUAL = 1e-9
_HEADINGS = {"encoder": "Encoders", "ensemble": "Ensembles", "baseline": "Baselines"}


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


def best_models(record: ResultRecord, task: str) -> frozenset[str]:
    """Encoders and ensembles with the highest mean accuracy on a task; several when they are equal."""
    means = {
        name: score.accuracy.mean
        for name, score in record.scores[task].items()
        if record.models[name].kind != "baseline"
        and score.accuracy is not None
        and score.accuracy.mean is not None
    }
    highest = max(means.values(), default=None)
    return frozenset(name for name, mean in means.items() if mean > highest - _EQUAL)


def score_rows(record: ResultRecord) -> list[dict[str, Any]]:
    """One flat row per task and model.

    Returns
    -------
    list of dict
        Tasks in the order of the paper; in each, encoders, ensembles and baselines by name. Keys:
        `task`, `title`, `group`, `model`, `kind`, `status`, `reason`, `accuracy_mean`, `accuracy_std`,
        `auroc_mean`, `mcc_mean`, `validation_accuracy`, `challenge_accuracy`, `challenge_examples`,
        `train_examples`, `eval_examples`, `epochs`, `best`.
    """
    rows = []
    for task in record.tasks:
        best = best_models(record, task)
        for kind in KINDS:
            for model in record.models_of(kind):
                score = record.scores[task][model]
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
                        "auroc_mean": score.auroc and score.auroc.mean,
                        "mcc_mean": score.mcc and score.mcc.mean,
                        "validation_accuracy": score.validation_accuracy,
                        "challenge_accuracy": score.challenge_accuracy,
                        "challenge_examples": score.challenge_examples,
                        "train_examples": score.train_examples,
                        "eval_examples": score.eval_examples,
                        "epochs": score.epochs,
                        "best": model in best,
                    }
                )
    return rows


def format_scores(record: ResultRecord, width: int = WIDTH) -> str:
    """The accuracies as text: tasks down, models across, in as many blocks as the width asks for.

    Encoders, ensembles and baselines stand in blocks of their own; ``*`` marks the best encoder or
    ensemble of a task; numbers in brackets point to the reasons below the table.

    Parameters
    ----------
    record : ResultRecord
    width : int
        Columns of text; a block has one model at least.
    """
    reasons: dict[str, int] = {}
    name = record.dataset["name"]
    blocks = [f"GENO-PROT accuracy on {name} in %: mean ± standard deviation over the eval samples"]
    titles = max((len(TASKS[task].title) for task in record.tasks), default=0) + 2
    for kind in KINDS:
        models = record.models_of(kind)
        columns = {model: _column(record, model, reasons) for model in models}
        for part in _parts(models, columns, width - titles):
            blocks.append(_block(record, _HEADINGS[kind], part, columns, titles))
    blocks.append("* best encoder or ensemble of the task")
    if reasons:
        blocks.append("\n".join(f"[{number}] {reason}" for reason, number in reasons.items()))
    return "\n\n".join(blocks) + "\n"


def _column(record: ResultRecord, model: str, reasons: dict[str, int]) -> dict[str, str]:
    """Cells of a model by task, its heading under the empty name; new reasons are numbered.

    The last column of a cell is kept for the mark, so that numbers stand in line.
    """
    column = {"": model.split(":", 1)[-1] + " "}
    for task in record.tasks:
        score = record.scores[task][model]
        if score.reason is None:
            mark = "*" if model in best_models(record, task) else " "
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
