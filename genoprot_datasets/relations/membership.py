"""Pairs of records that share a label: a family, a location, a pathway, a ligand, a disease."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from scipy import sparse

from genoprot_datasets.relations.base import PairRelation

__all__ = ["SharedAttribute"]

_BLOCK = 1 << 23
"""Products of memberships that one row block may add up."""


class SharedAttribute(PairRelation):
    """A pair is positive when its records have at least one label in common.

    The positive pairs are the non-zeros above the diagonal of ``M @ M.T``, with M the sparse matrix of
    records by labels; it is multiplied out in blocks of rows.

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

    def count_positives(self, members: np.ndarray) -> int:
        found = 0
        for _, product in self._products(members):
            # The first columns are those of the rows: every pair twice, and each annotated row with itself.
            among_rows = product[:, : product.shape[0]]
            itself = int(np.count_nonzero(among_rows.diagonal()))
            found += product.nnz - among_rows.nnz + (among_rows.nnz - itself) // 2
        return found

    def positive_blocks(self, members: np.ndarray) -> Iterator[np.ndarray]:
        m = len(members)
        for start, product in self._products(members):
            product.sort_indices()
            rows = np.repeat(np.arange(product.shape[0], dtype=np.int64), np.diff(product.indptr))
            above = product.indices > rows
            yield (rows[above] + start) * m + product.indices[above] + start

    def _products(self, members: np.ndarray) -> Iterator[tuple[int, sparse.csr_matrix]]:
        """Rows of ``M @ M.T`` from some row on, without the columns before it; and that row."""
        matrix = self._matrix[members]
        carriers = np.asarray(matrix.sum(axis=0, dtype=np.int64)).ravel()
        work = np.concatenate([[0], np.cumsum(matrix @ carriers)])
        start = 0
        while start < len(members):
            stop = max(start + 1, int(np.searchsorted(work, work[start] + _BLOCK, side="right")) - 1)
            yield start, matrix[start:stop] @ matrix[start:].T
            start = stop
