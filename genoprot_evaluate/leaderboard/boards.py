"""Boards: submissions whose scores may stand side by side, as one record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from genoprot_evaluate.comparison import compare_models
from genoprot_evaluate.leaderboard.submissions import Submission
from genoprot_evaluate.results import (
    PREDICTIONS,
    Comparison,
    ResultRecord,
    Score,
    ScoredModel,
    refuse_other_examples,
)

__all__ = ["Board", "make_boards"]

_NO_HEAD = json.dumps({})


@dataclass(frozen=True, eq=False)
class Board:
    """Models that answered the same examples, those with a head with the same one.

    Parameters
    ----------
    record : ResultRecord
        All models of the board's submissions. A cell is the one of the model's own submission; comparisons
        are between all models whose predictions are known. A task that a submission lacks is N/A there.
    origin : mapping of str to mapping of str to str
        By model and task, label of the submission that the cell comes from.
    alone : tuple of str
        Labels of submissions without predictions, whose models cannot be compared with others'.
    """

    record: ResultRecord
    origin: Mapping[str, Mapping[str, str]]
    alone: tuple[str, ...]


def make_boards(submissions: Sequence[Submission]) -> list[Board]:
    """Put submissions of the same dataset, head and dropped examples together.

    A model that several submissions have with the same scores in the tasks they share, as baselines often
    are, is shown once. One of the same name with other scores carries its submission's label behind its
    name; so do ensembles, which are made of what each submission scored, where there are several.
    Submissions without a head, of models asked in words, stand on every board of their examples.

    Parameters
    ----------
    submissions : sequence of Submission

    Returns
    -------
    list of Board
        The board with the most models first.

    Raises
    ------
    SourceError
        If two submissions claim the same dataset but were scored on different examples.
    """
    groups: dict[str, list[Submission]] = {}
    for submission in submissions:
        record = submission.record
        dropped = {task: asdict(lost) for task, lost in record.dropped.items()}
        key = tuple(
            json.dumps(part, sort_keys=True) for part in (dict(record.dataset), dropped, dict(record.head))
        )
        groups.setdefault(key, []).append(submission)
    boards = [_board(group) for group in _joined(groups)]
    return sorted(boards, key=lambda board: -len(board.record.models))


def _joined(groups: Mapping[tuple[str, ...], list[Submission]]) -> Iterator[list[Submission]]:
    """Groups by key; those without a head are joined to all others of the same examples."""
    headless = {key[:-1]: group for key, group in groups.items() if key[-1] == _NO_HEAD}
    headed = {key[:-1] for key in groups if key[-1] != _NO_HEAD}
    for key, group in sorted(groups.items()):
        if key[-1] != _NO_HEAD:
            yield group + headless.get(key[:-1], [])
        elif key[:-1] not in headed:
            yield group


def _board(group: Sequence[Submission]) -> Board:
    tasks = dict.fromkeys(task for submission in group for task in submission.record.tasks)
    models: dict[str, ScoredModel] = {}
    origin: dict[str, dict[str, str]] = {}
    scores: dict[str, dict[str, Score]] = {task: {} for task in tasks}
    own_names: dict[str, dict[str, str]] = {}
    for submission in group:
        own_names[submission.label] = {}
        for name, model in submission.record.models.items():
            cells = {task: by_model[name] for task, by_model in submission.record.scores.items()}
            known = {task: scores[task][name] for task in tasks if name in scores[task]}
            apart = len(group) > 1 and model.kind in ("ensemble", "combination")
            shown = f"{name} ({submission.label})" if apart or not _agree(cells, known) else name
            models.setdefault(shown, model)
            sources = origin.setdefault(shown, {})
            own_names[submission.label][name] = shown
            for task, cell in cells.items():
                scores[task].setdefault(shown, cell)
                sources.setdefault(task, submission.label)
    for task, cells in scores.items():
        for name in models:
            if name not in cells:
                first = next(iter(origin[name].values()))
                cells[name], origin[name][task] = Score("N/A", f"not in the record {first}"), first
    of_one_run = dict.fromkeys(
        ("ensembles", "comparisons", "versions", "combinations", "gains", "dropped"), {}
    )
    merged = replace(group[0].record, models=models, scores=scores, **of_one_run)
    alone = tuple(submission.label for submission in group if submission.predictions is None)
    comparisons = group[0].record.comparisons if len(group) == 1 else _compare(merged, group, own_names)
    return Board(replace(merged, comparisons=comparisons), origin, alone)


def _agree(cells: Mapping[str, Score], known: Mapping[str, Score]) -> bool:
    """Whether two models' cells are the same in every task that both have."""
    return all(
        replace(cells[task], interval=None) == replace(known[task], interval=None)
        for task in cells.keys() & known.keys()
    )


def _compare(
    merged: ResultRecord, group: Sequence[Submission], own_names: Mapping[str, Mapping[str, str]]
) -> Mapping[str, tuple[Comparison, ...]]:
    """Comparisons of every two models whose predictions are known."""
    judged = [submission for submission in group if submission.predictions is not None]
    refuse_other_examples((submission.path, submission.predictions) for submission in judged)
    parts = dict(_renamed(judged, own_names))
    if not parts:
        return {}
    known = sorted({name for _, name in parts})
    absent = Score("N/A", "no predictions")
    part = replace(
        merged,
        models={name: merged.models[name] for name in known},
        scores={
            task: {name: cells[name] if (task, name) in parts else absent for name in known}
            for task, cells in merged.scores.items()
        },
    )
    return compare_models(part, pa.concat_tables(parts.values())).comparisons


def _renamed(
    judged: Sequence[Submission], own_names: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[tuple[str, str], pa.Table]]:
    """Predictions by task and name on the board; of those in several submissions, the last ones."""
    for submission in judged:
        for name, shown in own_names[submission.label].items():
            own = submission.predictions.filter(pc.equal(submission.predictions["model"], name))
            for task in pc.unique(own["task"]).to_pylist():
                part = own.filter(pc.equal(own["task"], task))
                place = part.column_names.index("model")
                renamed = part.set_column(place, PREDICTIONS.field("model"), pa.repeat(shown, len(part)))
                yield (task, shown), renamed
