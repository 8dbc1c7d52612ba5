"""HyenaDNA: a causal model of single bases with implicit long convolutions."""

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

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.bases import PADDING, START, STOP, base_tokens
from genoprot_evaluate.encoders.checkpoint import Checkpoint, Origin, open_checkpoint
from genoprot_evaluate.encoders.compute import choose_device
from genoprot_evaluate.encoders.convolution import Mix, fft_convolve, gated_convolution
from genoprot_evaluate.encoders.readout import causal_vectors, check_lengths, check_pooling
from genoprot_evaluate.encoders.shapes import shape_of

__all__ = ["Hyena1M", "Hyena160K", "Hyena450K", "HyenaDNA", "HyenaDNANetwork", "tokenize"]

EPSILON = 1e-5
FLOOR = 0.05
PIECE = 1 << 14
SPECIAL = 2
PREFIXES = ("model.backbone.", "hyena.backbone.", "backbone.")
UNUSED = re.compile(r"(model\.|hyena\.)?lm_head\.weight|.*\.implicit_filter\.\d+\.freq")


def tokenize(sequence: str, *, ends: bool = False) -> list[int]:
    """Tokens of the released tokenizer, to which lower case is unknown.

    Parameters
    ----------
    sequence : str
    ends : bool
        Whether the start and stop tokens of the released tokenizer are added.

    Examples
    --------
    >>> tokenize("ACGTN"), tokenize("a", ends=True)
    ([7, 8, 9, 10, 11], [0, 6, 1])
    """
    tokens = base_tokens(sequence).tolist()
    return [START, *tokens, STOP] if ends else tokens


class _Positions(nn.Module):
    def __init__(self, longest: int, features: int) -> None:
        super().__init__()
        self.register_buffer("z", torch.empty(1, longest, features))
        self.register_buffer("t", torch.empty(1, longest, 1))


class _Window(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("deltas", torch.empty(1, 1, width))


class _Filter(nn.Module):
    """Implicit filter: sines of linear maps of positional features, in an exponential window."""

    def __init__(self, width: int, features: int, hidden: int, linears: int, longest: int) -> None:
        super().__init__()
        sizes = [features, *[hidden] * linears]
        inner = {str(2 * place): nn.Linear(a, b) for place, (a, b) in enumerate(zip(sizes, sizes[1:]))}
        last = nn.Linear(hidden, width, bias=False)
        self.implicit_filter = nn.ModuleDict(inner | {str(2 * linears): last})
        self.freq = nn.Parameter(torch.empty(1, hidden))
        self.bias = nn.Parameter(torch.empty(width))
        self.pos_emb = _Positions(longest, features)
        self.modulation = _Window(width)

    def mix(self, length: int) -> Mix:
        """Convolution with the filter at a length of the sequence."""
        *linears, last = self.implicit_filter.values()
        hidden = self.pos_emb.z[0, :length]
        for linear in linears:
            hidden = torch.sin(self.freq * linear(hidden))
        time = -self.pos_emb.t[0, :length, 0]
        rates = self.modulation.deltas[0, 0].abs()[:, None]

        def convolve(signal: torch.Tensor, channels: slice) -> torch.Tensor:
            window = (rates[channels] * time).exp_().add_(FLOOR)
            kernel = (last.weight[channels] @ hidden.T).mul_(window)
            return fft_convolve(signal, kernel).addcmul_(signal, self.bias[channels, None])

        return convolve


class _Mixer(nn.Module):
    def __init__(self, width: int, taps: int, long_filter: _Filter) -> None:
        super().__init__()
        self.in_proj = nn.Linear(width, 3 * width)
        self.short_filter = nn.Conv1d(3 * width, 3 * width, taps, groups=3 * width)
        self.filter_fn = long_filter
        self.out_proj = nn.Linear(width, width)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        width = states.shape[-1]
        gated = gated_convolution(
            states,
            (self.in_proj.weight.view(3, width, width), self.in_proj.bias.view(3, width)),
            (self.short_filter.weight.view(3, width, -1), self.short_filter.bias.view(3, width)),
            self.filter_fn.mix(states.shape[1]),
        )
        return self.out_proj(gated)


class _Perceptron(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.fc2(functional.gelu(self.fc1(states), approximate="tanh"))


class _Layer(nn.Module):
    def __init__(self, width: int, inner: int, taps: int, long_filter: _Filter) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, EPSILON)
        self.mixer = _Mixer(width, taps, long_filter)
        self.norm2 = nn.LayerNorm(width, EPSILON)
        self.mlp = _Perceptron(width, inner)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        states = states + self.mixer(self.norm1(states))
        for piece in states.split(PIECE, dim=1):
            piece += self.mlp(self.norm2(piece))
        return states


class HyenaDNANetwork(nn.Module):
    """The network of HyenaDNA up to the final normalisation.

    Parameters
    ----------
    vocabulary, width, inner : int
        Rows of the embedding, channels, and channels inside a block's perceptron.
    taps : int
        Length of the short filters.
    features, hidden, filter_linears : int
        Positional features, width and inner layers of the networks that make the long filters.
    longest : int
        Most tokens of a sequence.
    layers : int
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        width: int,
        inner: int,
        taps: int,
        features: int,
        hidden: int,
        filter_linears: int,
        longest: int,
        layers: int,
    ) -> None:
        super().__init__()
        self.longest = longest
        self.embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(vocabulary, width)})
        self.layers = nn.ModuleList(
            _Layer(width, inner, taps, _Filter(width, features, hidden, filter_linears, longest))
            for _ in range(layers)
        )
        self.ln_f = nn.LayerNorm(width, EPSILON)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """States behind the final normalisation, in inference mode.

        Parameters
        ----------
        ids : torch.Tensor, shape=(n, length), dtype=int64
            Padding may stand on the right only: it would change every position behind it.

        Returns
        -------
        torch.Tensor, shape=(n, length, d), dtype=float32

        Raises
        ------
        GenoProtError
            If the sequences are longer than the filters.
        """
        if ids.shape[1] > self.longest:
            raise GenoProtError(
                f"HyenaDNA: {ids.shape[1]:,} tokens, but the filters of these weights end at {self.longest:,}"
            )
        states = self.embeddings["word_embeddings"](ids)
        for layer in self.layers:
            states = layer(states)
        return self.ln_f(states)


class HyenaDNA:
    """Mean, or last, of the states of HyenaDNA behind the final normalisation, over the bases.

    No special tokens are read. Letters are upper-cased; those other than A, C, G, T and N are the model's
    unknown base.

    Parameters
    ----------
    network : HyenaDNANetwork
    pooling : {"mean", "last"}
    device : str, optional
    weights_digest : str, optional

    References
    ----------
    Nguyen et al., "HyenaDNA: long-range genomic sequence modeling at single nucleotide resolution",
    NeurIPS 2023.
    """

    spec: EncoderSpec
    libraries: ClassVar[tuple[str, ...]] = ("torch", "scipy")
    batch_tokens: ClassVar[int] = 1 << 16

    def __init__(
        self,
        network: HyenaDNANetwork,
        pooling: str = "mean",
        device: str | None = None,
        weights_digest: str | None = None,
    ) -> None:
        self.spec = replace(
            type(self).spec,
            dimension=network.ln_f.normalized_shape[0],
            context=network.longest - SPECIAL,
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            readout=f"final LayerNorm, {check_pooling(type(self).spec.name, pooling)}",
        )
        self.weights_digest = weights_digest
        self.model = network.to(choose_device(device))
        self._pooling = pooling

    @classmethod
    def load(cls, weights: str | Path, device: str | None = None, *, pooling: str = "mean") -> HyenaDNA:
        """Load weights by the names of the -hf repositories or of the original ones.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, or a shape differs.
        """
        checkpoint = open_checkpoint(weights)
        names = _Names(checkpoint)
        with torch.device("meta"):
            network = HyenaDNANetwork(**names.sizes())
        checkpoint.fit(network, names.origins(network), UNUSED)
        return cls(network, pooling, device, checkpoint.digest)

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map DNA sequences to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty or beyond the context.
        """
        check_lengths(self.spec, sequences)
        return causal_vectors(
            lambda ids, mask: self.model(ids),
            [base_tokens(sequence.upper()) for sequence in sequences],
            pooling=self._pooling,
            pad=PADDING,
            budget=self.batch_tokens,
            device=self.model.ln_f.weight.device,
        )


class _Names:
    """What a checkpoint calls the parameters."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._prefix = checkpoint.prefix(*PREFIXES) or PREFIXES[-1]
        self._wrapped = {
            part: f"{part}layer." if any(f"{part}layer." in key for key in checkpoint.shapes) else part
            for part in (".mixer.", ".mlp.")
        }

    def sizes(self) -> dict[str, int]:
        place = "layers.0.mixer."
        network = f"{place}filter_fn.implicit_filter."
        vocabulary, width = self._shape("embeddings.word_embeddings.weight", 2)
        hidden, features = self._shape(f"{network}0.weight", 2)
        return {
            "vocabulary": vocabulary,
            "width": width,
            "inner": self._shape("layers.0.mlp.fc1.weight", 2)[0],
            "taps": self._shape(f"{place}short_filter.weight", 3)[2],
            "features": features,
            "hidden": hidden,
            "filter_linears": self._count(network, r"(\d+)\.weight") // 2,
            "longest": self._shape(f"{place}filter_fn.pos_emb.z", 3)[1],
            "layers": self._count("layers.", r"(\d+)\."),
        }

    def origins(self, network: HyenaDNANetwork) -> dict[str, Origin]:
        return {self._key(name): Origin((name,)) for name in network.state_dict()}

    def _key(self, name: str) -> str:
        key = self._prefix + re.sub(r"\.mixer\.|\.mlp\.", lambda match: self._wrapped[match[0]], name)
        if not key.endswith(".freq"):
            return key
        # One parameter under several names, of which a file may keep only one.
        names = re.compile(re.escape(key.removesuffix("freq")) + r"implicit_filter\.\d+\.freq")
        kept = sorted(filter(names.fullmatch, self._checkpoint.shapes))
        return kept[0] if kept else key.replace(".freq", ".implicit_filter.1.freq")

    def _count(self, start: str, pattern: str) -> int:
        return self._checkpoint.count(re.escape(self._key(start)) + pattern)

    def _shape(self, name: str, axes: int) -> tuple[int, ...]:
        return shape_of(self._checkpoint, self._key(name), axes)


def _spec(size: str, context: int) -> EncoderSpec:
    repository = {"160k": "medium-160k", "450k": "medium-450k", "1m": "large-1m"}[size]
    return EncoderSpec(
        f"hyena-{size}",
        modality="dna",
        dimension=256,
        context=context,
        title=f"HyenaDNA {repository}, trained on the human reference genome",
        licence="BSD-3-Clause",
        parameters=6_550_528,
        readout="final LayerNorm, mean over positions",
        citation="Nguyen et al., NeurIPS 2023",
        weights_needed=True,
        source=f"LongSafari/hyenadna-{repository}-seqlen-hf of huggingface.co",
        repository=f"LongSafari/hyenadna-{repository}-seqlen-hf",
    )


class Hyena160K(HyenaDNA):
    """HyenaDNA medium-160k."""

    spec = _spec("160k", 160_000)


class Hyena450K(HyenaDNA):
    """HyenaDNA medium-450k."""

    spec = _spec("450k", 450_000)


class Hyena1M(HyenaDNA):
    """HyenaDNA large-1m."""

    spec = _spec("1m", 1_000_000)
