"""How far a number alone, such as identity or a degree, tells the classes of examples apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["auroc", "compare_classes", "compare_degrees"]


def auroc(score: np.ndarray, label: np.ndarray) -> float:
    """Probability that a positive example has the higher score, ties counted half.

    Parameters
    ----------
    score : ndarray, shape=(k,)
    label : ndarray, shape=(k,), dtype=int8
        0 or 1; both occur.

    Returns
    -------
    float

    Examples
    --------
    >>> auroc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0, 0, 1, 1]))
    0.875
    """
    from scipy.stats import rankdata

    positives = int((label == 1).sum())
    rank_sum = rankdata(score)[label == 1].sum() - positives * (positives + 1) / 2
    return float(rank_sum / (positives * (len(label) - positives)))


def compare_classes(amount: np.ndarray, label: np.ndarray) -> dict[str, Any]:
    """Quantiles of an amount in both classes, and how far it tells them apart.

    Parameters
    ----------
    amount : ndarray, shape=(k,)
        Of each example.
    label : ndarray, shape=(k,), dtype=int8
        0 or 1; both occur.

    Returns
    -------
    dict
        ``positives`` and ``negatives`` with ``mean``, ``median`` and ``p90`` each; ``auroc``, 0.5 where the
        amount tells nothing.
    """
    amount = np.asarray(amount, np.float64)
    found: dict[str, Any] = {}
    for name, value in (("positives", 1), ("negatives", 0)):
        median, high = np.quantile(amount[label == value], [0.5, 0.9])
        # Rounded once: the last digit of numpy's mean depends on the order of the sum.
        mean = math.fsum(amount[label == value].tolist()) / int((label == value).sum())
        found[name] = {"mean": mean, "median": float(median), "p90": float(high)}
    return found | {"auroc": auroc(amount, label)}


def compare_degrees(degree: np.ndarray, members: np.ndarray, label: np.ndarray) -> dict[str, Any]:
    """Compare how many attributes or partners the members of positive and of negative pairs have.

    Parameters
    ----------
    degree : ndarray, shape=(n,), dtype=int64
        Attributes or partners of each record.
    members : ndarray, shape=(k, 2), dtype=int64
        Positions of the two records of each pair.
    label : ndarray, shape=(k,), dtype=int8
        0 or 1; both occur.

    Returns
    -------
    dict
        As `compare_classes`: the quantiles are over both members of every pair, the AUROC is that of the
        two degrees' product plus one each.

    Examples
    --------
    >>> found = compare_degrees(np.array([1, 2, 5]), np.array([[1, 2], [0, 1]]), np.array([1, 0]))
    >>> found["positives"]["mean"], found["negatives"]["mean"], found["auroc"]
    (3.5, 1.5, 1.0)
    """
    own = degree[members]
    found = compare_classes(own.ravel(), np.repeat(label, own.shape[1]))
    return found | {"auroc": auroc((own + 1).prod(axis=1), label)}
