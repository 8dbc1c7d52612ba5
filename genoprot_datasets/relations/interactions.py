"""Pairs of records that are reported to interact."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from genoprot_datasets.relations.base import PairRelation

__all__ = ["Interactions"]


class Interactions(PairRelation):
    """A pair is positive when it is on a list.

    Parameters
    ----------
    i, j : array_like, shape=(k,), dtype=int64
        Positions of the two records of each reported pair, in either order. Repeats and pairs of a record
        with itself are allowed and mean nothing.
    annotated : array_like, shape=(n,), dtype=bool
        Records for which interactions were looked for, so that an unlisted pair of them is negative.

    Attributes
    ----------
    pairs : ndarray, shape=(2, p), dtype=int64
        Every positive pair once, ascending, the lower position first.

    Examples
    --------
    >>> relation = Interactions([2, 0, 2], [0, 2, 1], [True, True, True])
    >>> relation.positive_codes(np.arange(3)).tolist()  # pairs (0, 2) and (1, 2)
    [2, 5]
    """

    def __init__(self, i: np.ndarray, j: np.ndarray, annotated: np.ndarray) -> None:
        self.annotated = np.asarray(annotated, bool)
        i, j = np.asarray(i, np.int64), np.asarray(j, np.int64)
        codes = np.unique(np.minimum(i, j)[i != j] * len(self.annotated) + np.maximum(i, j)[i != j])
        self.pairs = np.stack(np.divmod(codes, len(self.annotated)))
        self.degree = np.bincount(self.pairs.ravel(), minlength=len(self.annotated))

    def positive_blocks(self, members: np.ndarray) -> Iterator[np.ndarray]:
        local = np.full(len(self.annotated), -1, np.int64)
        local[members] = np.arange(len(members))
        i, j = local[self.pairs]
        inside = (i >= 0) & (j >= 0)
        yield i[inside] * len(members) + j[inside]
