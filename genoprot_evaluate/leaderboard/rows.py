"""The rows of a board: one per model, best average first; the page, CSV and JSON are drawn from them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.comparison import Standing, standings
from genoprot_evaluate.leaderboard.boards import Board
from genoprot_evaluate.ranking import rank_models
from genoprot_evaluate.report.classes import class_of
from genoprot_evaluate.results import Score, ScoredModel

__all__ = ["SIZES", "Row", "board_rows", "boards_csv", "boards_json", "size_class"]

SIZES: Mapping[str, tuple[float, float]] = {
    "up to 100 M": (0, 100e6),
    "100 M to 1 B": (100e6, 1e9),
    "over 1 B": (1e9, float("inf")),
}
"""Classes of size by trained parameters: above the first number, up to the second."""

UNKNOWN_SIZE = "not known"


@dataclass(frozen=True, eq=False)
class Row:
    """A model on a board.

    Parameters
    ----------
    name : str
    model : ScoredModel
    group : str
        Key of `report.classes.CLASSES`.
    records : mapping of str to str
        By task, label of the submission that the cell comes from.
    average : float or None
        Mean accuracy over the board's tasks; None where the model lacks one of them.
    covered : int
        Tasks in which it has a mean accuracy.
    rank : float or None
        Average rank among the models that have every task.
    scores : mapping of str to Score
        By task.
    standings : mapping of str to Standing
        Of the board, by task.
    """

    name: str
    model: ScoredModel
    group: str
    records: Mapping[str, str]
    average: float | None
    covered: int
    rank: float | None
    scores: Mapping[str, Score]
    standings: Mapping[str, Standing]

    def mark(self, task: str) -> str:
        """How it stands to the best encoder or ensemble of a task; see `comparison.Standing.mark`."""
        return self.standings[task].mark(self.name)

    def places(self) -> dict[str, list[str]]:
        """Tasks in which it is the best, tied with the best, and better than the best; sorted."""
        return {
            field: sorted(task for task, one in self.standings.items() if self.name in getattr(one, field))
            for field in Standing._fields
        }


def size_class(parameters: int | None) -> str:
    """Name of the class of size in `SIZES`.

    Examples
    --------
    >>> size_class(8_000_000), size_class(7_000_000_000), size_class(None)
    ('up to 100 M', 'over 1 B', 'not known')
    """
    if parameters is None:
        return UNKNOWN_SIZE
    return next(name for name, (low, high) in SIZES.items() if low <= parameters <= high)


def board_rows(board: Board) -> list[Row]:
    """Rows of a board: models with every task by average accuracy, then the others by how many they have."""
    record = board.record
    ranks = rank_models(record).ranks
    stand = standings(record)
    rows = []
    for name, model in record.models.items():
        scores = {task: record.scores[task][name] for task in record.tasks}
        means = [score.accuracy.mean for score in scores.values() if score.accuracy is not None]
        means = [mean for mean in means if mean is not None]
        whole = len(means) == len(record.tasks)
        rows.append(
            Row(
                name,
                model,
                class_of(model),
                board.origin[name],
                sum(means) / len(means) if whole else None,
                len(means),
                ranks.get(name) if whole else None,
                scores,
                stand,
            )
        )
    return sorted(rows, key=lambda row: (row.average is None, -(row.average or 0), -row.covered, row.name))


def _flat(board: Board, row: Row) -> list[dict[str, Any]]:
    common = {
        "dataset": board.record.dataset["name"],
        "fingerprint": board.record.dataset["fingerprint"],
        "model": row.name,
        "kind": row.model.kind,
        "modality": row.model.modality,
        "parameters": row.model.parameters,
        "average_accuracy": row.average,
        "tasks_covered": row.covered,
        "average_rank": row.rank,
    }
    places = row.places()
    return [
        common
        | {
            "task": task,
            "group": TASKS[task].group,
            "record": row.records[task],
            "status": score.status,
            "reason": score.reason,
            "accuracy": score.accuracy and score.accuracy.mean,
            "std": score.accuracy and score.accuracy.std,
            "low": score.interval and score.interval.low,
            "high": score.interval and score.interval.high,
            "auroc": score.auroc and score.auroc.mean,
            "mcc": score.mcc and score.mcc.mean,
            "challenge_accuracy": score.challenge_accuracy,
            **{field: int(task in tasks) for field, tasks in places.items()},
        }
        for task, score in row.scores.items()
    ]


def boards_csv(boards: Sequence[Board]) -> str:
    """All boards as comma-separated values: one line per dataset, model and task."""
    lines = [line for board in boards for row in board_rows(board) for line in _flat(board, row)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def boards_json(boards: Sequence[Board]) -> str:
    """All boards as JSON: per board the dataset, the head and its rows with every cell as in its record."""
    content = [
        {
            "dataset": dict(board.record.dataset),
            "head": dict(board.record.head),
            "tasks": list(board.record.tasks),
            "rows": [
                {
                    "model": row.name,
                    **asdict(row.model),
                    "records": dict(row.records),
                    "average_accuracy": row.average,
                    "tasks_covered": row.covered,
                    "average_rank": row.rank,
                    **row.places(),
                    "scores": {task: asdict(score) for task, score in row.scores.items()},
                }
                for row in board_rows(board)
            ],
        }
        for board in boards
    ]
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"
