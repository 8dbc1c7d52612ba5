"""Pooling of per-token states to one vector per sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["masked_sum"]


def masked_sum(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Sum over the positions of a padded batch that count.

    Parameters
    ----------
    states : torch.Tensor, shape=(n, length, d)
        May hold anything, NaN included, at positions that do not count.
    mask : torch.Tensor, shape=(n, length), dtype=bool
        Positions that count.

    Returns
    -------
    torch.Tensor, shape=(n, d), dtype=float32

    Examples
    --------
    >>> import torch
    >>> states = torch.tensor([[[1.0], [2.0], [9.0]]])
    >>> masked_sum(states, torch.tensor([[True, True, False]])).tolist()
    [[3.0]]
    """
    return states.float().masked_fill(~mask[:, :, None], 0.0).sum(dim=1)
