"""How the examples of an epoch are divided into batches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

__all__ = ["Batch", "blocks_pay", "plan_blocks", "shuffled_batches", "whole_table"]

_SAVING = 0.75
_SMALLEST_GROUP = 128


class Batch(NamedTuple):
    """Examples of one step, by the rows of the table that they share.

    Parameters
    ----------
    chosen : ndarray, shape=(b,), dtype=int64
        Numbers of the examples.
    rows : tuple of (ndarray or None)
        By member: rows of the table that the first layer is applied to; None stands for all.
    places : ndarray, shape=(b, arity), dtype=int64
        Where the members of each example are among the rows of all members, one after the other.
    """

    chosen: np.ndarray
    rows: tuple[np.ndarray | None, ...]
    places: np.ndarray


def blocks_pay(examples: int, proteins: int, batch_size: int) -> bool:
    """Whether batches drawn as blocks need clearly fewer first-layer products than shuffled ones.

    They don't where a batch names most proteins of its block only once, nor where a batch is so large beside
    all proteins that the first layer is applied to each of them anyway. With few proteins, groups are small
    and a step would follow what is special about them; blocks are not used then either.

    Parameters
    ----------
    examples : int
        Pairs of an epoch.
    proteins : int
    batch_size : int

    Examples
    --------
    >>> blocks_pay(180_000, 8_448, 3_600), blocks_pay(9_000, 8_448, 180), blocks_pay(45_000, 250, 900)
    (True, False, False)
    """
    if 2 * proteins <= batch_size:
        return False
    rows = proteins / max(1.0, math.sqrt(examples / batch_size))
    named = rows * -math.expm1(-batch_size / rows)
    return rows >= _SMALLEST_GROUP and named <= _SAVING * batch_size


def plan_blocks(
    pairs: np.ndarray, proteins: int, batch_size: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Divide the pairs of an epoch into blocks: the pairs between two random groups of proteins.

    The proteins of either side are put into groups anew, each group with about as many pairs as the others;
    every pair is in one block. The blocks come in random order. One with less than half of the wanted pairs
    is joined to the next, one with more than twice as many is divided at random.

    Parameters
    ----------
    pairs : ndarray, shape=(m, 2), dtype=int64
        Rows of the table.
    proteins : int
        Rows of the table.
    batch_size : int
        Pairs wanted per batch.
    rng : numpy.random.Generator

    Yields
    ------
    Batch
        `rows` are the ones that its pairs name, rising.
    """
    wanted = max(1, round(len(pairs) / batch_size))
    first = max(1, math.isqrt(wanted))
    groups = (first, max(1, round(wanted / first)))
    sides = [_groups(pairs[:, side], proteins, count, rng) for side, count in enumerate(groups)]
    block = rng.permutation(groups[0] * groups[1])[sides[0] * groups[1] + sides[1]]
    # Within a block the order is random too, so that a division of it is.
    order = rng.permutation(len(pairs))
    order = order[np.argsort(block[order], kind="stable")]
    sizes = np.bincount(block, minlength=groups[0] * groups[1])
    for start, stop in _spans(sizes, batch_size):
        chosen = order[start:stop]
        named, places = zip(*(np.unique(pairs[chosen, side], return_inverse=True) for side in (0, 1)))
        yield Batch(chosen, named, np.stack([places[0], places[1] + len(named[0])], axis=1))


def shuffled_batches(examples: int, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Numbers of the examples of an epoch in random order, by batches."""
    order = rng.permutation(examples)
    for start in range(0, examples, batch_size):
        yield order[start : start + batch_size]


def whole_table(examples: np.ndarray, chosen: np.ndarray, proteins: int) -> Batch:
    """The batch of the chosen examples, with the first layer applied to all rows for every member."""
    arity = examples.shape[1]
    return Batch(chosen, (None,) * arity, examples[chosen] + proteins * np.arange(arity))


def _groups(members: np.ndarray, proteins: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Group of each member: random proteins, cut where the sum of their pairs passes equal shares."""
    pairs_of = np.bincount(members, minlength=proteins)
    order = rng.permutation(proteins)
    before = np.cumsum(pairs_of[order]) - pairs_of[order] / 2
    group = np.empty(proteins, dtype=np.int64)
    group[order] = np.minimum(count - 1, before * count // len(members))
    return group[members]


def _spans(sizes: np.ndarray, batch_size: int) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(sizes)
    total = int(ends[-1])
    start = 0
    for end in map(int, ends):
        too_little = 2 * (end - start) < batch_size
        remainder = 2 * (total - end) < batch_size and end < total
        if too_little and end < total or end == start or remainder:
            continue
        parts = max(1, round((end - start) / batch_size)) if end - start > 2 * batch_size else 1
        edges = np.linspace(start, end, parts + 1).round().astype(int)
        yield from zip(edges.tolist(), edges[1:].tolist())
        start = end
