"""Centring and scaling of vectors with what the train proteins say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["column_statistics", "standardised_table", "used_rows"]

_COLUMNS = 256
_ROWS = 1024
# A float32 column that spreads less than this beside its mean only shows rounding.
_CONSTANT = 1e-6


def used_rows(examples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that examples name, rising, and the examples as positions among those."""
    used, local = np.unique(examples, return_inverse=True)
    return used, np.ascontiguousarray(local.reshape(examples.shape), dtype=np.int64)


def column_statistics(vectors: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every column, both float32, from float64 sums.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d), dtype=float32
        Can be mapped from the disk.
    rows : ndarray, dtype=int64
        Rows that count.

    Returns
    -------
    mean, scale : ndarray, shape=(d,), dtype=float32
        The scale of a column that does not vary is 1.
    """
    mean = np.empty(vectors.shape[1], dtype=np.float32)
    scale = np.empty(vectors.shape[1], dtype=np.float32)
    for start in range(0, vectors.shape[1], _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        block = vectors[rows, columns].astype(np.float64)
        centre, spread = block.mean(axis=0), block.std(axis=0)
        varies = spread > _CONSTANT * np.abs(centre)
        mean[columns] = centre
        scale[columns] = np.where(varies, spread, 1.0)
    return mean, scale


def standardised_table(
    vectors: np.ndarray, rows: np.ndarray, mean: np.ndarray, scale: np.ndarray, precision: str = "float32"
) -> torch.Tensor:
    """Rows of the vectors, centred and scaled, in torch's own memory, whose alignment is always the same.

    Matrix products round differently on arrays that are aligned differently. Besides the result, which is
    the only whole copy, some rows at a time are in memory.
    """
    import torch

    table = torch.empty((len(rows), vectors.shape[1]), dtype=getattr(torch, precision))
    view = table.numpy()
    for start in range(0, len(rows), _ROWS):
        block = vectors[rows[start : start + _ROWS]]
        block = np.subtract(block, mean, out=block)
        np.divide(block, scale, out=view[start : start + _ROWS])
    return table
