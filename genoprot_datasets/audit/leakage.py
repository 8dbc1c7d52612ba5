"""Sequences that both folds hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from scipy import sparse

from genoprot_datasets.identity import pair_identities

__all__ = ["NEAR_IDENTITY", "identical_across", "near_identical", "repeated_within"]

NEAR_IDENTITY = 0.9
"""Identity from which two proteins count as nearly identical."""

_K = 5
_SHARED = 0.25
"""Share of the 5-mers of the protein with fewer that a candidate pair has in common."""

_ROWS = 256


def identical_across(sequences: pa.ChunkedArray, fold: np.ndarray) -> list[list[int]]:
    """Groups of records with the same sequence that occur in more than one fold.

    Parameters
    ----------
    sequences : pyarrow.ChunkedArray of string, length n
    fold : ndarray, shape=(n,), dtype=int64

    Returns
    -------
    list of list of int
        Positions, ascending.
    """
    return [group for group in _same(sequences) if len(set(fold[group].tolist())) > 1]


def repeated_within(sequences: pa.ChunkedArray, fold: np.ndarray) -> int:
    """Records whose sequence an earlier record of the same fold has too."""
    counts = (Counter(fold[group].tolist()) for group in _same(sequences))
    return sum(count - 1 for group in counts for count in group.values())


def near_identical(proteins: Sequence[str], fold: np.ndarray) -> tuple[list[tuple[int, int, float]], int]:
    """Pairs of different proteins of the two folds whose identity is at least `NEAR_IDENTITY`.

    Only pairs that share a quarter of the distinct 5-mers of the one with fewer are aligned. Two proteins
    of length L that differ by substitutions in a tenth of their residues share L/2 - 4 or more; pairs whose
    residues agree only across many gaps may be missed.

    Parameters
    ----------
    proteins : sequence of str, length n
    fold : ndarray, shape=(n,), dtype=int64
        0 or 1.

    Returns
    -------
    pairs : list of (int, int, float)
        Positions in fold 0 and in fold 1, and the identity, by position.
    aligned : int
        Candidates that were aligned.
    """
    shared = _kmer_membership(proteins)
    sizes = np.maximum(np.asarray(shared.sum(axis=1)).ravel(), 1)
    left, right = np.flatnonzero(fold == 0), np.flatnonzero(fold == 1)
    transposed = shared[right].T.tocsr()
    a, b = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(0, len(left), _ROWS):
        rows = left[start : start + _ROWS]
        counts = (shared[rows] @ transposed).tocoo()
        i, j = rows[counts.row], right[counts.col]
        candidate = counts.data >= _SHARED * np.minimum(sizes[i], sizes[j])
        a.append(i[candidate])
        b.append(j[candidate])
    first, second = np.concatenate(a), np.concatenate(b)
    different = np.array([proteins[i] != proteins[j] for i, j in zip(first, second)], bool)
    first, second = first[different], second[different]
    identity = pair_identities(proteins, first, second)
    near = sorted(
        (int(first[k]), int(second[k]), float(identity[k])) for k in np.flatnonzero(identity >= NEAR_IDENTITY)
    )
    return near, len(first)


def _same(sequences: pa.ChunkedArray) -> list[list[int]]:
    """Positions of the records of every sequence that occurs more than once."""
    positions: dict[bytes, list[int]] = defaultdict(list)
    for position, sequence in enumerate(sequences):
        positions[blake2b(sequence.as_buffer(), digest_size=20).digest()].append(position)
    return [group for group in positions.values() if len(group) > 1]


def _kmer_membership(proteins: Sequence[str]) -> sparse.csr_matrix:
    """Proteins by distinct k-mers, 1 where the protein has the k-mer; int32."""
    found = []
    for protein in proteins:
        letters = np.frombuffer(protein.encode("ascii"), np.uint8).astype(np.int64) - ord("A")
        codes = np.zeros(max(len(letters) - _K + 1, 0), np.int64)
        for offset in range(_K):
            codes = codes * 32 + letters[offset : offset + len(codes)]
        found.append(np.unique(codes))
    kmers, columns = np.unique(np.concatenate(found), return_inverse=True)
    indptr = np.concatenate([[0], np.cumsum([len(codes) for codes in found])])
    ones = np.ones(len(columns), np.int32)
    return sparse.csr_matrix((ones, columns, indptr), shape=(len(proteins), len(kmers)))
