"""Tables of the report about parts of the eval examples, and about chance and order in a score."""

from __future__ import annotations

from collections.abc import Callable

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.grids import Grid
from genoprot_evaluate.results import KINDS, ResultRecord, Score
from genoprot_evaluate.statistics import summarise

__all__ = ["identity_grid", "subset_grids"]

_ABSENT = "–"


def subset_grids(record: ResultRecord) -> tuple[Grid, ...]:
    """Accuracy on challenge and on identity-matched pairs, spread over seeds, weight of a pair's order.

    Those that the record has something for.
    """
    grids = (
        _grid(
            record,
            "Accuracy on challenge pairs",
            "Percent, over the challenge pairs of all samples together: alike in sequence though the answer "
            "is no, or unlike though it is yes. The classes are not balanced, so one half is not chance: "
            "read it beside the baselines.",
            lambda score: _share(score.challenge_accuracy),
            lambda score: score.challenge_examples or None,
        ),
        _grid(
            record,
            "Accuracy on identity-matched pairs",
            "Percent, over balanced eval pairs whose two classes are equally alike in sequence, so that "
            "identity tells little about the answer. Chance is 50.",
            lambda score: _share(score.matched_accuracy),
            lambda score: score.matched_examples,
        ),
        _grid(
            record,
            "How much chance in training matters",
            "Standard deviation, in points, of the mean accuracies of heads that differ in their seed only; "
            "in brackets that over the eval samples of the first one, whose accuracy counts.",
            _spread,
        ),
        _grid(
            record,
            "How much the order of a pair matters",
            "Percent of the eval pairs that the head puts into different classes when the two members change "
            "places; in brackets the mean difference of the two probabilities. The mean of both counts.",
            _order,
        ),
    )
    return tuple(grid for grid in grids if grid is not None)


def identity_grid(record: ResultRecord) -> Grid | None:
    """Accuracy by sequence identity of the pair: tasks and models down, bins across."""
    bins = sorted(
        {
            (one.low, one.high)
            for cells in record.scores.values()
            for score in cells.values()
            for one in score.identity_bins
        }
    )
    if not bins:
        return None
    rows = []
    for task in record.tasks:
        for model in _models(record):
            found = {(one.low, one.high): one for one in record.scores[task][model].identity_bins}
            if found:
                cells = (
                    _ABSENT
                    if one is None or one.accuracy is None
                    else f"{100 * one.accuracy:.1f} ({one.examples:,})"
                    for one in map(found.get, bins)
                )
                rows.append((TASKS[task].title, model, *cells))
    return Grid(
        "Accuracy by sequence identity",
        "Percent, over the pairs of all samples together whose identity lies in a bin, and in brackets how "
        "many those are. The classes are not balanced within a bin.",
        ("Task", "Model", *(f"{100 * low:g} to {100 * high:g}%" for low, high in bins)),
        tuple(rows),
    )


def _models(record: ResultRecord) -> list[str]:
    return [model for kind in KINDS for model in record.models_of(kind)]


def _grid(
    record: ResultRecord,
    title: str,
    note: str,
    cell: Callable[[Score], str | None],
    pairs: Callable[[Score], int | None] | None = None,
) -> Grid | None:
    """Models down, tasks across, without those that have nothing; above them, the numbers of pairs."""
    found = {
        task: {model: shown for model in _models(record) if (shown := cell(record.scores[task][model]))}
        for task in record.tasks
    }
    tasks = [task for task in record.tasks if found[task]]
    if not tasks:
        return None
    rows = [
        (model, *(found[task].get(model, _ABSENT) for task in tasks))
        for model in _models(record)
        if any(model in found[task] for task in tasks)
    ]
    if pairs is not None:
        counts = (next(filter(None, map(pairs, record.scores[task].values())), None) for task in tasks)
        rows.insert(0, ("pairs", *(_ABSENT if count is None else f"{count:,}" for count in counts)))
    return Grid(title, note, ("Model", *(TASKS[task].title for task in tasks)), tuple(rows))


def _share(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f}"


def _spread(score: Score) -> str | None:
    spread = summarise(score.seed_accuracies).std
    if spread is None:
        return None
    samples = None if score.accuracy is None else score.accuracy.std
    return f"{100 * spread:.1f}" + ("" if samples is None else f" ({100 * samples:.1f})")


def _order(score: Score) -> str | None:
    if score.order_flips is None or score.order_difference is None:
        return None
    return f"{100 * score.order_flips:.1f} ({score.order_difference:.2f})"
