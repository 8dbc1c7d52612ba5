"""Baselines that are rules: no vectors, no head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genoprot_evaluate.statistics import accuracy

__all__ = ["RuleFit", "about_threshold", "alignment", "best_threshold", "degree", "majority"]


class RuleFit(NamedTuple):
    """Predictions of a baseline that has no head.

    Parameters
    ----------
    probability : ndarray, shape=(eval examples,), dtype=float64
        Of class 1; above one half where class 1 is predicted.
    validation_accuracy : float or None
        None where it is not measured.
    note : str or None
    """

    probability: np.ndarray
    validation_accuracy: float | None
    note: str | None = None


def majority(labels: np.ndarray, fitted: np.ndarray, held_out: np.ndarray, eval_examples: int) -> RuleFit:
    """Predict the more frequent class of train for every example; class 0 where both are as frequent.

    Parameters
    ----------
    labels : ndarray, shape=(m,)
        Classes of the train examples, 0 or 1.
    fitted, held_out : ndarray, shape=(m,), dtype=bool
        The examples that the rule is fitted to, and the validation fold.
    eval_examples : int

    Returns
    -------
    RuleFit
        The probability is the share of class 1 among the examples that it is fitted to.

    Examples
    --------
    >>> held_out = np.array([False, False, False, True])
    >>> majority(np.array([1, 1, 0, 1]), ~held_out, held_out, 2).probability.round(3)
    array([0.667, 0.667])
    """
    share = float(labels[fitted].mean())
    guess = np.full(int(held_out.sum()), int(share > 0.5))
    return RuleFit(np.full(eval_examples, share), accuracy(labels[held_out], guess))


def alignment(
    labels: np.ndarray,
    train_identity: np.ndarray,
    fitted: np.ndarray,
    held_out: np.ndarray,
    eval_identity: np.ndarray,
) -> RuleFit:
    """Predict class 1 for pairs whose sequence identity is above a threshold fitted on train.

    Parameters
    ----------
    labels : ndarray, shape=(m,)
        Classes of the train pairs, 0 or 1.
    train_identity : ndarray, shape=(m,)
        Sequence identity of the train pairs, as a fraction.
    fitted, held_out : ndarray, shape=(m,), dtype=bool
        The examples that the threshold is fitted to, and the validation fold.
    eval_identity : ndarray, shape=(eval examples,)

    Returns
    -------
    RuleFit
        The probability grows with the identity, along two straight lines that meet at the threshold
        with one half.
    """
    threshold = best_threshold(train_identity[fitted], labels[fitted])
    guess = train_identity[held_out] > threshold
    return RuleFit(about_threshold(threshold, eval_identity), accuracy(labels[held_out], guess))


def degree(
    members: np.ndarray,
    labels: np.ndarray,
    fitted: np.ndarray,
    held_out: np.ndarray,
    eval_members: np.ndarray,
) -> RuleFit:
    """Predict class 1 for pairs whose two proteins have many positive partners in train.

    A pair's value is the sum over its proteins of log(1 + positive partners among the fitted pairs), the
    pair itself not counted; class 1 is predicted above a threshold fitted on train. A protein that no
    fitted pair names has no known number of partners: its pairs get one half. That is every eval protein
    where the folds are disjoint, which this baseline shows, and its note says.

    Parameters
    ----------
    members : ndarray, shape=(m, 2)
        Numbers of the proteins of the train pairs.
    labels : ndarray, shape=(m,)
        Their classes, 0 or 1.
    fitted, held_out : ndarray, shape=(m,), dtype=bool
        The examples that partners and threshold are taken from, and the validation fold.
    eval_members : ndarray, shape=(eval examples, 2)
        In the same numbering.

    Returns
    -------
    RuleFit
        Its validation accuracy says how far the number of partners goes where it is known.
    """
    proteins = 1 + max(int(members.max()), int(eval_members.max()))
    partners = np.bincount(members[fitted][labels[fitted] == 1].reshape(-1), minlength=proteins)
    known = np.bincount(members[fitted].reshape(-1), minlength=proteins) > 0

    def values(pairs: np.ndarray, own: np.ndarray | int) -> np.ndarray:
        total = np.log1p(partners[pairs] - np.reshape(own, (-1, 1))).sum(axis=1)
        return total / (1 + total)

    threshold = best_threshold(values(members[fitted], labels[fitted]), labels[fitted])
    guess = values(members[held_out], 0) > threshold
    probability = about_threshold(threshold, values(eval_members, 0))
    probability[~known[eval_members].all(axis=1)] = 0.5
    found = np.unique(eval_members)
    seen = int(known[found].sum())
    note = (
        f"{seen} of {len(found)} eval proteins are in train pairs"
        if seen
        else "no eval protein is in a train pair, so no number of partners is known; what remains of this "
        "shortcut is annotation-count"
    )
    return RuleFit(probability, accuracy(labels[held_out], guess), note)


def about_threshold(threshold: float, values: np.ndarray) -> np.ndarray:
    """Probabilities along two straight lines: 0 to one half up to the threshold, then up to 1.

    Examples
    --------
    >>> about_threshold(0.2, np.array([0.1, 0.2, 0.6])).tolist()
    [0.25, 0.5, 0.75]
    """
    values = np.asarray(values, dtype=np.float64)
    probability = 0.5 * values / threshold
    above = values > threshold
    probability[above] = 0.5 + 0.5 * (values[above] - threshold) / (1 - threshold)
    return probability


def best_threshold(values: np.ndarray, labels: np.ndarray) -> float:
    """Threshold with the most pairs classified right: class 1 above it, class 0 at or below it.

    Parameters
    ----------
    values : ndarray, shape=(m,)
        Between 0 and 1, as sequence identities are.
    labels : ndarray, shape=(m,)
        0 or 1.

    Returns
    -------
    float
        Midway between two neighbouring values, or between zero and the lowest; the lowest of equally
        good ones; 1.0 where none is better than calling every pair class 0.

    Examples
    --------
    >>> best_threshold(np.array([0.1, 0.2, 0.6, 0.9]), np.array([0, 0, 1, 1]))
    0.4
    """
    order = np.argsort(values, kind="stable")
    classes = np.asarray(labels)[order]
    values = np.concatenate([[0.0], np.asarray(values, dtype=np.float64)[order]])
    zeros_below = np.concatenate([[0], np.cumsum(classes == 0)])
    ones_below = np.concatenate([[0], np.cumsum(classes == 1)])
    right = zeros_below + ones_below[-1] - ones_below
    cuts = np.flatnonzero(values[:-1] < values[1:])
    if not len(cuts) or right[cuts].max() <= right[-1]:
        return 1.0
    cut = cuts[np.argmax(right[cuts])]
    return float((values[cut] + values[cut + 1]) / 2)
