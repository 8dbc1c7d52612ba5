"""Bidirectional attention with rotary positions, as the pure-torch encoders share it."""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["rotary_angles", "rotary_attention", "visible_keys"]

Angles = tuple[torch.Tensor, torch.Tensor]


def rotary_angles(length: int, width: int, like: torch.Tensor) -> Angles:
    """Cosines and sines of the rotary angles of every position.

    Parameters
    ----------
    length : int
        Positions.
    width : int
        Width of a head, even.
    like : torch.Tensor
        Its device and type are those of the result; angles are computed in fp32.

    Returns
    -------
    tuple of torch.Tensor, shape=(length, width)

    References
    ----------
    Su et al., "RoFormer: Enhanced transformer with rotary position embedding", 2021; the two halves of a
    head, not neighbouring channels, are rotated into one another.
    """
    exponents = torch.arange(0, width, 2, dtype=torch.float32, device=like.device) / width
    places = torch.arange(length, dtype=torch.float32, device=like.device)
    angles = torch.outer(places, 1.0 / 10_000**exponents)
    both = torch.cat((angles, angles), dim=-1)
    return both.cos().to(like.dtype), both.sin().to(like.dtype)


def visible_keys(mask: torch.Tensor) -> torch.Tensor | None:
    """Mask of attention over the tokens of each row; None where all are tokens, as faster kernels want it.

    Parameters
    ----------
    mask : torch.Tensor, shape=(n, length), dtype=bool
        True where a token is.

    Returns
    -------
    torch.Tensor, shape=(n, 1, 1, length), dtype=bool, or None

    Examples
    --------
    >>> visible_keys(torch.tensor([[True, True]])) is None
    True
    """
    return None if mask.all() else mask[:, None, None, :]


def rotary_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    heads: int,
    angles: Angles,
    keys: torch.Tensor | None,
) -> torch.Tensor:
    """Attention over the tokens of each row.

    Parameters
    ----------
    query, key, value : torch.Tensor, shape=(n, length, d)
    heads : int
    angles : tuple of torch.Tensor
        From `rotary_angles`.
    keys : torch.Tensor or None
        From `visible_keys`.

    Returns
    -------
    torch.Tensor, shape=(n, length, d)
    """
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value))
    states = functional.scaled_dot_product_attention(
        _rotated(query, angles), _rotated(key, angles), value, attn_mask=keys
    )
    return states.transpose(1, 2).flatten(2)


def _rotated(states: torch.Tensor, angles: Angles) -> torch.Tensor:
    cosines, sines = angles
    first, second = states.chunk(2, dim=-1)
    return states * cosines + torch.cat((-second, first), dim=-1) * sines
