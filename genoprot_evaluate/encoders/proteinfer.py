"""ProteInfer: dilated convolutions that predict EC numbers, GO terms or Pfam families of proteins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.checkpoint import Checkpoint, Origin, open_checkpoint
from genoprot_evaluate.encoders.compute import Placed, choose_device
from genoprot_evaluate.encoders.pooled import pooled_states

__all__ = [
    "ProteInfer",
    "ProteInferEC",
    "ProteInferGO",
    "ProteInferNetwork",
    "ProteInferPfam",
    "residue_codes",
]

STANDARD = "ACDEFGHIKLMNPQRSTVWY"
ALPHABET = STANDARD + "UOBZX."
AS_ANOTHER = {"J": "X"}
MIXTURES = {"U": "C", "B": "DN", "Z": "EQ", "O": STANDARD, "X": STANDARD, ".": ""}
PADDING = ALPHABET.index(".")
EPSILON = 1e-3
DILATION = 3

# Names of the parts of a block: here, in the TensorFlow release, in the torch port.
BLOCK = (
    ("before", "batch_normalization", "bn_activation_1.0"),
    ("narrowing", "conv1d", "masked_conv1"),
    ("between", "batch_normalization_1", "bn_activation_2.0"),
    ("widening", "conv1d_1", "masked_conv2"),
)
NORM = (
    ("weight", "gamma", "weight"),
    ("bias", "beta", "bias"),
    ("mean", "moving_mean", "running_mean"),
    ("variance", "moving_variance", "running_var"),
)
CONVOLUTION = (("weight", "kernel", "weight"), ("bias", "bias", "bias"))
UNUSED = re.compile(
    r"global_step|(logits|dense)/(kernel|bias)|output_layer\.(weight|bias)|.*\.num_batches_tracked"
)


def residue_codes() -> np.ndarray:
    """Vectors of the residues ``ACDEFGHIKLMNPQRSTVWYUOBZX.``, shape=(26, 20), dtype=float32.

    Examples
    --------
    >>> residue_codes().sum(axis=1).min(), residue_codes().shape
    (np.float32(0.0), (26, 20))
    """
    codes = np.zeros((len(ALPHABET), len(STANDARD)), dtype=np.float32)
    for row, letter in enumerate(ALPHABET):
        members = MIXTURES.get(letter, letter)
        for member in members:
            codes[row, STANDARD.index(member)] = 1.0 / len(members)
    return codes


class _Norm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.register_buffer("mean", torch.empty(channels))
        self.register_buffer("variance", torch.empty(channels))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return functional.batch_norm(
            states, self.mean, self.variance, self.weight, self.bias, training=False, eps=EPSILON
        )


class _Block(nn.Module):
    def __init__(self, filters: int, bottleneck: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.before = _Norm(filters)
        self.narrowing = nn.Conv1d(filters, bottleneck, kernel, padding="same", dilation=dilation)
        self.between = _Norm(bottleneck)
        self.widening = nn.Conv1d(bottleneck, filters, 1)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        inner = self.narrowing(functional.relu(self.before(states)) * mask)
        return states + self.widening(functional.relu(self.between(inner))) * mask


class ProteInferNetwork(nn.Module):
    """The convolutional part of ProteInfer.

    Parameters
    ----------
    filters, bottleneck : int
        Channels of the representation and inside a block.
    kernel : int
    dilations : sequence of int
        One for each block.
    """

    def __init__(self, filters: int, bottleneck: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.first = nn.Conv1d(len(STANDARD), filters, kernel, padding="same")
        self.blocks = nn.ModuleList(_Block(filters, bottleneck, kernel, dilation) for dilation in dilations)

    def forward(self, residues: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Representation of every position.

        Parameters
        ----------
        residues : torch.Tensor, shape=(n, length, 20)
            May hold any number at positions beyond a sequence's end.
        mask : torch.Tensor, shape=(n, length), dtype=bool
            True where a sequence is.

        Returns
        -------
        torch.Tensor, shape=(n, length, filters)
            Zeros beyond a sequence's end.
        """
        keep = mask[:, None, :]
        residues = residues.to(self.first.weight.dtype).transpose(1, 2)
        states = self.first(residues.masked_fill(~keep, 0.0)) * keep
        for block in self.blocks:
            states = block(states, keep)
        return states.transpose(1, 2)


class ProteInfer(Placed):
    """Pooled representation of ProteInfer: the sum over residues over a power of their number, by default 1.

    Sizes are read from the weights. What these do not tell is read from ``config.json`` beside them, by the
    names of the release: ``dilation_rate`` (also ``dilation_base``; 3 when left out), ``first_dilated_layer``
    (1) and ``denominator_power`` (1.0). B and Z are half of each of their residues, U is cysteine, X, O and
    J are any residue.

    Parameters
    ----------
    network : ProteInferNetwork
    power : float
        Power of the length by which sums are divided.
    device : str, optional
    weights_digest : str, optional

    References
    ----------
    Sanderson et al., "ProteInfer, deep neural networks for protein functional inference", eLife 2023.
    """

    spec: EncoderSpec
    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    batch_tokens: ClassVar[int] = 1 << 14

    def __init__(
        self,
        network: ProteInferNetwork,
        power: float = 1.0,
        device: str | None = None,
        weights_digest: str | None = None,
    ) -> None:
        parameters = sum(parameter.numel() for parameter in network.parameters())
        self.spec = replace(type(self).spec, dimension=network.first.out_channels, parameters=parameters)
        self.weights_digest = weights_digest
        self.device = choose_device(device)
        self._power = power
        self._codes = torch.from_numpy(residue_codes()).to(self.device)
        self.model = network.to(self.device)

    @classmethod
    def load(cls, weights: str | Path, device: str | None = None) -> ProteInfer:
        """Load weights by the names of the TensorFlow release or of its torch port.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, or a shape differs.
        """
        checkpoint = open_checkpoint(weights)
        tensorflow = not checkpoint.prefix("conv1.", "resnet_blocks.")
        layers = checkpoint.count(r"residual_block_(\d+)/" if tensorflow else r"resnet_blocks\.(\d+)\.")
        origins = _origins(layers, tensorflow)
        keys = [key for key in origins if key.endswith("/kernel" if tensorflow else ".weight")]
        first = _convolution_shape(checkpoint, keys[0], tensorflow)
        narrowing = next((key for key in keys if "/conv1d/" in key or ".masked_conv1." in key), None)
        bottleneck = _convolution_shape(checkpoint, narrowing, tensorflow)[0] if narrowing else 0
        with torch.device("meta"):
            network = ProteInferNetwork(first[0], bottleneck, first[2], _dilations(checkpoint, layers))
        checkpoint.fit(network, origins, UNUSED)
        power = checkpoint.number(["denominator_power"], 1.0)
        return cls(network, power, device, checkpoint.digest)

    def tokenize(self, sequence: str) -> list[int]:
        """Row of each residue in `residue_codes`.

        Raises
        ------
        GenoProtError
            If the network has no code for a letter; lower case has none.
        """
        tokens = [ALPHABET.find(AS_ANOTHER.get(letter, letter)) for letter in sequence]
        if -1 in tokens:
            letter = sequence[tokens.index(-1)]
            raise GenoProtError(
                f"encoder {self.spec.name}: no code for the residue {letter!r}; it knows {ALPHABET}J"
            )
        return tokens

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map proteins to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty or holds a letter that the network does not know.
        """
        means = pooled_states(
            lambda ids, mask: self.model(self._codes[ids], mask),
            [self.tokenize(sequence.upper()) for sequence in sequences],
            pad=PADDING,
            margins=(0, 0),
            budget=self.batch_tokens,
            device=self.device,
        )
        lengths = np.array([[len(sequence)] for sequence in sequences], dtype=np.float32)
        return means * lengths ** np.float32(1.0 - self._power)


def _spec(task: str, labels: str) -> EncoderSpec:
    return EncoderSpec(
        f"proteinfer-{task}",
        modality="protein",
        dimension=1_100,
        title=f"ProteInfer, dilated convolutions that predict {labels}, trained on Swiss-Prot",
        licence="Apache-2.0",
        parameters=30_473_850,
        training="proteins of Swiss-Prot with their annotations, a random tenth held out",
        readout="mean over residues of the last residual block",
        citation="Sanderson et al., eLife 2023",
        weights_needed=True,
        source=f"noxpd2_cnn_swissprot_{task} of github.com/google-research/proteinfer, to be converted",
    )


class ProteInferEC(ProteInfer):
    """ProteInfer for EC numbers."""

    spec = _spec("ec", "EC numbers")


class ProteInferGO(ProteInfer):
    """ProteInfer for GO terms."""

    spec = _spec("go", "GO terms")


class ProteInferPfam(ProteInfer):
    """ProteInfer for Pfam families."""

    spec = _spec("pfam", "Pfam families")


def _origins(layers: int, tensorflow: bool) -> dict[str, Origin]:
    parts = [("first", "conv1d" if tensorflow else "conv1", CONVOLUTION)]
    for layer in range(layers):
        for here, released, ported in BLOCK:
            there = f"residual_block_{layer}/{released}" if tensorflow else f"resnet_blocks.{layer}.{ported}"
            fields = NORM if here in ("before", "between") else CONVOLUTION
            parts.append((f"blocks.{layer}.{here}", there, fields))
    return {
        (f"{there}/{released}" if tensorflow else f"{there}.{ported}"): Origin(
            (f"{here}.{name}",), reverse=tensorflow
        )
        for here, there, fields in parts
        for name, released, ported in fields
    }


def _convolution_shape(checkpoint: Checkpoint, key: str, tensorflow: bool) -> tuple[int, ...]:
    """Output channels, input channels and kernel of a convolution."""
    shape = checkpoint.shape(key)
    if len(shape) != 3:
        raise SourceError(checkpoint.path, f"{key} has the shape {list(shape)}, not three axes")
    return shape[::-1] if tensorflow else shape


def _dilations(checkpoint: Checkpoint, layers: int) -> list[int]:
    rate = checkpoint.integer(["dilation_rate", "dilation_base"], DILATION)
    first = checkpoint.integer(["first_dilated_layer"], 1, least=0)
    return [rate ** max(0, layer - first + 1) for layer in range(layers)]
