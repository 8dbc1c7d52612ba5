"""Which train examples a head is fitted to, and which it is validated on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.heads.config import HeadConfig

__all__ = ["TrainFold", "divide_examples", "protein_fold", "validation_fold"]

_TRIES = 64


class TrainFold(NamedTuple):
    """How the train examples are used; an example can be in neither part.

    Parameters
    ----------
    fitted, held_out : ndarray, shape=(m,), dtype=bool
    note : str or None
        Why the examples were not divided in the way that was asked for.
    """

    fitted: np.ndarray
    held_out: np.ndarray
    note: str | None = None


def divide_examples(examples: np.ndarray, labels: np.ndarray, config: HeadConfig, seed: int) -> TrainFold:
    """Divide the train examples by `HeadConfig.validation`.

    Where no proteins can be held out so that both parts have both classes, examples are held out instead
    and the fold has a note. For single records the two are the same.

    Parameters
    ----------
    examples : ndarray, shape=(m, arity)
        Numbers of the proteins of each example.
    labels : ndarray, shape=(m,)
        0 or 1.
    config : HeadConfig
    seed : int

    Raises
    ------
    GenoProtError
        If a class has fewer than two examples.
    """
    held_out = validation_fold(labels, config.validation_fraction, seed)
    by_example = TrainFold(~held_out, held_out)
    if config.validation == "pairs" or examples.shape[1] == 1:
        return by_example
    by_protein = protein_fold(examples, labels, config.validation_fraction, seed)
    if by_protein is None:
        reason = "no proteins can be held out that leave both classes on either side"
        return by_example._replace(note=f"validated on pairs instead of proteins: {reason}")
    return by_protein


def validation_fold(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Which examples are held out for validation: a share of each class, one at least.

    Parameters
    ----------
    labels : ndarray, shape=(m,)
        0 or 1.
    fraction : float
    seed : int

    Returns
    -------
    ndarray, shape=(m,), dtype=bool

    Raises
    ------
    GenoProtError
        If a class has fewer than two examples.
    """
    rng = generator(seed, "validation")
    held_out = np.zeros(len(labels), dtype=bool)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            raise GenoProtError(
                f"{len(rows)} train examples of class {label}; a head needs two of each class or more"
            )
        count = min(len(rows) - 1, max(1, round(fraction * len(rows))))
        held_out[rng.permutation(rows)[:count]] = True
    return held_out


def protein_fold(examples: np.ndarray, labels: np.ndarray, fraction: float, seed: int) -> TrainFold | None:
    """Hold out proteins: validate on the pairs among them, fit to the pairs without any of them.

    Pairs of a held-out protein and another one are in neither part. About the square root of `fraction`
    of the proteins is held out for that share of the pairs. Of several random choices the one is taken in
    which the shares of the two classes are nearest to `fraction`.

    Parameters
    ----------
    examples : ndarray, shape=(m, arity)
        Numbers of the proteins of each example.
    labels : ndarray, shape=(m,)
        0 or 1.
    fraction : float
        Share of the pairs to validate on.
    seed : int

    Returns
    -------
    TrainFold or None
        None where a part would lack a class in every choice.
    """
    proteins, local = np.unique(examples, return_inverse=True)
    local = local.reshape(examples.shape)
    rng = generator(seed, "validation", "proteins")
    sizes = np.bincount(labels, minlength=2)
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for _ in range(_TRIES):
        place = rng.permutation(len(proteins))[local]
        first, last = place.min(axis=1), place.max(axis=1)
        # Entry k of a column: examples of the class among the first k + 1 proteins, or without any of them.
        within = np.stack(
            [np.cumsum(np.bincount(last[labels == c], minlength=len(proteins))) for c in (0, 1)]
        )
        without = sizes[:, None] - np.stack(
            [np.cumsum(np.bincount(first[labels == c], minlength=len(proteins))) for c in (0, 1)]
        )
        distance = np.abs(within / sizes[:, None] - fraction).sum(axis=0)
        distance[(within == 0).any(axis=0) | (without == 0).any(axis=0)] = np.inf
        count = int(np.argmin(distance))
        if np.isfinite(distance[count]) and (best is None or distance[count] < best[0]):
            best = float(distance[count]), first > count, last <= count
    return None if best is None else TrainFold(best[1], best[2])
