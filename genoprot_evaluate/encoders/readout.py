"""Readouts of causal encoders: which states become the vector of a sequence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.pooled import States, mean_states

__all__ = ["POOLINGS", "causal_vectors", "check_lengths", "check_pooling"]

POOLINGS = {"mean": "mean over positions", "last": "last position"}
"""Poolings by name, as a readout is described."""


def check_pooling(name: str, pooling: str) -> str:
    """Description of a pooling of `POOLINGS`.

    Raises
    ------
    GenoProtError
        If there is no such pooling.
    """
    if pooling not in POOLINGS:
        raise GenoProtError(f"encoder {name}: pooling {pooling!r} is not one of {', '.join(POOLINGS)}")
    return POOLINGS[pooling]


def check_lengths(spec: EncoderSpec, sequences: Sequence[str]) -> None:
    """Refuse sequences that an encoder cannot read at once.

    Raises
    ------
    GenoProtError
        If a sequence is longer than the context.
    """
    longest = max(map(len, sequences), default=0)
    if spec.context is not None and longest > spec.context:
        raise GenoProtError(
            f"encoder {spec.name}: a sequence of {longest:,} letters is beyond the context of "
            f"{spec.context:,}; split it, as genoprot embed does"
        )


def causal_vectors(
    states: States,
    rows: Sequence[Sequence[int]],
    *,
    pooling: str,
    pad: int,
    budget: int,
    device: torch.device,
) -> np.ndarray:
    """Vectors of rows of tokens from a causal model, which padding on the right does not reach.

    Parameters
    ----------
    states : callable
        As of `mean_states`.
    rows : sequence of sequence of int
        Tokens of each sequence, no special ones among them.
    pooling : {"mean", "last"}
    pad, budget, device
        As of `mean_states`.

    Returns
    -------
    ndarray, shape=(n, d), dtype=float32

    Examples
    --------
    >>> causal_vectors(
    ...     lambda ids, mask: ids[:, :, None].float(),
    ...     [[5, 7], [9]],
    ...     pooling="last",
    ...     pad=1,
    ...     budget=100,
    ...     device=torch.device("cpu"),
    ... ).tolist()
    [[7.0], [9.0]]
    """

    def last(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        found = states(ids, mask)
        ends = mask.sum(dim=1) - 1
        return found[torch.arange(len(ends), device=found.device), ends][:, None].expand_as(found)

    chosen = last if pooling == "last" else states
    return mean_states(chosen, rows, pad=pad, margins=(0, 0), budget=budget, device=device)
