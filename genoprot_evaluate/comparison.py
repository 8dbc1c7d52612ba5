"""Which differences between models hold for other proteins too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.bootstrap import LEVEL, ResampledMeans, resample_means
from genoprot_evaluate.gains import counterparts
from genoprot_evaluate.results import Comparison, Gain, Interval, ResultRecord

__all__ = [
    "ALPHA",
    "Lift",
    "Standing",
    "beaten",
    "best_models",
    "compare_models",
    "corrected_p_values",
    "holm",
    "lifts",
    "standings",
]

ALPHA = 0.05
"""A difference counts when its corrected p-value is below."""

# Equal counts of hits can differ in the last digit of their mean, unequal ones differ by far more.
_EQUAL = 1e-9


def compare_models(record: ResultRecord, predictions: pa.Table) -> ResultRecord:
    """Fill in the intervals of a record, the comparisons of every two models and the gains of encoders.

    All models of a task are judged on the same resamples of its eval proteins, so a difference is paired.

    Parameters
    ----------
    record : ResultRecord
    predictions : pyarrow.Table
        Of the same run, with the columns of `results.PREDICTIONS`.

    Returns
    -------
    ResultRecord
        With `comparisons` and `gains`, and with `interval` in every score that has predictions.

    Raises
    ------
    GenoProtError
        If the predictions are not those of the record.
    """
    scores = {task: dict(cells) for task, cells in record.scores.items()}
    comparisons: dict[str, tuple[Comparison, ...]] = {}
    gains: dict[str, tuple[Gain, ...]] = {}
    for task in record.tasks:
        names = sorted(name for name, cell in scores[task].items() if cell.status == "OK")
        if not names:
            continue
        found = _predictions_of(record, task, names, predictions)
        encoders = [name for name in names if record.models[name].kind == "encoder"]
        others = counterparts(record, task, {name: found.probabilities[name] for name in encoders})
        right = [found.predicted[name] == found.labels for name in names]
        right += [predicted == found.labels for predicted in others.values()]
        rng = generator(record.seed, "bootstrap", task)
        values = np.stack(right).astype(np.float64)
        resampled = resample_means(found.members, found.labels, values, rng, sample=found.sample)
        if resampled is None:
            continue
        for series, name in enumerate(names):
            estimate = resampled.mean(series)
            interval = Interval(estimate.low, estimate.high, LEVEL, resampled.replicates.shape[1])
            scores[task][name] = replace(scores[task][name], interval=interval)
        comparisons[task] = tuple(
            Comparison(names[first], names[second], *resampled.difference(first, second))
            for first, second in combinations(range(len(names)), 2)
        )
        if others:
            gains[task] = _gains(resampled, names, list(others), record.ensembles[task].members)
    return replace(record, scores=scores, comparisons=comparisons, gains=gains)


class _Predictions(NamedTuple):
    """Predictions of several models on the same examples; members are numbers of proteins."""

    members: np.ndarray
    labels: np.ndarray
    sample: np.ndarray
    predicted: dict[str, np.ndarray]
    probabilities: dict[str, np.ndarray]


def _predictions_of(
    record: ResultRecord, task: str, names: Sequence[str], predictions: pa.Table
) -> _Predictions:
    chosen = predictions.filter(pc.equal(predictions["task"], task)).sort_by("row")
    predicted, probabilities = {}, {}
    for name in names:
        part = chosen.filter(pc.equal(chosen["model"], name))
        labels = part["label"].to_numpy()
        predicted[name], probabilities[name] = part["predicted"].to_numpy(), part["probability"].to_numpy()
        expected = record.scores[task][name].accuracy.samples
        same = len(labels) == len(predicted[names[0]]) > 0
        if not same or not _equal(_by_sample(part, labels == predicted[name]), expected):
            raise GenoProtError(f"the predictions of {name!r} on {task} are not those of the record")
    accessions = [part[column] for column in ("accession_a", "accession_b") if part[column].null_count == 0]
    known = pa.array(sorted(set().union(*(column.to_pylist() for column in accessions))))
    members = np.stack([pc.index_in(column, value_set=known).to_numpy() for column in accessions], axis=1)
    return _Predictions(members, labels, part["sample"].to_numpy(), predicted, probabilities)


def _equal(found: Sequence[float], expected: Sequence[float | None]) -> bool:
    return len(found) == len(expected) and None not in expected and np.allclose(found, expected, atol=1e-9)


def _by_sample(part: pa.Table, right: np.ndarray) -> list[float]:
    sample = part["sample"].to_numpy()
    return [float(right[sample == number].mean()) for number in np.unique(sample)]


def _gains(
    resampled: ResampledMeans,
    names: Sequence[str],
    others: Sequence[tuple[str, str]],
    members: Sequence[str],
) -> tuple[Gain, ...]:
    """Each ensemble against its counterpart; the series of the counterparts follow those of the models."""
    gains = []
    for place, (encoder, ensemble) in enumerate(others, start=len(names)):
        own = names.index(ensemble)
        together, without = (own, place) if encoder in members else (place, own)
        found = resampled.difference(together, without)
        means = (float(resampled.means[series]) for series in (together, without))
        gains.append(Gain(encoder, ensemble, *means, found.low, found.high, found.p))
    return tuple(gains)


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
        if record.models[name].kind in ("encoder", "ensemble")
        and score.accuracy is not None
        and score.accuracy.mean is not None
    }
    highest = max(means.values(), default=None)
    return frozenset(name for name, mean in means.items() if mean > highest - _EQUAL)


class Standing(NamedTuple):
    """How the models of a task stand to its best encoder or ensemble.

    Parameters
    ----------
    best : frozenset of str
        `best_models`.
    tied : frozenset of str
        The best and all, baselines too, whose difference from one of them has a corrected p-value of
        `ALPHA` or more. Empty where models were not compared.
    better : frozenset of str
        Baselines, combinations and language models that are better than the best by more than that.
    """

    best: frozenset[str]
    tied: frozenset[str]
    better: frozenset[str]

    def mark(self, model: str) -> str:
        """``*`` for a best model, ``=`` for one that is tied, ``>`` for one that is better, else nothing."""
        return next((mark for mark, names in zip("*=>", self) if model in names), "")


def standings(record: ResultRecord) -> dict[str, Standing]:
    """How the models stand to the best encoder or ensemble, by task."""
    corrected = corrected_p_values(record)
    found = {}
    for task in record.tasks:
        best = best_models(record, task)
        tied, better = set(best), set()
        for pair in record.comparisons.get(task, ()):
            sides = {pair.first, pair.second}
            if not sides & best:
                continue
            if corrected[pair.first, pair.second][task] >= ALPHA:
                tied |= sides
            else:
                better.add(pair.first if pair.difference > 0 else pair.second)
        compared = bool(record.comparisons.get(task))
        found[task] = Standing(best, frozenset(tied if compared else ()), frozenset(better - tied))
    return found


@dataclass(frozen=True)
class Lift:
    """How far a model is above the best baseline of a task.

    Parameters
    ----------
    baseline : str
        The baseline with the highest mean accuracy; the first by name of equal ones.
    difference : float
        Accuracy of the model less that of the baseline.
    errors : float or None
        The difference in its own standard errors, from proteins drawn anew for both together; None where
        it has none, because the two agree on every example.
    """

    baseline: str
    difference: float
    errors: float | None


def lifts(record: ResultRecord, task: str) -> dict[str, Lift]:
    """Lift of every model that is no baseline, by name; empty where models were not compared."""
    floors = {
        name: score.accuracy.mean
        for name, score in sorted(record.scores[task].items())
        if record.models[name].kind == "baseline"
        and score.accuracy is not None
        and score.accuracy.mean is not None
    }
    if not floors:
        return {}
    highest = max(floors.values())
    best = next(name for name, mean in floors.items() if mean > highest - _EQUAL)
    found = {}
    for pair in record.comparisons.get(task, ()):
        if best not in (pair.first, pair.second):
            continue
        model, sign = (pair.first, 1) if pair.second == best else (pair.second, -1)
        if record.models[model].kind != "baseline":
            difference = sign * pair.difference
            found[model] = Lift(best, difference, difference / pair.error if pair.error else None)
    return found
