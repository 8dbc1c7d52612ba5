"""Similarity of function: Gene Ontology terms compared by the cosine of their vectors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

from genoprot_datasets.relations.base import PairRelation, rows_of_ranks

__all__ = ["FunctionSimilarity"]

_UNIT = 1 << 26
"""Steps to which the numbers of unit vectors are rounded; a cosine is then a multiple of 2**-52."""

_STEPS = 1 << 20
"""Steps to which cosines and similarities from 0 to 1 are rounded."""

_ROWS = 512
"""Records per block."""

_HELD = 1 << 23
"""Cosines of all terms to some of them that are held at a time."""


class FunctionSimilarity(PairRelation):
    """A pair is positive when its similarity is above the median over all pairs of the fold.

    The similarity of two records with term sets A and B and cosine c is
    ``min(mean_a max_b c(a, b), mean_b max_a c(a, b))``: the modified Hausdorff distance with similarity in
    place of distance.

    It is the same on every processor, and equally similar pairs tie. Unit vectors are rounded to multiples of
    2**-26, so that cosines are exact in float64 in whichever order they are added up; cosines are rounded to
    multiples of 2**-20, about 1e-6, and added up as integers; the mean, a quotient of integers, is rounded to
    a multiple of 2**-20 again, so that one histogram gives the exact median. A similarity is off by less than
    1e-6.

    All pairs take two passes: ``M[t, p]``, the largest cosine of term t to a term of p, then the sum of
    M over the terms of q as a sparse product, both in blocks. M is held whole: u x m int32 for u
    distinct terms.

    Parameters
    ----------
    vectors : array_like, shape=(t, d), dtype=float32
        Vector of each term; a zero vector has cosine 0 with everything.
    terms : sequence of int sequences, length n
        Rows of `vectors` that each record is annotated with; a record without terms is not annotated.

    References
    ----------
    Zhong, Kaalia and Rajapakse, "GO2Vec: transforming GO terms and proteins to vector representations
    via graph embeddings", BMC Genomics 20:918 (2019), functional similarity between proteins.

    Examples
    --------
    >>> relation = FunctionSimilarity([[1, 0], [0, 1], [1, 1]], [[0], [0, 1], [2], [1]])
    >>> relation.threshold(np.arange(4))
    0.5
    >>> relation.positive_codes(np.arange(4)).tolist()  # pairs (0, 2), (1, 2) and (2, 3)
    [2, 6, 11]
    """

    def __init__(self, vectors: np.ndarray, terms: Sequence[Sequence[int]]) -> None:
        vectors = np.asarray(vectors, np.float32).astype(np.float64)
        # Squares of float32 are exact in float64, and fsum rounds their sum once.
        norms = np.array([math.sqrt(math.fsum(row)) for row in np.square(vectors).tolist()])[:, None]
        self._units = np.rint(vectors / np.where(norms > 0.0, norms, 1.0) * _UNIT)
        sets = [sorted(set(row)) for row in terms]
        sizes = np.array([len(row) for row in sets], np.int64)
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        indices = np.fromiter((term for row in sets for term in row), np.int64, indptr[-1])
        # Sums of so many cosines have to fit.
        whole = np.int32 if sizes.max(initial=0) * _STEPS < 2**31 else np.int64
        shape = (len(terms), len(vectors))
        self._sets = sparse.csr_matrix((np.ones(len(indices), whole), indices, indptr), shape=shape)
        self.annotated, self.degree = sizes > 0, sizes
        self._medians: dict[bytes, tuple[int, int]] = {}

    def similarity(self, members: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Similarities among some annotated records, a block of rows at a time.

        Parameters
        ----------
        members : ndarray, shape=(m,), dtype=int64
            Positions of annotated records, ascending and unique.

        Yields
        ------
        start : int
            First row of the block.
        block : ndarray, shape=(rows, m - start), dtype=float32
            Similarity of members ``start + r`` and ``start + c``.
        """
        for start, steps in self._steps(members):
            yield start, steps / np.float32(_STEPS)

    def threshold(self, members: np.ndarray) -> float:
        """Median similarity over all pairs of some annotated records.

        Parameters
        ----------
        members : ndarray, shape=(m,), dtype=int64

        Returns
        -------
        float
            The lower of the two middle similarities where the number of pairs is even, which the same
            pairs exceed as the mean of the two; NaN for fewer than two members.
        """
        return self._median(members)[0] / _STEPS if len(members) > 1 else float("nan")

    def positive_blocks(self, members: np.ndarray) -> Iterator[np.ndarray]:
        members = np.asarray(members, np.int64)
        m = len(members)
        if m < 2:
            return
        median, _ = self._median(members)
        for start, steps in self._steps(members):
            rows, columns = np.nonzero(np.triu(steps > median, 1))
            yield (rows + start) * m + columns + start

    def count_positives(self, members: np.ndarray) -> int:
        return self._median(members)[1] if len(members) > 1 else 0

    def pairs_of_ranks(
        self, members: np.ndarray, positive: np.ndarray, negative: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        m = len(members)
        orders = np.argsort(positive), np.argsort(negative)
        wanted = positive[orders[0]], negative[orders[1]]
        codes = np.empty_like(positive), np.empty_like(negative)
        seen = [0, 0]
        for start, steps in self._steps(members) if m > 1 else ():
            above = steps > self._median(members)[0]
            rows = len(above)
            before = np.count_nonzero(np.tri(rows, dtype=bool) & above[:, :rows], axis=1)
            later = np.count_nonzero(above, axis=1) - before
            for k, counts in enumerate((later, m - 1 - start - np.arange(rows) - later)):
                first, last = np.searchsorted(wanted[k], [seen[k], seen[k] + counts.sum()])
                row, rank = rows_of_ranks(wanted[k][first:last] - seen[k], counts)
                columns = np.empty(last - first, np.int64)
                ends = np.searchsorted(row, np.arange(rows), side="right").tolist()
                for own, (begin, end) in enumerate(itertools.pairwise([0, *ends])):
                    if begin < end:
                        of_class = np.flatnonzero(above[own, own + 1 :] == (k == 0))
                        columns[begin:end] = of_class[rank[begin:end]] + own + 1
                codes[k][orders[k][first:last]] = (row + start) * m + columns + start
                seen[k] += int(counts.sum())
        return codes

    def _median(self, members: np.ndarray) -> tuple[int, int]:
        """Lower median of the similarities of all pairs, in steps, and how many pairs are above it."""
        key = np.asarray(members, np.int64).tobytes()
        if key not in self._medians:
            counts = np.zeros(2 * _STEPS + 1, np.int64)
            for _, steps in self._steps(members):
                rows = len(steps)
                for part in (steps[:, :rows][np.triu_indices(rows, 1)], steps[:, rows:].ravel()):
                    counts += np.bincount(part + _STEPS, minlength=len(counts))
            cumulated = np.cumsum(counts)
            place = int(np.searchsorted(cumulated, (cumulated[-1] + 1) // 2))
            self._medians[key] = place - _STEPS, int(cumulated[-1] - cumulated[place])
        return self._medians[key]

    def _steps(self, members: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Similarities in steps, as int32, in the blocks of `similarity`."""
        sets, best = self._best_cosines(self._sets[np.asarray(members, np.int64)])
        blocks = [sets[start : start + _ROWS] for start in range(0, sets.shape[0], _ROWS)]
        sizes = [np.diff(block.indptr)[:, None].astype(np.float64) for block in blocks]
        for k in range(len(blocks)):
            row = [
                np.minimum((blocks[k] @ best[j]) / sizes[k], ((blocks[j] @ best[k]) / sizes[j]).T)
                for j in range(k, len(blocks))
            ]
            yield k * _ROWS, np.rint(np.concatenate(row, axis=1)).astype(np.int32)

    def _best_cosines(self, sets: sparse.csr_matrix) -> tuple[sparse.csr_matrix, list[np.ndarray]]:
        """Members by the terms they use, and the largest cosine of each such term to each member's terms.

        The cosines come in steps, as one array of terms by members for every `_ROWS` members.
        """
        used, columns = np.unique(sets.indices, return_inverse=True)
        sets = sparse.csr_matrix((sets.data, columns, sets.indptr), shape=(sets.shape[0], len(used)))
        units = self._units[used]
        starts = range(0, sets.shape[0], _ROWS)
        best = [np.empty((len(used), min(_ROWS, sets.shape[0] - start)), sets.dtype) for start in starts]
        rows = np.split(columns, sets.indptr[1:-1])
        width = max(1, _HELD // max(len(rows), len(used)))
        for left in range(0, len(used), width):
            cosines = units @ (units[left : left + width] * (_STEPS / _UNIT**2)).T
            cosines = np.rint(cosines, out=cosines).astype(sets.dtype)
            largest = np.empty((len(rows), cosines.shape[1]), sets.dtype)
            for own, row in zip(rows, largest):
                cosines[own].max(axis=0, out=row)
            for start, block in zip(starts, best):
                block[left : left + width] = largest[start : start + _ROWS].T
        return sets, best
