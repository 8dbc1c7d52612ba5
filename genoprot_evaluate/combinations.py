"""Combinations beyond the paper's ensembles: they learn from the validation fold how to combine the members.

What they learn from are the members' probabilities for the validation fold and its labels; labels of the eval
fold have no part in any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.ensembles import Vote, soft

__all__ = [
    "COMBINATIONS",
    "ROUNDS",
    "calibrate",
    "cross_entropy",
    "greedy_counts",
    "greedy_vote",
    "log_odds",
    "stacked_vote",
    "stacking_weights",
    "temperatures",
]

COMBINATIONS: Mapping[str, str] = MappingProxyType(
    {
        "combination:greedy": "mean of the members that greedy forward selection picks on validation",
        "combination:stacked": "logistic regression on the members' log-odds, fitted on validation",
        "combination:calibrated": "soft voting after a temperature for each member, fitted on validation",
    }
)
"""Titles by name."""

ROUNDS = 20
"""Picks of the greedy selection."""

_SMALLEST = 1e-7
# Equal losses can differ in the last digit.
_EQUAL = 1e-12
_STEEPNESS = (0.01, 20.0)


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Natural log-odds, with probabilities kept 1e-7 away from 0 and 1.

    Examples
    --------
    >>> log_odds(np.array([0.5, 1.0])).round(2).tolist()
    [0.0, 16.12]
    """
    kept = np.clip(np.asarray(probabilities, dtype=np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.log(kept) - np.log1p(-kept)


def cross_entropy(probability: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood in nats, with probabilities kept 1e-7 away from 0 and 1."""
    kept = np.clip(np.asarray(probability, dtype=np.float64), _SMALLEST, 1 - _SMALLEST)
    return float(-np.log(np.where(np.asarray(labels) == 1, kept, 1 - kept)).mean())


def greedy_counts(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Greedy forward selection of members, with replacement.

    In each of `ROUNDS` rounds the member is added that makes the cross-entropy of the mean probability
    lowest; the first of equally good ones. What was picked up to the best round counts.

    Parameters
    ----------
    probabilities : ndarray, shape=(members, examples), dtype=float64
        Of class 1, on the validation fold.
    labels : ndarray, shape=(examples,)
        0 or 1.

    Returns
    -------
    ndarray, shape=(members,), dtype=int64
        How often each member was picked; one pick at least.

    Raises
    ------
    GenoProtError
        If there is no member, or the validation fold lacks a class.

    References
    ----------
    Caruana et al., "Ensemble selection from libraries of models", ICML 2004.

    Examples
    --------
    >>> greedy_counts(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([1, 0])).tolist()
    [1, 0]
    """
    values, classes = _checked(probabilities, labels)
    counts, best = np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=np.int64)
    total, lowest = np.zeros(values.shape[1]), np.inf
    for picked in range(1, ROUNDS + 1):
        losses = np.array([cross_entropy((total + row) / picked, classes) for row in values])
        choice = int(np.flatnonzero(losses <= losses.min() + _EQUAL)[0])
        counts[choice] += 1
        total = total + values[choice]
        if losses[choice] < lowest - _EQUAL:
            lowest, best = losses[choice], counts.copy()
    return best


def greedy_vote(probabilities: np.ndarray, counts: np.ndarray) -> Vote:
    """Mean probability of the members, each as often as it was picked."""
    used = np.repeat(np.asarray(probabilities, dtype=np.float64), counts, axis=0)
    return soft(used)


def stacking_weights(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Logistic regression of the label on the members' log-odds.

    Parameters
    ----------
    probabilities : ndarray, shape=(members, examples), dtype=float64
        Of class 1, on the validation fold.
    labels : ndarray, shape=(examples,)
        0 or 1.

    Returns
    -------
    coefficients : ndarray, shape=(members,), dtype=float64
    intercept : float
        The penalty is half of the squared coefficients, beside the sum of the losses; the intercept is free.

    Raises
    ------
    GenoProtError
        If there is no member, or the validation fold lacks a class.

    References
    ----------
    Wolpert, "Stacked generalization", Neural Networks 5 (1992) 241-259.
    """
    from sklearn.linear_model import LogisticRegression

    values, classes = _checked(probabilities, labels)
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-8, max_iter=200)
    model.fit(log_odds(values).T, classes)
    return model.coef_[0], float(model.intercept_[0])


def stacked_vote(probabilities: np.ndarray, coefficients: np.ndarray, intercept: float) -> Vote:
    """Probability by the logistic regression of `stacking_weights`."""
    from scipy.special import expit

    score = expit(np.asarray(coefficients) @ log_odds(probabilities) + intercept)
    return Vote((score > 0.5).astype(np.int8), score)


def temperatures(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Temperature of each member: what its log-odds are divided by for the lowest cross-entropy.

    Parameters
    ----------
    probabilities : ndarray, shape=(members, examples), dtype=float64
        Of class 1, on the validation fold.
    labels : ndarray, shape=(examples,)
        0 or 1.

    Returns
    -------
    ndarray, shape=(members,), dtype=float64
        Between 0.05 and 100; above 1 for a member that is too sure of itself.

    Raises
    ------
    GenoProtError
        If there is no member, or the validation fold lacks a class.

    References
    ----------
    Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import expit

    values, classes = _checked(probabilities, labels)
    # The loss is convex in 1 / T, not in T.
    found = [
        minimize_scalar(
            lambda steepness, row=row: cross_entropy(expit(steepness * row), classes),
            bounds=_STEEPNESS,
            method="bounded",
            options={"xatol": 1e-8},
        ).x
        for row in log_odds(values)
    ]
    return 1 / np.array(found)


def calibrate(probabilities: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """Probabilities after the log-odds of each member are divided by its temperature.

    Examples
    --------
    >>> calibrate(np.array([[0.8, 0.5]]), np.array([2.0])).round(3).tolist()
    [[0.667, 0.5]]
    """
    from scipy.special import expit

    return expit(log_odds(probabilities) / np.asarray(divisors)[:, None])


def _checked(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, classes = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if values.ndim != 2 or not len(values) or values.shape[1] != len(classes):
        raise GenoProtError(
            f"combination: probabilities have shape (members, {len(classes)} examples), one member or more, "
            f"not {values.shape}"
        )
    if not (classes == 0).any() or not (classes == 1).any():
        raise GenoProtError("the validation fold has examples of one class only")
    return values, classes
