"""Centring and scaling of vectors with what the train proteins say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["column_statistics", "fill_standardised", "standardised_table", "used_rows"]

_COLUMNS, _COLUMNS_APART = 256, 1024
_ROWS, _ROWS_APART = 1024, 8192
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
    _fill(table.numpy(), vectors, rows, mean, scale)
    return table


def fill_standardised(
    table: torch.Tensor, vectors: np.ndarray, rows: np.ndarray, *, as_they_are: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Fill a table with rows of the vectors, centred and scaled with their own `column_statistics`.

    On an accelerator that has float64 the statistics are computed there, from sums in another order, since a
    processor takes longer for them than an accelerator for many epochs.

    Parameters
    ----------
    table : Tensor, shape=(k, d)
        Contiguous.
    vectors : ndarray, shape=(n, d), dtype=float32
    rows : ndarray, shape=(k,), dtype=int64
    as_they_are : bool
        Whether the vectors are neither centred nor scaled.

    Returns
    -------
    mean, scale : ndarray, shape=(d,), dtype=float32
    """
    if as_they_are:
        width = vectors.shape[1]
        mean, scale = np.zeros(width, dtype=np.float32), np.ones(width, dtype=np.float32)
    elif table.device.type in ("cpu", "mps"):
        mean, scale = column_statistics(vectors, rows)
    else:
        return _standardised_apart(table, vectors, rows)
    if table.device.type == "cpu":
        _fill(table.numpy(), vectors, rows, mean, scale)
    else:
        table.copy_(standardised_table(vectors, rows, mean, scale, str(table.dtype).removeprefix("torch.")))
    return mean, scale


def _standardised_apart(
    table: torch.Tensor, vectors: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`fill_standardised` by the device of the table."""
    import torch

    single = table if table.dtype == torch.float32 else torch.empty_like(table, dtype=torch.float32)
    for start in range(0, len(rows), _ROWS_APART):
        some = slice(start, start + _ROWS_APART)
        single[some].copy_(torch.from_numpy(vectors[rows[some]]))
    moments = single.new_empty((2, single.shape[1]))
    for start in range(0, single.shape[1], _COLUMNS_APART):
        columns = slice(start, start + _COLUMNS_APART)
        block = single[:, columns].double()
        centre, spread = block.mean(dim=0), block.std(dim=0, correction=0)
        moments[0, columns] = centre
        moments[1, columns] = torch.where(spread > _CONSTANT * centre.abs(), spread, 1.0)
        single[:, columns].sub_(moments[0, columns]).div_(moments[1, columns])
    if single is not table:
        table.copy_(single)
    mean, scale = moments.cpu().numpy()
    return mean, scale


def _fill(
    view: np.ndarray, vectors: np.ndarray, rows: np.ndarray, mean: np.ndarray, scale: np.ndarray
) -> None:
    for start in range(0, len(rows), _ROWS):
        block = vectors[rows[start : start + _ROWS]]
        block = np.subtract(block, mean, out=block)
        np.divide(block, scale, out=view[start : start + _ROWS])
