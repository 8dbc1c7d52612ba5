"""Large matrices in files that are mapped to memory, so that the system can give their memory to others."""

from __future__ import annotations

import tempfile

import numpy as np

__all__ = ["MAPPED_BYTES", "ordered_rows"]

MAPPED_BYTES = 64_000_000
"""A matrix of more bytes is mapped from a file."""

_ROWS = 1024


def ordered_rows(vectors: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rows of a matrix in another order, float32, in memory or, where they are many, in a mapped file.

    Parquet is compressed and cannot be mapped itself. The file has no name and goes with the array; it lies
    in the folder for temporary files, `TMPDIR`.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d)
    order : ndarray, shape=(n,), dtype=int64

    Returns
    -------
    ndarray, shape=(n, d), dtype=float32

    Examples
    --------
    >>> ordered_rows(np.array([[1.0], [2.0]]), np.array([1, 0])).tolist()
    [[2.0], [1.0]]
    """
    if 4 * vectors.size <= MAPPED_BYTES:
        return np.ascontiguousarray(vectors[order], dtype=np.float32)
    with tempfile.TemporaryFile(prefix="genoprot-") as file:
        mapped = np.memmap(file, dtype=np.float32, mode="w+", shape=vectors.shape)
    for start in range(0, len(order), _ROWS):
        mapped[start : start + _ROWS] = vectors[order[start : start + _ROWS]]
    mapped.flush()
    return mapped.view(np.ndarray)
