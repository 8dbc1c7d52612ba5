"""Tables that stand beside the scores: lift over the baselines, weights, gains, what was learned."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.comparison import Lift, lifts
from genoprot_evaluate.ensembles import PAPER_MEMBERS
from genoprot_evaluate.ranking import rank_models
from genoprot_evaluate.results import KINDS, ResultRecord

__all__ = [
    "Grid",
    "all_grids",
    "format_grid",
    "format_lift",
    "gain_grid",
    "learned_grid",
    "lift_grid",
    "ranking_grid",
    "weight_grid",
]

GAINS_OF = ("ensemble:soft", "ensemble:weighted")
"""Ensembles whose gains are shown; the record has those of all five."""

_ABSENT = "–"


@dataclass(frozen=True)
class Grid:
    """A table of text.

    Parameters
    ----------
    title, note : str
    heading : tuple of str
    rows : tuple of tuple of str
        Each as long as the heading; the first cell names the row.
    """

    title: str
    note: str
    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def all_grids(record: ResultRecord) -> tuple[Grid, ...]:
    """Every table beside the scores that the record has something for."""
    grids = [lift_grid(record), weight_grid(record)]
    grids += [gain_grid(record, ensemble) for ensemble in GAINS_OF]
    grids.append(learned_grid(record))
    return tuple(grid for grid in grids if grid is not None)


def lift_grid(record: ResultRecord) -> Grid | None:
    """Points of accuracy over the best baseline, and in standard errors of the difference; models down."""
    found = {task: lifts(record, task) for task in record.tasks}
    tasks = [task for task in record.tasks if found[task]]
    if not tasks:
        return None
    rows = [("best baseline", *(next(iter(found[task].values())).baseline.split(":")[1] for task in tasks))]
    for kind in KINDS[:-1]:
        for model in record.models_of(kind):
            cells = []
            for task in tasks:
                lift = found[task].get(model)
                cells.append(_ABSENT if lift is None else format_lift(lift))
            rows.append((model, *cells))
    return Grid(
        "Lift over the best baseline",
        "Points of accuracy above the best baseline of the task; in brackets the same in standard errors of "
        "this difference, from proteins drawn anew for both together.",
        ("Model", *_titles(tasks)),
        tuple(rows),
    )


def weight_grid(record: ResultRecord) -> Grid | None:
    """Weights of weighted voting: tasks down, members across, as in Table 3 of the paper."""
    voters = {name for ensemble in record.ensembles.values() for name in ensemble.members}
    if not voters:
        return None
    members = _in_paper_order(voters)
    rows = []
    for task in record.tasks:
        weights = record.ensembles[task].weights if task in record.ensembles else {}
        cells = (f"{weights[name]:.3f}" if name in weights else _ABSENT for name in members)
        rows.append((TASKS[task].title, *cells))
    return Grid(
        "Weights of weighted voting",
        "Each member's accuracy on the validation fold of the task, divided by the sum over the members.",
        ("Task", *members),
        tuple(rows),
    )


def gain_grid(record: ResultRecord, ensemble: str) -> Grid | None:
    """What each encoder adds to an ensemble: encoders down, tasks across."""
    found = {
        task: {gain.encoder: gain for gain in gains if gain.ensemble == ensemble}
        for task, gains in record.gains.items()
    }
    tasks = [task for task in record.tasks if found.get(task)]
    if not tasks:
        return None
    rows = []
    for encoder in record.models_of("encoder"):
        cells = []
        for task in tasks:
            gain = found[task].get(encoder)
            if gain is None:
                cells.append(_ABSENT)
                continue
            apart = gain.low > 0 or gain.high < 0
            cells.append(_points(gain.together - gain.without) + "*" * apart)
        rows.append((encoder, *cells))
    return Grid(
        f"What an encoder adds to {ensemble.split(':')[1]} voting",
        "Points of accuracy of the ensemble with the encoder over the same without it: a member is taken "
        "away, any other encoder is added to the members. * marks differences whose 95% interval leaves "
        "zero out.",
        ("Encoder", *_titles(tasks)),
        tuple(rows),
    )


def learned_grid(record: ResultRecord) -> Grid | None:
    """What the combinations beyond the paper learned on validation: tasks down, members across."""
    if not record.combinations:
        return None
    members = _in_paper_order({name for entry in record.combinations.values() for name in entry.members})
    rows = []
    for task in record.tasks:
        entry = record.combinations.get(task)
        cells = (
            f"{entry.picks[name]} · {entry.coefficients[name]:+.2f} · {entry.temperatures[name]:.2f}"
            if entry is not None and name in entry.members
            else _ABSENT
            for name in members
        )
        rows.append((TASKS[task].title, *cells))
    return Grid(
        "What was learned on validation",
        "For each member the picks of greedy selection, its coefficient in the stacking regression, and its "
        "temperature. These combinations are not the paper's.",
        ("Task", *members),
        tuple(rows),
    )


def ranking_grid(record: ResultRecord) -> Grid | None:
    """Models by their average rank over the tasks, best first; None where there is one task only."""
    ranking = rank_models(record)
    count = len(ranking.tasks)
    if count < 2 or not ranking.ranks:
        return None
    note = f"Averages over {count} tasks; 1 is the best rank."
    if ranking.critical_difference is not None:
        note += (
            f" Ranks less than {ranking.critical_difference:.1f} apart are not told apart "
            "(5% level, Nemenyi)."
        )
    if ranking.left_out:
        lacking = ", ".join(f"{name} ({tasks} of {count})" for name, tasks in ranking.left_out.items())
        note += f" Not scored in all of them: {lacking}."
    rows = [(name, f"{rank:.1f}", f"{100 * ranking.means[name]:.1f}") for name, rank in ranking.ranks.items()]
    return Grid("All tasks together", note, ("Model", "Average rank", "Mean accuracy"), tuple(rows))


def format_lift(lift: Lift) -> str:
    """Points of accuracy, and in brackets standard errors.

    Examples
    --------
    >>> format_lift(Lift("baseline:length", -0.0312, -1.96))
    '-3.1 (-2.0)'
    """
    errors = _ABSENT if lift.errors is None else _signed(lift.errors)
    return f"{_points(lift.difference)} ({errors})"


def format_grid(grid: Grid, width: int) -> str:
    """The table as text, in as many blocks of columns as the width asks for."""
    lines = (grid.heading, *grid.rows)
    widths = [max(map(len, column)) for column in zip(*lines)]
    blocks = [f"{grid.title}\n" + textwrap.fill(grid.note, max(20, width))]
    for places in _parts(widths, width - widths[0]):
        blocks.append(
            "\n".join(
                (row[0].ljust(widths[0]) + "".join(row[p].rjust(widths[p] + 2) for p in places)).rstrip()
                for row in lines
            )
        )
    return "\n\n".join(blocks)


def _parts(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Places of columns, the first one left out, in runs that fit."""
    part: list[int] = []
    for place in range(1, len(widths)):
        if part and sum(widths[p] + 2 for p in (*part, place)) > room:
            yield part
            part = []
        part.append(place)
    if part:
        yield part


def _points(difference: float) -> str:
    return _signed(100 * difference)


def _signed(value: float) -> str:
    """A number with its sign; what rounds to zero has none."""
    shown = f"{value:+.1f}"
    return "0.0" if shown in ("+0.0", "-0.0") else shown


def _titles(tasks: Sequence[str]) -> tuple[str, ...]:
    return tuple(TASKS[task].title for task in tasks)


def _in_paper_order(names: set[str]) -> list[str]:
    known = [name for name in PAPER_MEMBERS if name in names]
    return known + sorted(names - set(known))
