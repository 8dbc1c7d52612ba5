"""Ensembles: how the predictions of several models become one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from genoprot_datasets.errors import GenoProtError

__all__ = [
    "ENSEMBLES",
    "PAPER_MEMBERS",
    "Vote",
    "default_members",
    "hard",
    "maximum",
    "median",
    "normalised_weights",
    "soft",
    "weighted",
]

PAPER_MEMBERS = ("esmc-600m", "evo2-7b", "proteinfer-ec", "proteinfer-go", "proteinfer-pfam", "lucaone")
"""Members of the paper's ensembles, in the order of its Table 3."""

_VIEWS = ("", "-protein", "-dna", "-both")


class Vote(NamedTuple):
    """What an ensemble says about each example.

    Parameters
    ----------
    label : ndarray, shape=(examples,), dtype=int8
        The predicted class; a tie that the ensemble's own rule leaves open goes to class 0.
    score : ndarray, shape=(examples,), dtype=float64
        How much the ensemble leans towards class 1, in [0, 1]: above one half for class 1, at most one
        half for class 0, and comparable between examples.
    """

    label: np.ndarray
    score: np.ndarray


def default_members(encoders: Collection[str]) -> tuple[str, ...]:
    """Members of the ensembles: the paper's six where all of them are given, else all encoders.

    An encoder of both modalities is embedded once for each and has one vote: where it is not there under its
    own name, its protein view stands for it, and its DNA view where there is no other.

    Parameters
    ----------
    encoders : collection of str
        Names of the encoders that are scored; baselines are not among them.

    Returns
    -------
    tuple of str
        Sorted, so that sums over members do not depend on the order in which they were given.

    Examples
    --------
    >>> default_members(["kmer-4", "composition"])
    ('composition', 'kmer-4')
    >>> default_members([*PAPER_MEMBERS, "kmer-4"]) == tuple(sorted(PAPER_MEMBERS))
    True
    """
    found = {
        next((member + view for view in _VIEWS if member + view in encoders), None)
        for member in PAPER_MEMBERS
    }
    return tuple(sorted(set(encoders) if None in found else found))


def soft(probabilities: np.ndarray) -> Vote:
    """Soft voting: the class whose mean probability is higher.

    Parameters
    ----------
    probabilities : ndarray, shape=(members, examples), dtype=float64
        Probability of class 1 by each member; that of class 0 is the rest.

    Returns
    -------
    Vote
        The score is the mean probability of class 1.

    Raises
    ------
    GenoProtError
        If there is no member, or a value is not a probability.

    Examples
    --------
    >>> soft(np.array([[0.9], [0.4], [0.4]])).label
    array([1], dtype=int8)
    """
    return _by_score(_checked(probabilities).mean(axis=0))


def hard(probabilities: np.ndarray) -> Vote:
    """Hard voting: the class that most members predict; a tie goes to the higher mean probability.

    A member predicts class 1 when its probability is above one half.

    Parameters
    ----------
    probabilities : ndarray, shape=(members, examples), dtype=float64
        Probability of class 1 by each member.

    Returns
    -------
    Vote
        The score is (votes + mean probability) / (members + 1): it ranks examples by the votes for
        class 1 and, where these are equal, by the mean probability.

    Raises
    ------
    GenoProtError
        If there is no member, or a value is not a probability.

    Examples
    --------
    >>> hard(np.array([[0.9], [0.4], [0.4]])).label
    array([0], dtype=int8)
    """
    checked = _checked(probabilities)
    votes, mean = (checked > 0.5).sum(axis=0), checked.mean(axis=0)
    members = len(checked)
    label = (2 * votes > members) | ((2 * votes == members) & (mean > 0.5))
    return Vote(label.astype(np.int8), (votes + mean) / (members + 1))


def weighted(probabilities: np.ndarray, accuracies: np.ndarray) -> Vote:
    """Weighted voting: the class whose mean probability, weighted by validation accuracy, is higher.

    Parameters
    ----------
    probabilities : ndarray, shape=(members, examples), dtype=float64
        Probability of class 1 by each member.
    accuracies : ndarray, shape=(members,)
        Accuracy of each member on the validation fold of the task.

    Returns
    -------
    Vote
        The score is the weighted mean probability of class 1.

    Raises
    ------
    GenoProtError
        If there is no member, or a value is not a probability or not an accuracy.
    """
    checked = _checked(probabilities)
    weights = normalised_weights(accuracies)
    if len(weights) != len(checked):
        raise GenoProtError(f"ensemble: {len(checked)} members but {len(weights)} validation accuracies")
    # Weights that add up to 1 only to the last digit would move a tie off one half.
    return _by_score(np.clip(0.5 + (weights[:, None] * (checked - 0.5)).sum(axis=0), 0.0, 1.0))


def normalised_weights(accuracies: np.ndarray) -> np.ndarray:
    """Weights of the members in proportion to their validation accuracies, adding up to 1.

    Members weigh the same where none of them has an accuracy above zero.

    Parameters
    ----------
    accuracies : ndarray, shape=(members,)

    Returns
    -------
    ndarray, shape=(members,), dtype=float64

    Raises
    ------
    GenoProtError
        If a value is not between 0 and 1.

    Examples
    --------
    >>> normalised_weights(np.array([0.75, 0.75, 0.5])).round(3).tolist()
    [0.375, 0.375, 0.25]
    """
    values = np.asarray(accuracies, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise GenoProtError(f"ensemble: validation accuracies lie between 0 and 1, found {values.tolist()}")
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), 1 / max(1, len(values)))


def median(probabilities: np.ndarray) -> Vote:
    """Median voting: the class whose median probability over the members is higher.

    Of an even number of members the median is the mean of the middle two, so the medians of the two
    classes add up to 1.

    Parameters
    ----------
    probabilities : ndarray, shape=(members, examples), dtype=float64
        Probability of class 1 by each member.

    Returns
    -------
    Vote
        The score is the median probability of class 1.

    Raises
    ------
    GenoProtError
        If there is no member, or a value is not a probability.
    """
    return _by_score(np.median(_checked(probabilities), axis=0))


def maximum(probabilities: np.ndarray) -> Vote:
    """Max voting: the class whose highest probability by any member is higher.

    Parameters
    ----------
    probabilities : ndarray, shape=(members, examples), dtype=float64
        Probability of class 1 by each member.

    Returns
    -------
    Vote
        The score is the mean of the highest and the lowest probability of class 1: the highest
        probability of class 0 is 1 less the lowest of class 1, so it is above one half just where
        class 1 has the higher maximum.

    Raises
    ------
    GenoProtError
        If there is no member, or a value is not a probability.
    """
    checked = _checked(probabilities)
    return _by_score((checked.max(axis=0) + checked.min(axis=0)) / 2)


ENSEMBLES: Mapping[str, Callable[[np.ndarray, np.ndarray], Vote]] = MappingProxyType(
    {
        "ensemble:soft": lambda probabilities, accuracies: soft(probabilities),
        "ensemble:hard": lambda probabilities, accuracies: hard(probabilities),
        "ensemble:weighted": weighted,
        "ensemble:median": lambda probabilities, accuracies: median(probabilities),
        "ensemble:max": lambda probabilities, accuracies: maximum(probabilities),
    }
)
"""The five ensembles by name, as functions of the members' probabilities and validation accuracies.

References
----------
Wakim, Gupta et al., NeurIPS 2025 FM4LS workshop, Appendix C.1.4.
"""


def _checked(probabilities: np.ndarray) -> np.ndarray:
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or not len(values):
        raise GenoProtError(
            f"ensemble: probabilities have shape (members, examples), one member or more, not {values.shape}"
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise GenoProtError("ensemble: a member's probability is not between 0 and 1")
    return values


def _by_score(score: np.ndarray) -> Vote:
    return Vote((score > 0.5).astype(np.int8), score)
