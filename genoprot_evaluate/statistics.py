"""Statistics of predictions on the evaluation samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Summary", "accuracy", "auroc", "matthews", "summarise"]


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
    from sklearn.metrics import roc_auc_score

    if len(np.unique(labels)) < 2:
        return None
    return float(roc_auc_score(labels, scores))


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
