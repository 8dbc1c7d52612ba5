"""SpliceAI-10k: a residual network of dilated convolutions over human pre-mRNA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional

from genoprot_datasets.files import sha256_of
from genoprot_evaluate.chunking import Chunk, chunk_spans
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.compute import Placed, choose_device, side_by_side
from genoprot_evaluate.encoders.weights import find_weights, read_tensors

__all__ = ["SpliceAI"]

CHANNELS = 32
CONTEXT = 5_000
STAGES = ((11, 1), (11, 4), (21, 10), (41, 25))
UNITS = (4, 4, 4, 4)
NORM_FIELDS = ("beta", "gamma", "moving_mean", "moving_variance")
EPSILON = 1e-3
LENGTH_STEP = 2_048

_BASE = np.zeros((256, 4), dtype=np.float32)
for _column, _letter in enumerate("ACGT"):
    _BASE[[ord(_letter), ord(_letter.lower())], _column] = 1.0


def _layout() -> dict[int, tuple[int, int]]:
    """Kernel and dilation of every convolution by its number in the file."""
    pointwise = (1, 1)
    layers = [pointwise, pointwise]
    for shape, units in zip(STAGES, UNITS):
        layers += [shape] * (2 * units) + [pointwise]
    return dict(enumerate([*layers, pointwise], start=1))


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    layout = _layout()
    for number, (kernel, _) in layout.items():
        inputs = 4 if number == 1 else CHANNELS
        outputs = 3 if number == len(layout) else CHANNELS
        shapes |= {f"conv1d_{number}/kernel": (kernel, inputs, outputs), f"conv1d_{number}/bias": (outputs,)}
    for number in range(1, 2 * sum(UNITS) + 1):
        shapes |= {f"batch_normalization_{number}/{field}": (CHANNELS,) for field in NORM_FIELDS}
    return shapes


class SpliceAI(Placed):
    """Mean over positions of the 32 channels before the last convolution of SpliceAI-10k, model 1.

    Every position is read with 5,000 bases on each side, zeros beyond the ends of the sequence; letters
    other than A, C, G and T are zeros. A long sequence is read in windows with full margins, which gives
    the same features as one pass.

    Parameters
    ----------
    tensors : dict of str to torch.Tensor
        Weights by the key names of the safetensors file.
    device : str, optional
    weights_digest : str, optional
        SHA-256 of the file.
    window : int
        Positions per forward pass, margins not counted.

    References
    ----------
    Jaganathan et al., "Predicting splicing from primary sequence with deep learning", Cell 2019.
    """

    spec: ClassVar[EncoderSpec] = EncoderSpec(
        "spliceai",
        modality="dna",
        dimension=CHANNELS,
        title="SpliceAI-10k, model 1 of 5",
        licence="CC-BY-NC-4.0",
        parameters=698_787,
        training="the human pre-mRNA of GENCODE with splice sites, but for chromosomes 1, 3, 5, 7, 9",
        readout="mean over positions of the 32 channels before the last convolution",
        citation="Jaganathan et al., Cell 2019",
        weights_needed=True,
        source="spliceai/models/spliceai1.h5 of github.com/Illumina/SpliceAI as safetensors",
    )
    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    batch_tokens: ClassVar[int] = 1 << 20
    alone: ClassVar[bool] = True

    def __init__(
        self,
        tensors: dict[str, torch.Tensor],
        device: str | None = None,
        weights_digest: str | None = None,
        window: int = 25 * LENGTH_STEP,
    ) -> None:
        self.weights_digest = weights_digest
        self._window = window
        self.device = choose_device(device)
        tensors = {key: tensor.to(self.device) for key, tensor in tensors.items()}
        norms = [_affine(tensors, number) for number in range(1, 2 * sum(UNITS) + 1)]
        numbers = iter(range(3, 39))
        self._input = _convolution(tensors, 1)
        self._skips = [_convolution(tensors, 2)]
        self._stages: list[list[_Unit]] = []
        for units in UNITS:
            stage = []
            for _ in range(units):
                before, between = norms.pop(0), norms.pop(0)
                first = _scaled(_convolution(tensors, next(numbers)), between)
                stage.append(_Unit(before, first, _convolution(tensors, next(numbers))))
            self._stages.append(stage)
            self._skips.append(_convolution(tensors, next(numbers)))

    @classmethod
    def load(cls, weights: str | Path, device: str | None = None) -> SpliceAI:
        """Load the weights from a safetensors file or a folder that holds ``spliceai1.safetensors``.

        Raises
        ------
        SourceError
            If the file is missing or damaged, or its keys or shapes differ.
        """
        path = find_weights(weights, preferred="spliceai1.safetensors")
        return cls(read_tensors(path, _shapes()), device, sha256_of(path))

    def window_counts(self, sequences: Sequence[str]) -> list[int]:
        """Number of windows in which each sequence is read."""
        return [len(chunk_spans(len(sequence), self._window, overlap=0)) for sequence in sequences]

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map DNA sequences to vectors, shape=(n, 32), dtype=float32."""
        letters = [np.frombuffer(s.encode("ascii", "replace"), dtype=np.uint8) for s in sequences]
        windows = [
            (row, window)
            for row, sequence in enumerate(letters)
            for window in chunk_spans(len(sequence), self._window, overlap=0)
        ]

        def total(place: tuple[int, Chunk]) -> np.ndarray:
            row, window = place
            features = self._features(_one_hot(letters[row], window))[:, : window.weight]
            return features.cpu().double().sum(dim=1).numpy()

        totals = np.zeros((len(sequences), CHANNELS))
        for (row, _), part in zip(windows, side_by_side(total, windows)):
            totals[row] += part
        return (totals / [[len(sequence)] for sequence in letters]).astype(np.float32)

    def _features(self, one_hot: np.ndarray) -> torch.Tensor:
        """Input of the last convolution, shape=(32, n), of one-hot bases, shape=(n + 10000, 4)."""
        image = torch.from_numpy(one_hot).to(self.device).T[None, :, None, :]
        states = self._input(image)
        margin = CONTEXT
        collected = self._skips[0](_cropped(states, margin))
        for stage, skip in zip(self._stages, self._skips[1:]):
            for unit in stage:
                states = unit(states)
                margin -= unit.margin
            collected += skip(_cropped(states, margin))
        return collected[0, :, 0]


@dataclass(frozen=True)
class _Convolution:
    # Convolutions over (1, length) images in channels-last order run several times faster on processors
    # than one-dimensional ones.
    kernel: torch.Tensor
    bias: torch.Tensor
    dilation: int

    @property
    def margin(self) -> int:
        return (self.kernel.shape[-1] - 1) * self.dilation // 2

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(states, self.kernel, self.bias, dilation=(1, self.dilation))


@dataclass(frozen=True)
class _Affine:
    scale: torch.Tensor
    shift: torch.Tensor


@dataclass(frozen=True)
class _Unit:
    """Residual unit; the normalisation between its convolutions is part of the first one."""

    before: _Affine
    first: _Convolution
    second: _Convolution

    @property
    def margin(self) -> int:
        return self.first.margin + self.second.margin

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        inner = torch.addcmul(self.before.shift, states, self.before.scale).relu_()
        return self.second(self.first(inner).relu_()).add_(_cropped(states, self.margin))


def _affine(tensors: dict[str, torch.Tensor], number: int) -> _Affine:
    beta, gamma, mean, variance = (tensors[f"batch_normalization_{number}/{field}"] for field in NORM_FIELDS)
    scale = gamma * torch.rsqrt(variance + EPSILON)
    return _Affine(scale[None, :, None, None], (beta - mean * scale)[None, :, None, None])


def _convolution(tensors: dict[str, torch.Tensor], number: int) -> _Convolution:
    kernel = tensors[f"conv1d_{number}/kernel"].permute(2, 1, 0)[:, :, None, :]
    return _Convolution(
        kernel.contiguous(memory_format=torch.channels_last),
        tensors[f"conv1d_{number}/bias"],
        _layout()[number][1],
    )


def _scaled(convolution: _Convolution, norm: _Affine) -> _Convolution:
    kernel = convolution.kernel * norm.scale.transpose(0, 1)
    bias = convolution.bias * norm.scale.flatten() + norm.shift.flatten()
    return _Convolution(kernel.contiguous(memory_format=torch.channels_last), bias, convolution.dilation)


def _cropped(states: torch.Tensor, margin: int) -> torch.Tensor:
    return states[..., margin : states.shape[-1] - margin]


def _one_hot(letters: np.ndarray, window: Chunk) -> np.ndarray:
    """Bases that a window contributes, with margins and some more behind them, shape=(n, 4)."""
    # Convolutions are compiled and kept for every length that occurs, so few lengths may occur.
    positions = -(-window.weight // LENGTH_STEP) * LENGTH_STEP
    start, stop = window.own_start - CONTEXT, window.own_start + positions + CONTEXT
    bases = np.zeros((stop - start, 4), dtype=np.float32)
    inside = letters[max(0, start) : stop]
    bases[max(0, -start) : max(0, -start) + len(inside)] = _BASE[inside]
    return bases
