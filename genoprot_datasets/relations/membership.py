"""Pairs of records that share a label: a family, a location, a pathway, a ligand, a disease."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from scipy import sparse

from genoprot_datasets.relations.base import PairRelation, rows_of_ranks

__all__ = ["SharedAttribute"]

_BLOCK = 1 << 23
"""Products of memberships that a block of rows may add up."""


class SharedAttribute(PairRelation):
    """A pair is positive when its records have at least one label in common.

    The positive pairs are the non-zeros above the diagonal of ``M @ M.T``, with M the sparse matrix of
    records by labels. Records with the same labels have the same row in it, so that counting and drawing
    take the rows of the distinct sets of labels only, in blocks, and not all pairs.

    Parameters
    ----------
    memberships : sequence of collections of str
        The labels of each record; a record without labels is not annotated.

    Examples
    --------
    >>> relation = SharedAttribute([{"PF1"}, {"PF2", "PF1"}, {"PF2"}, set()])
    >>> relation.annotated.tolist()
    [True, True, True, False]
    >>> relation.positive_codes(np.arange(4)).tolist()  # pairs (0, 1) and (1, 2)
    [1, 6]
    """

    def __init__(self, memberships: Sequence[Collection[str]]) -> None:
        columns = {label: k for k, label in enumerate(sorted(set().union(*memberships)))}
        sizes = [len(set(labels)) for labels in memberships]
        indptr = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        indices = np.fromiter(
            (columns[label] for labels in memberships for label in sorted(set(labels))), np.int64, indptr[-1]
        )
        self._matrix = sparse.csr_matrix(
            (np.ones(len(indices), bool), indices, indptr), shape=(len(memberships), len(columns))
        )
        self.degree = np.diff(indptr)
        self.annotated = self.degree > 0

    def positive_blocks(self, members: np.ndarray) -> Iterator[np.ndarray]:
        m = len(members)
        matrix = self._matrix[members]
        for start, product in _products(matrix, matrix):
            rows = np.repeat(np.arange(start, start + product.shape[0], dtype=np.int64), _sizes(product))
            above = product.indices > rows
            yield rows[above] * m + product.indices[above]

    def count_positives(self, members: np.ndarray) -> int:
        return int(self._sharers(*self._kinds(members))[1].sum())

    def pairs_of_ranks(
        self, members: np.ndarray, positive: np.ndarray, negative: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        matrix, sets, kind = self._kinds(members)
        m = len(members)
        through, later = self._sharers(matrix, sets, kind)
        positive_row, positive_rank = rows_of_ranks(positive, later)
        negative_row, negative_rank = rows_of_ranks(negative, np.arange(m)[::-1] - later)
        # Ranks among the records that share with those of the row, and among those that do not.
        positive_rank += through[positive_row]
        negative_rank += negative_row + 1 - through[negative_row]
        positive_kind, negative_kind = kind[positive_row], kind[negative_row]
        positive_codes, negative_codes = positive_row * m, negative_row * m
        for start, product in _products(sets, matrix):
            stop, starts = start + product.shape[0], product.indptr[:-1].astype(np.int64)
            here = np.flatnonzero((positive_kind >= start) & (positive_kind < stop))
            positive_codes[here] += product.indices[starts[positive_kind[here] - start] + positive_rank[here]]

            here = np.flatnonzero((negative_kind >= start) & (negative_kind < stop))
            own = negative_kind[here] - start
            local = np.arange(product.nnz) - np.repeat(starts, _sizes(product))
            # Not sharing before each that shares, and one number for both the row and this.
            gaps = product.indices - local + np.repeat(np.arange(len(starts)) * (m + 1), _sizes(product))
            sharing = np.searchsorted(gaps, own * (m + 1) + negative_rank[here], side="right") - starts[own]
            negative_codes[here] += negative_rank[here] + sharing
        return positive_codes, negative_codes

    def _kinds(self, members: np.ndarray) -> tuple[sparse.csr_matrix, sparse.csr_matrix, np.ndarray]:
        """Members by labels, the distinct rows of this, and which of them each member has."""
        matrix = self._matrix[members]
        number: dict[bytes, int] = {}
        rows = np.split(matrix.indices, matrix.indptr[1:-1])
        kind = np.array([number.setdefault(row.tobytes(), len(number)) for row in rows[: len(members)]], int)
        first = np.unique(kind, return_index=True)[1]
        return matrix, matrix[first], kind

    def _sharers(
        self, matrix: sparse.csr_matrix, sets: sparse.csr_matrix, kind: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """How many members up to each one, itself included, share a label with it, and how many after it."""
        m = len(kind)
        through, later = np.zeros(m, np.int64), np.zeros(m, np.int64)
        for start, product in _products(sets, matrix):
            rows = np.flatnonzero((kind >= start) & (kind < start + product.shape[0]))
            own, sizes = kind[rows] - start, _sizes(product)
            places = np.repeat(np.arange(len(sizes)) * m, sizes) + product.indices
            after = np.searchsorted(places, own * m + rows, side="right")
            through[rows] = after - product.indptr[own]
            later[rows] = product.indptr[own + 1] - after
        return through, later


def _products(left: sparse.csr_matrix, right: sparse.csr_matrix) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """Blocks of rows of ``left @ right.T`` with ascending columns, and the first row of each."""
    transposed = right.T.tocsr()
    carriers = np.diff(transposed.indptr).astype(np.int64)
    work = np.concatenate([[0], np.cumsum(left @ carriers)])
    start = 0
    while start < left.shape[0]:
        stop = max(start + 1, int(np.searchsorted(work, work[start] + _BLOCK, side="right")) - 1)
        product = left[start:stop] @ transposed
        product.sort_indices()
        yield start, product
        start = stop


def _sizes(matrix: sparse.csr_matrix) -> np.ndarray:
    return np.diff(matrix.indptr).astype(np.int64)
