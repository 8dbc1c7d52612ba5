"""Vectors of token encoders: padded batches through a model, and one vector of the states that count."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.batching import length_order, token_batches
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.compute import (
    Placed,
    choose_device,
    computes_alone,
    side_by_side,
    transferred,
)
from genoprot_evaluate.pooling import masked_sum

__all__ = [
    "POOLINGS",
    "PooledEncoder",
    "States",
    "check_layer",
    "check_pooling",
    "mean_states",
    "pooled",
    "pooled_readout",
    "pooled_states",
]

POOLINGS = ("mean", "max", "cls")
"""Mean or maximum of the states that count, or the state of the first token, a special one.

Models that read from left to right have "last" as well, the state of the last token that counts.
"""

LONG = 4_096
"""Tokens from which a sequence gets all threads of a processor instead of one."""

States = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""States, shape=(n, length, d), of token ids and a mask, both of shape=(n, length)."""


def check_pooling(pooling: str, poolings: Sequence[str] = POOLINGS) -> str:
    """Return the pooling when there is such a one.

    Raises
    ------
    GenoProtError
        If it is not among the poolings.
    """
    if pooling not in poolings:
        raise GenoProtError(
            f"pooling {pooling!r} is not one of {', '.join(poolings)}; this encoder has no other"
        )
    return pooling


def check_layer(layer: int | None, layers: int) -> int | None:
    """Return the layer whose states are asked for; None for the last one.

    Parameters
    ----------
    layer : int, optional
        0 are the embeddings, 1 the states behind the first layer.
    layers : int

    Raises
    ------
    GenoProtError
        If the model has no such layer.
    """
    if layer is not None and (not isinstance(layer, int) or not 0 <= layer <= layers):
        raise GenoProtError(f"layer {layer!r} is not one of 0 to {layers}, the layers of this encoder")
    return None if layer == layers else layer


def pooled_readout(last: str, pooling: str, layer: int | None = None) -> str:
    """What a run's record says of the readout.

    Parameters
    ----------
    last : str
        The readout by mean of the last layer.
    pooling : str
        One of `POOLINGS`.
    layer : int, optional
        From `check_layer`.

    Examples
    --------
    >>> pooled_readout("mean over residues of the normalised last layer", "max", 7)
    'maximum over residues of layer 7'
    """
    if layer is not None:
        last = re.sub("the (normalised )?last layer", f"layer {layer}", last)
    return {
        "mean": last,
        "max": last.replace("mean", "maximum", 1),
        "cls": f"state of the first token, not the {last}",
        "last": re.sub("^mean over .*? of ", "last token of ", last),
    }[pooling]


def pooled_states(
    states: States,
    rows: Sequence[Sequence[int]],
    *,
    pad: int,
    margins: tuple[int, int],
    budget: int,
    device: torch.device,
    pooling: str = "mean",
) -> np.ndarray:
    """One vector for every row of tokens.

    A processor computes every row by itself: nothing is padded, no mask slows attention down, states stay in
    its caches, and the vector depends on the row alone, to the last bit. Rows are computed side by side on
    one thread each, those of `LONG` tokens one after another on all threads.

    Parameters
    ----------
    states : callable
        States, shape=(n, length, d), of token ids, shape=(n, length), dtype=int64, padded on the right, and
        a mask of the same shape, dtype=bool, that is true where a token is.
    rows : sequence of sequence of int
        Token ids of each sequence, special tokens included.
    pad : int
        Token that fills up a batch.
    margins : tuple of int
        Special tokens before and behind the sequence, which do not count.
    budget : int
        Tokens of a batch on an accelerator, padding included.
    device : torch.device
    pooling : str
        One of `POOLINGS`.

    Returns
    -------
    ndarray, shape=(n, d), dtype=float32

    Raises
    ------
    GenoProtError
        If a row has no token that counts.

    Examples
    --------
    >>> pooled_states(
    ...     lambda ids, mask: ids[:, :, None].float(),
    ...     [[0, 5, 7, 2], [0, 9, 2]],
    ...     pad=1,
    ...     margins=(1, 1),
    ...     budget=100,
    ...     device=torch.device("cpu"),
    ... ).tolist()
    [[6.0], [9.0]]
    """
    lengths = np.array([len(row) for row in rows])
    before, behind = margins
    if (lengths <= before + behind).any():
        raise GenoProtError("an empty sequence has no embedding; leave it out")

    def vectors_of(batch: np.ndarray) -> np.ndarray:
        width = int(lengths[batch].max())
        ids = np.full((len(batch), width), pad, dtype=np.int64)
        for line, row in enumerate(batch):
            ids[line, : lengths[row]] = rows[row]
        ends = lengths[batch][:, None]
        place = np.arange(width)
        counted = transferred((place >= before) & (place < ends - behind), device)
        with torch.inference_mode():
            found = states(transferred(ids, device), transferred(place < ends, device))
            return pooled(found, counted, pooling).cpu().numpy()

    if computes_alone(device):
        batches = [np.array([row]) for row in length_order(lengths)]
        long = sum(lengths[row] >= LONG for (row,) in batches)
        found = [vectors_of(batch) for batch in batches[:long]]
        found += side_by_side(vectors_of, batches[long:])
    else:
        batches = list(token_batches(lengths, budget))
        found = [vectors_of(batch) for batch in batches]
    together = np.concatenate(found)
    vectors = np.empty_like(together)
    vectors[np.concatenate(batches)] = together
    return vectors


def mean_states(
    states: States,
    rows: Sequence[Sequence[int]],
    *,
    pad: int,
    margins: tuple[int, int],
    budget: int,
    device: torch.device,
) -> np.ndarray:
    """Mean state of every row of tokens: `pooled_states` with the default pooling.

    Examples
    --------
    >>> def states(ids, mask):
    ...     return ids[:, :, None].float()
    >>> mean_states(states, [[5, 7]], pad=1, margins=(0, 0), budget=9, device=torch.device("cpu")).item()
    6.0
    """
    return pooled_states(states, rows, pad=pad, margins=margins, budget=budget, device=device)


def pooled(states: torch.Tensor, counted: torch.Tensor, pooling: str) -> torch.Tensor:
    """One vector for every row of states.

    Parameters
    ----------
    states : torch.Tensor, shape=(n, length, d)
    counted : torch.Tensor, shape=(n, length), dtype=bool
        At least one is true in every row.
    pooling : {"mean", "max", "cls", "last"}

    Returns
    -------
    torch.Tensor, shape=(n, d), dtype=float32
    """
    if pooling == "last":
        places = torch.arange(counted.shape[1], device=counted.device)
        ends = torch.where(counted, places, -1).amax(dim=1)
        return states[torch.arange(len(ends), device=states.device), ends].float()
    if pooling == "cls":
        return states[:, 0].float()
    if pooling == "max":
        return states.float().masked_fill(~counted[:, :, None], -torch.inf).amax(dim=1)
    return masked_sum(states, counted) / counted.sum(dim=1, keepdim=True)


class PooledEncoder(Placed):
    """What the encoders of padded token batches have in common: a model on its device, and one vector a row.

    A family sets `pooling` and hands its model to `_adopt` when it is made.
    """

    spec: EncoderSpec
    batch_tokens: int
    pooling: str

    def _adopt(
        self,
        model: torch.nn.Module,
        device: str | None,
        weights_digest: str | None,
        layer: int | None,
        *,
        dimension: int,
        readout: str | None = None,
        **facts: Any,
    ) -> None:
        """Put the model on its device, and write into `spec` what is known of it only now.

        Parameters
        ----------
        model : torch.nn.Module
        device : str, optional
        weights_digest : str, optional
        layer : int, optional
            From `check_layer`.
        dimension : int
        readout : str, optional
            By mean of the last layer; the family's when left out.
        **facts
            Other fields of the spec.
        """
        family = type(self).spec
        self.spec = replace(
            family,
            dimension=dimension,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            readout=pooled_readout(readout or family.readout, self.pooling, layer),
            **facts,
        )
        self.weights_digest = weights_digest
        self.device = choose_device(device)
        self.model = model.to(self.device)

    def _vectors(
        self, states: States, rows: Sequence[Sequence[int]], *, pad: int, margins: tuple[int, int]
    ) -> np.ndarray:
        """`pooled_states` on the encoder's device, with its pooling and batches."""
        return pooled_states(
            states,
            rows,
            pad=pad,
            margins=margins,
            budget=self.batch_tokens,
            device=self.device,
            pooling=self.pooling,
        )
