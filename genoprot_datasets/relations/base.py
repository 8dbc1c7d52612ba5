"""What every relation between two records offers, and how its pairs are numbered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

__all__ = ["PairRelation", "rows_of_ranks"]


class PairRelation(ABC):
    """Which unordered pairs of n records are positive.

    Inside a fold the records are numbered 0 to m - 1 in the order of `members`, and the pair of
    numbers i < j has the code ``i * m + j``.

    Attributes
    ----------
    annotated : ndarray, shape=(n,), dtype=bool
        Records that carry the attribute at all; only pairs among them can be asked about.
    degree : ndarray, shape=(n,), dtype=int64
        How many labels, terms or partners each record has.
    """

    annotated: np.ndarray
    degree: np.ndarray

    @abstractmethod
    def positive_blocks(self, members: np.ndarray) -> Iterator[np.ndarray]:
        """Codes of the positive pairs among some records, in blocks of bounded size.

        Parameters
        ----------
        members : ndarray, shape=(m,), dtype=int64
            Positions of the records, ascending and unique.

        Yields
        ------
        ndarray, shape=(k,), dtype=int64
            Codes, strictly ascending within a block and from block to block.
        """

    def count_positives(self, members: np.ndarray) -> int:
        """Number of positive pairs among some records.

        Parameters
        ----------
        members : ndarray, shape=(m,), dtype=int64
            Positions of the records, ascending and unique.

        Returns
        -------
        int
        """
        return sum(len(block) for block in self.positive_blocks(members))

    def positive_codes(self, members: np.ndarray) -> np.ndarray:
        """Codes of all positive pairs among some records.

        Parameters
        ----------
        members : ndarray, shape=(m,), dtype=int64
            Positions of the records, ascending and unique.

        Returns
        -------
        ndarray, shape=(k,), dtype=int64
            Strictly ascending codes. Half of all pairs of 12,448 records take 310 MB; `positive_blocks` gives
            the same codes piece by piece.
        """
        blocks = [np.empty(0, np.int64), *self.positive_blocks(members)]
        return np.concatenate(blocks)

    def pairs_of_ranks(
        self, members: np.ndarray, positive: np.ndarray, negative: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes of the positive and of the negative pairs at some ranks within their class.

        Parameters
        ----------
        members : ndarray, shape=(m,), dtype=int64
            Positions of the records, ascending and unique.
        positive, negative : ndarray, shape=(k,), dtype=int64
            Places among the ascending codes of the class, from 0, in any order.

        Returns
        -------
        positive_codes, negative_codes : ndarray, shape=(k,), dtype=int64
        """
        m = len(members)
        positive_order, negative_order = np.argsort(positive), np.argsort(negative)
        wanted, gaps = positive[positive_order], negative[negative_order]
        found, places = [np.empty(0, np.int64)], []
        seen = 0
        settled = 0
        for codes in self.positive_blocks(members):
            first, last = np.searchsorted(wanted, [seen, seen + len(codes)])
            found.append(codes[wanted[first:last] - seen])
            if len(codes):
                # The k-th positive, at place t among all pairs, has t - k negatives before it.
                before = _places(codes, m) - np.arange(seen, seen + len(codes))
                stop = int(np.searchsorted(gaps, before[-1]))
                between = gaps[settled:stop]
                places.append(between + seen + np.searchsorted(before, between, side="right"))
                settled = stop
            seen += len(codes)
        places.append(gaps[settled:] + seen)

        positive_codes, negative_codes = np.empty_like(positive), np.empty_like(negative)
        positive_codes[positive_order] = np.concatenate(found)
        negative_codes[negative_order] = _codes(np.concatenate(places), m)
        return positive_codes, negative_codes


def _row_starts(m: int) -> np.ndarray:
    """Place of the pair (i, i + 1) among all pairs in order, for every i."""
    i = np.arange(m, dtype=np.int64)
    return i * (m - 1) - i * (i - 1) // 2


def _places(codes: np.ndarray, m: int) -> np.ndarray:
    """Places of pairs among all pairs in the order of their codes."""
    i = codes // m
    return _row_starts(m)[i] + codes % m - i - 1


def _codes(places: np.ndarray, m: int) -> np.ndarray:
    """Codes of the pairs at these places; inverse of `_places`."""
    starts = _row_starts(m)[: m - 1]
    i = np.searchsorted(starts, places, side="right") - 1
    return i * m + i + 1 + places - starts[i]


def rows_of_ranks(ranks: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row in which each of some ranks lies, where every row holds so many, and the rank within the row.

    Examples
    --------
    >>> rows, within = rows_of_ranks(np.array([0, 2, 3]), np.array([1, 0, 3]))
    >>> rows.tolist(), within.tolist()
    ([0, 2, 2], [0, 1, 2])
    """
    ends = np.cumsum(counts)
    rows = np.searchsorted(ends, ranks, side="right")
    return rows, ranks - (ends - counts)[rows]
