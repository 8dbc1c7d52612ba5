"""Which differences between models hold for other proteins too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.bootstrap import LEVEL, ResampledMeans, resample_means
from genoprot_evaluate.results import Comparison, Interval, ResultRecord

__all__ = [
    "ALPHA",
    "beaten",
    "best_models",
    "compare_models",
    "corrected_p_values",
    "holm",
    "tied_models",
]

ALPHA = 0.05
"""A difference counts when its corrected p-value is below."""

# Equal counts of hits can differ in the last digit of their mean, unequal ones differ by far more.
_EQUAL = 1e-9


def compare_models(record: ResultRecord, predictions: pa.Table) -> ResultRecord:
    """Fill in the intervals of a record and the comparisons of every two models.

    All models of a task are judged on the same resamples of its eval proteins, so a difference is paired.

    Parameters
    ----------
    record : ResultRecord
    predictions : pyarrow.Table
        Of the same run, with the columns of `results.PREDICTIONS`.

    Returns
    -------
    ResultRecord
        With `comparisons`, and with `interval` in every score that has predictions.

    Raises
    ------
    GenoProtError
        If the predictions are not those of the record.
    """
    scores = {task: dict(cells) for task, cells in record.scores.items()}
    comparisons: dict[str, tuple[Comparison, ...]] = {}
    for task in record.tasks:
        names = sorted(name for name, cell in scores[task].items() if cell.status == "OK")
        resampled = _resample(record, task, names, predictions) if names else None
        if resampled is None:
            continue
        for series, name in enumerate(names):
            found = resampled.mean(series)
            interval = Interval(found.low, found.high, LEVEL, resampled.replicates.shape[1])
            scores[task][name] = replace(scores[task][name], interval=interval)
        comparisons[task] = tuple(
            Comparison(names[first], names[second], *resampled.difference(first, second))
            for first, second in combinations(range(len(names)), 2)
        )
    return replace(record, scores=scores, comparisons=comparisons)


def _resample(
    record: ResultRecord, task: str, names: Sequence[str], predictions: pa.Table
) -> ResampledMeans | None:
    chosen = predictions.filter(pc.equal(predictions["task"], task)).sort_by("row")
    right = []
    for name in names:
        part = chosen.filter(pc.equal(chosen["model"], name))
        right.append((part["label"].to_numpy() == part["predicted"].to_numpy()).astype(np.float64))
        mean = record.scores[task][name].accuracy.mean
        if len(right[-1]) != len(right[0]) or not len(part) or abs(right[-1].mean() - mean) > 1e-9:
            raise GenoProtError(f"the predictions of {name!r} on {task} are not those of the record")
    accessions = [part[column] for column in ("accession_a", "accession_b") if part[column].null_count == 0]
    known = pa.array(sorted(set().union(*(column.to_pylist() for column in accessions))))
    members = np.stack([pc.index_in(column, value_set=known).to_numpy() for column in accessions], axis=1)
    labels = part["label"].to_numpy()
    return resample_means(members, labels, np.stack(right), generator(record.seed, "bootstrap", task))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for several tests: p-values that may be read one by one.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979) 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(order), 0, -1)
    raised = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, dtype=np.float64)[order] * factors))
    corrected = np.empty(len(order))
    corrected[order] = raised
    return corrected.tolist()


def corrected_p_values(record: ResultRecord) -> dict[tuple[str, str], dict[str, float]]:
    """P-values of every two models by task, corrected over the tasks in which both are compared.

    Returns
    -------
    dict
        By (first, second) in the order of the record's comparisons, then by task.
    """
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for task, pairs in record.comparisons.items():
        for pair in pairs:
            found[pair.first, pair.second][task] = pair.p
    return {pair: dict(zip(by_task, holm(list(by_task.values())))) for pair, by_task in found.items()}


def beaten(record: ResultRecord) -> dict[str, dict[str, tuple[str, ...]]]:
    """Tasks in which a model is better than another one by more than proteins drawn anew explain.

    Returns
    -------
    dict
        By the better model, then by the worse one: tasks in the order of the paper; pairs without such a
        task are left out.
    """
    corrected = corrected_p_values(record)
    wins: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for task in record.tasks:
        for pair in record.comparisons.get(task, ()):
            if corrected[pair.first, pair.second][task] < ALPHA:
                forward = pair.difference > 0
                better, worse = (pair.first, pair.second) if forward else (pair.second, pair.first)
                wins[better][worse].append(task)
    return {
        better: {worse: tuple(tasks) for worse, tasks in sorted(losers.items())}
        for better, losers in sorted(wins.items())
    }


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


def tied_models(record: ResultRecord, task: str) -> frozenset[str]:
    """Models that cannot be told from the best encoder or ensemble of a task.

    Those are the best ones and all, baselines too, whose difference from one of them has a corrected
    p-value of `ALPHA` or more. Empty where models were not compared.
    """
    if not record.comparisons.get(task):
        return frozenset()
    best = best_models(record, task)
    corrected = corrected_p_values(record)
    tied = set(best)
    for pair in record.comparisons[task]:
        sides = {pair.first, pair.second}
        if sides & best and corrected[pair.first, pair.second][task] >= ALPHA:
            tied |= sides
    return frozenset(tied)
