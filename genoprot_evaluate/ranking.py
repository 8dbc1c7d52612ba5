"""Average ranks of models over tasks, and how far apart they have to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from genoprot_evaluate.results import ResultRecord

__all__ = ["Ranking", "critical_difference", "friedman", "rank_models"]


@dataclass(frozen=True)
class Ranking:
    """Average ranks over the tasks in which every ranked model has a mean accuracy.

    Parameters
    ----------
    tasks : tuple of str
    ranks : mapping of str to float
        By model, best first; 1 is the best rank, equal accuracies share the mean of their ranks.
    means : mapping of str to float
        Mean accuracy over the same tasks, of the same models in the same order.
    left_out : mapping of str to int
        Models without a score in one of the tasks, and in how many of them they have one.
    critical_difference : float or None
        Average ranks that differ by less are not told apart at the 5% level; None for fewer than two
        models or tasks.
    p : float or None
        Of Friedman's test that all ranked models are equally good, with the correction of Iman and
        Davenport; None for fewer than two models or tasks.
    """

    tasks: tuple[str, ...]
    ranks: Mapping[str, float]
    means: Mapping[str, float]
    left_out: Mapping[str, int]
    critical_difference: float | None
    p: float | None


def rank_models(record: ResultRecord) -> Ranking:
    """Rank all models of a record.

    The tasks are those in which any model has a score. A model without a score in one of them is not
    ranked, so that all ranks are averages over the same tasks.

    References
    ----------
    Demsar, "Statistical comparisons of classifiers over multiple data sets", Journal of Machine Learning
    Research 7 (2006) 1-30.
    """
    means = {
        task: {
            name: cell.accuracy.mean
            for name, cell in record.scores[task].items()
            if cell.accuracy is not None and cell.accuracy.mean is not None
        }
        for task in record.tasks
    }
    tasks = tuple(task for task in record.tasks if means[task])
    covered = {name: sum(name in means[task] for task in tasks) for name in sorted(record.models)}
    ranked = [name for name, count in covered.items() if tasks and count == len(tasks)]
    left_out = {name: count for name, count in covered.items() if name not in ranked}
    if not ranked:
        return Ranking(tasks, {}, {}, left_out, None, None)
    # Means of equal counts of hits can differ in the last digit.
    values = np.array([[round(means[task][name], 9) for name in ranked] for task in tasks])
    average = stats.rankdata(-values, axis=1).mean(axis=0)
    order = sorted(range(len(ranked)), key=lambda number: (average[number], ranked[number]))
    ranks = {ranked[number]: float(average[number]) for number in order}
    overall = {name: float(np.mean([means[task][name] for task in tasks])) for name in ranks}
    if len(ranked) < 2 or len(tasks) < 2:
        return Ranking(tasks, ranks, overall, left_out, None, None)
    apart = critical_difference(len(ranked), len(tasks))
    return Ranking(tasks, ranks, overall, left_out, apart, friedman(average, len(tasks)))


def critical_difference(models: int, tasks: int, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference of average ranks.

    Examples
    --------
    >>> round(critical_difference(5, 30), 2)
    1.11
    """
    quantile = stats.studentized_range.ppf(1 - alpha, models, np.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(models * (models + 1) / (6 * tasks)))


def friedman(average: np.ndarray, tasks: int) -> float:
    """P-value of Friedman's test by the F statistic of Iman and Davenport.

    Parameters
    ----------
    average : ndarray, shape=(models,)
        Average ranks.
    tasks : int
        Tasks that they are averages over.
    """
    models = len(average)
    spread = np.square(average - (models + 1) / 2).sum()
    chi_squared = 12 * tasks / (models * (models + 1)) * spread
    rest = tasks * (models - 1) - chi_squared
    if rest <= 1e-9:
        return 0.0
    return float(stats.f.sf((tasks - 1) * chi_squared / rest, models - 1, (models - 1) * (tasks - 1)))
