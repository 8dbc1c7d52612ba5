"""Large matrices in files that are mapped to memory, so that the system can give their memory to others."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator

import numpy as np

__all__ = ["MAPPED_BYTES", "gathered_rows"]

MAPPED_BYTES = 64_000_000
"""A matrix of more bytes is mapped from a file."""


def gathered_rows(blocks: Iterable[np.ndarray], places: np.ndarray, width: int) -> np.ndarray:
    """Rows that come in blocks, each at its place, in memory or, where they are many, in a mapped file.

    Parquet is compressed and cannot be mapped itself. The file is written block by block, so that no more
    than one is in memory; it has no name, goes with the array, and lies in the folder for temporary files,
    `TMPDIR`.

    Parameters
    ----------
    blocks : iterable of ndarray, shape=(k, width), dtype=float32
    places : ndarray, shape=(n,), dtype=int64
        Row of the result for every row of the blocks, one after the other; a permutation.
    width : int

    Returns
    -------
    ndarray, shape=(n, width), dtype=float32

    Examples
    --------
    >>> gathered_rows([np.array([[1.0]]), np.array([[2.0]])], np.array([1, 0]), 1).tolist()
    [[2.0], [1.0]]
    """
    shape = (len(places), width)
    if 4 * len(places) * width <= MAPPED_BYTES:
        matrix = np.empty(shape, dtype=np.float32)
        start = 0
        for block in blocks:
            matrix[places[start : start + len(block)]] = block
            start += len(block)
        return matrix
    with tempfile.TemporaryFile(prefix="genoprot-", buffering=0) as file:
        file.truncate(4 * len(places) * width)
        start = 0
        for block in blocks:
            rows = places[start : start + len(block)]
            for first, last in _runs(rows):
                file.seek(4 * int(rows[first]) * width)
                file.write(np.ascontiguousarray(block[first:last], dtype=np.float32))
            start += len(block)
        return np.memmap(file, dtype=np.float32, mode="r+", shape=shape).view(np.ndarray)


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """Spans of consecutive numbers."""
    edges = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
    yield from zip(edges, edges[1:])
