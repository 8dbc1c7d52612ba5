"""Batches of sequences of similar length within a budget of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from genoprot_datasets.errors import GenoProtError

__all__ = ["SPECIAL_TOKENS", "length_order", "padded_tokens", "token_batches"]

SPECIAL_TOKENS = 2
"""Special tokens that are counted for every sequence: most tokenizers add one before and one behind it."""


_FILLED = 8


def length_order(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Positions of the sequences, longest first; equal lengths keep their order.

    Examples
    --------
    >>> length_order([3, 9, 3, 5]).tolist()
    [1, 3, 0, 2]
    """
    return np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")


def padded_tokens(lengths: Sequence[int] | np.ndarray) -> int:
    """Tokens of a batch in which every row is as long as the longest.

    Examples
    --------
    >>> padded_tokens([5, 3])
    10
    """
    return len(lengths) * int(max(lengths))


def token_batches(
    lengths: Sequence[int] | np.ndarray, budget: int, most_padding: float = 1.0
) -> Iterator[np.ndarray]:
    """Batches, longest first, of which the padded size stays within a budget.

    Parameters
    ----------
    lengths : sequence of int
        Tokens, residues or bases of each sequence.
    budget : int
        Most tokens of a batch, padding included; a longer sequence is a batch by itself.
    most_padding : float
        A batch that fills an eighth of the budget ends where its share of padding would grow beyond this.

    Yields
    ------
    ndarray, dtype=int64
        Positions in `lengths`; every position comes once.

    Raises
    ------
    GenoProtError
        If the budget is not positive.

    Examples
    --------
    >>> [batch.tolist() for batch in token_batches([3, 9, 3, 5], budget=10)]
    [[1], [3, 0], [2]]
    """
    if budget < 1:
        raise GenoProtError(f"batch of {budget} tokens: give a positive number")
    lengths = np.asarray(lengths, dtype=np.int64)
    order = length_order(lengths)
    start = 0
    while start < order.size:
        longest = max(1, int(lengths[order[start]]))
        batch = order[start : start + max(1, budget // longest)]
        if most_padding < 1.0:
            counts = np.arange(1, batch.size + 1)
            padding = 1.0 - np.cumsum(lengths[batch]) / (counts * longest)
            fits = (padding <= most_padding) | (counts * longest <= budget // _FILLED)
            batch = batch[: max(1, int(np.argmin(fits)) if not fits.all() else batch.size)]
        yield batch
        start += batch.size
