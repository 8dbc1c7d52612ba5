"""Statistics of predictions on the evaluation samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "CALIBRATION_BINS",
    "Summary",
    "accuracy",
    "auprc",
    "auroc",
    "brier",
    "calibration_error",
    "matthews",
    "summarise",
]

CALIBRATION_BINS = 10
"""Bins of equal width into which probabilities are put."""


@dataclass(frozen=True)
class Summary:
    """A statistic over the evaluation samples.

    Parameters
    ----------
    mean : float or None
        None where it is undefined in any of the samples, so that means over different samples are
        never set side by side.
    std : float or None
        Sample standard deviation (divisor: samples - 1); None where the mean is, or for one sample.
    samples : tuple of (float or None)
        The value in each sample, in their order.
    """

    mean: float | None
    std: float | None
    samples: tuple[float | None, ...]


def summarise(samples: Sequence[float | None]) -> Summary:
    """Mean and sample standard deviation of a statistic over the samples.

    Examples
    --------
    >>> summarise([0.25, 0.5, 0.75])
    Summary(mean=0.5, std=0.25, samples=(0.25, 0.5, 0.75))
    >>> summarise([0.5, None]).mean is None
    True
    """
    values = tuple(samples)
    defined = [value for value in values if value is not None]
    if not values or len(defined) < len(values):
        return Summary(None, None, values)
    mean = math.fsum(defined) / len(defined)
    if len(defined) < 2:
        return Summary(mean, None, values)
    squares = math.fsum((value - mean) ** 2 for value in defined)
    return Summary(mean, math.sqrt(squares / (len(defined) - 1)), values)


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float | None:
    """Share of examples whose class is predicted; None where there are none.

    Parameters
    ----------
    labels, predicted : ndarray, shape=(examples,)
        Classes, 0 or 1.

    Examples
    --------
    >>> accuracy(np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1]))
    0.75
    """
    if not len(labels):
        return None
    return int((np.asarray(labels) == np.asarray(predicted)).sum()) / len(labels)


def auroc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the receiver operating characteristic; None where only one class is present.

    Parameters
    ----------
    labels : ndarray, shape=(examples,)
        Classes, 0 or 1.
    scores : ndarray, shape=(examples,)
        Higher for examples that lean more towards class 1; equal scores count half.

    Examples
    --------
    >>> auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    >>> auroc(np.array([1, 1]), np.array([0.2, 0.3])) is None
    True
    """
    if len(np.unique(labels)) < 2:
        return None
    called, true = _called(labels, scores)
    false = called - true
    # Only the corners: fewer terms, and the sum of scikit-learn.
    corner = np.ones(len(called), dtype=bool)
    corner[1:-1] = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
    along = np.concatenate([[0.0], false[corner] / false[-1]])
    up = np.concatenate([[0.0], true[corner] / true[-1]])
    return float((np.diff(along) * (up[1:] + up[:-1]) / 2.0).sum())


def auprc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the precision-recall curve of class 1; None where only one class is present.

    Parameters
    ----------
    labels : ndarray, shape=(examples,)
        Classes, 0 or 1.
    scores : ndarray, shape=(examples,)
        Higher for examples that lean more towards class 1; equal scores are called together.

    Returns
    -------
    float or None
        Average precision: the precision at each threshold weighted by the recall that it adds, without
        interpolation. That of constant scores is the share of class 1.

    Examples
    --------
    >>> auprc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).__round__(3)
    0.833
    """
    if len(np.unique(labels)) < 2:
        return None
    called, true = _called(labels, scores)
    recall = np.concatenate([(true / true[-1])[::-1], [0.0]])
    return float(max(0.0, -(np.diff(recall) * (true / called)[::-1]).sum()))


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Mean squared difference of probability and class; None where there are no examples.

    Parameters
    ----------
    labels : ndarray, shape=(examples,)
        Classes, 0 or 1.
    probabilities : ndarray, shape=(examples,)
        Of class 1; 0.25 for one half everywhere.

    References
    ----------
    Brier, Monthly Weather Review 78 (1950) 1-3; here of one class, which is half of his sum over both.

    Examples
    --------
    >>> brier(np.array([0, 1]), np.array([0.5, 1.0]))
    0.125
    """
    if not len(labels):
        return None
    return float(np.square(np.asarray(probabilities, dtype=np.float64) - labels).mean())


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Expected calibration error of the probability of class 1; None where there are no examples.

    Probabilities are put into `CALIBRATION_BINS` bins of equal width, each with its upper edge, the first
    with 0 too. The error is the mean over the bins of the absolute difference between mean probability
    and share of class 1, weighted by the examples in them.

    Parameters
    ----------
    labels : ndarray, shape=(examples,)
        Classes, 0 or 1.
    probabilities : ndarray, shape=(examples,)

    References
    ----------
    Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017, who bin by confidence instead.

    Examples
    --------
    >>> calibration_error(np.array([0, 1, 1, 1]), np.array([0.15, 0.15, 0.9, 0.9])).__round__(3)
    0.225
    """
    if not len(labels):
        return None
    values = np.asarray(probabilities, dtype=np.float64)
    edges = np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS
    bins = np.searchsorted(edges, values, side="left")
    gaps = np.bincount(bins, weights=values - labels, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(values))


def matthews(labels: np.ndarray, predicted: np.ndarray) -> float | None:
    """Matthews correlation coefficient; None where labels or predictions are all of one class.

    Parameters
    ----------
    labels, predicted : ndarray, shape=(examples,)
        Classes, 0 or 1.

    References
    ----------
    Matthews, Biochim. Biophys. Acta 405 (1975) 442-451. It is a correlation, hence undefined where one
    side does not vary; by a frequent convention others report 0 there.

    Examples
    --------
    >>> matthews(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])).__round__(3)
    0.577
    >>> matthews(np.array([0, 1]), np.array([1, 1])) is None
    True
    """
    truth, guess = np.asarray(labels) == 1, np.asarray(predicted) == 1
    total, true, guessed = len(truth), int(truth.sum()), int(guess.sum())
    both = int((truth & guess).sum())
    spread = true * (total - true) * guessed * (total - guessed)
    if spread == 0:
        return None
    return (total * both - true * guessed) / math.sqrt(spread)


def _called(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Examples at or above each distinct score, from the highest, and how many of them are of class 1."""
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    ranked = np.asarray(scores)[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    return last + 1.0, np.cumsum(np.asarray(labels)[order] == 1, dtype=np.float64)[last]
