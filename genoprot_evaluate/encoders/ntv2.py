"""Nucleotide Transformer v2: masked language models of 6-mers, trained on 850 genomes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.chunking import Chunk, chunk_spans
from genoprot_evaluate.encoders.attention import rotary_angles, rotary_attention, visible_keys
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.checkpoint import Checkpoint, Origin, open_checkpoint
from genoprot_evaluate.encoders.compute import HALF_PRECISION
from genoprot_evaluate.encoders.pooled import (
    PooledEncoder,
    check_layer,
    check_pooling,
)

__all__ = [
    "NTv2",
    "NTv2M50",
    "NTv2M100",
    "NTv2M250",
    "NTv2M500",
    "NTv2Network",
    "NTv2Sizes",
    "sixmer_tokens",
]

UNKNOWN, PAD, CLS = 0, 1, 3
SIXMER = 6
TOKENS = {
    "".join(letters): number
    for number, letters in enumerate(
        itertools.chain(itertools.product("ATCG", repeat=SIXMER), "ATCGN"), start=6
    )
}
RELEASED_HEADS = {1024: 16}
FREQUENCIES = ".rotary_embeddings.inv_freq"
PLAIN = {"embed_scale": 1.0, "token_dropout": False, "emb_layer_norm_before": False, "pre_layer_norm": True}
PLAIN |= {"use_glu_in_ffn": True, "ffn_activation_name": "swish", "use_rotary_embedding": True}
UNUSED = re.compile(
    r"lm_head\..*|(esm\.)?contact_head\.regression\.(weight|bias)|.*\.rotary_embeddings\.inv_freq"
    r"|(esm\.)?embeddings\.(position_ids|position_embeddings\.weight)|.*roberta_lm_head/~/lm_.*"
)

# Names of the parts of a layer: here, in transformers, in Haiku.
LAYER = (
    ("norm", "attention.LayerNorm", "self_attention_layer_norm"),
    ("query", "attention.self.query", "self_attention/query"),
    ("key", "attention.self.key", "self_attention/key"),
    ("value", "attention.self.value", "self_attention/value"),
    ("output", "attention.output.dense", "self_attention/mha_output"),
    ("inner_norm", "LayerNorm", "final_layer_norm"),
    ("gated", "intermediate.dense", "fc1"),
    ("inner_output", "output.dense", "fc2"),
)


def sixmer_tokens(sequence: str) -> list[int]:
    """Tokens of a DNA sequence without ``<cls>``.

    From the left, six bases are a token; N is one by itself and ends a run of 6-mers, of which up to five
    bases are left as one token each. A 6-mer with any other letter, lower case among them, is ``<unk>``.

    Examples
    --------
    >>> sixmer_tokens("AAAAAAAN")
    [6, 4102, 4106]
    """
    tokens: list[int] = []
    for run in re.findall(r"N|[^N]+", sequence):
        whole = len(run) - len(run) % SIXMER
        tokens += [TOKENS.get(run[start : start + SIXMER], UNKNOWN) for start in range(0, whole, SIXMER)]
        tokens += [TOKENS.get(base, UNKNOWN) for base in run[whole:]]
    return tokens


@dataclass(frozen=True)
class NTv2Sizes:
    """Sizes of a Nucleotide Transformer v2.

    Parameters
    ----------
    vocabulary, width, layers, heads : int
    attended : int
        Width of all heads together.
    inner : int
        Width of the gated part.
    epsilon : float
        Of the layer norms.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    attended: int
    inner: int
    epsilon: float = 1e-5


class _Layer(nn.Module):
    def __init__(self, sizes: NTv2Sizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.norm = nn.LayerNorm(sizes.width, eps=sizes.epsilon)
        self.query = nn.Linear(sizes.width, sizes.attended)
        self.key = nn.Linear(sizes.width, sizes.attended)
        self.value = nn.Linear(sizes.width, sizes.attended)
        self.output = nn.Linear(sizes.attended, sizes.width)
        self.inner_norm = nn.LayerNorm(sizes.width, eps=sizes.epsilon)
        self.gated = nn.Linear(sizes.width, 2 * sizes.inner, bias=False)
        self.inner_output = nn.Linear(sizes.inner, sizes.width, bias=False)

    def forward(
        self,
        states: torch.Tensor,
        angles: tuple[torch.Tensor, torch.Tensor],
        keys: torch.Tensor | None,
    ) -> torch.Tensor:
        inner = self.norm(states)
        attended = rotary_attention(
            self.query(inner), self.key(inner), self.value(inner), self.heads, angles, keys
        )
        states = states + self.output(attended)
        gate, content = self.gated(self.inner_norm(states)).chunk(2, dim=-1)
        return states + self.inner_output(functional.silu(gate) * content)


class NTv2Network(nn.Module):
    """The transformer of Nucleotide Transformer v2.

    Parameters
    ----------
    sizes : NTv2Sizes
    """

    def __init__(self, sizes: NTv2Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.width)
        self.layers = nn.ModuleList(_Layer(sizes) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width, eps=sizes.epsilon)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Normalised last states, shape=(n, length, width).

        Parameters
        ----------
        ids : torch.Tensor, shape=(n, length), dtype=int64
        mask : torch.Tensor, shape=(n, length), dtype=bool
            True where a token is.
        """
        states = self.embedding(ids)
        angles = rotary_angles(ids.shape[1], self.sizes.attended // self.sizes.heads, like=states)
        keys = visible_keys(mask)
        for layer in self.layers:
            states = layer(states, angles, keys)
        return self.norm(states)


class NTv2(PooledEncoder):
    """Mean over all tokens, ``<cls>`` included, of the normalised last states, as in the model's README.

    A sequence with more tokens than the context is read in overlapping windows, whose vectors are averaged
    by the tokens that each contributes. Reads the names of transformers
    (``esm.encoder.layer.0.attention.self.query.weight``) and of Haiku
    (``nt/attention_layer_0/~/self_attention/query::w``). Sizes are read from the weights; the number of
    heads and ``layer_norm_eps`` (1e-5 when left out) from ``config.json`` beside them. Without it, heads are
    as wide as the stored rotary frequencies tell, else those of the released 500m.

    Parameters
    ----------
    network : NTv2Network
    device : str, optional
    weights_digest : str, optional
    pooling : {"mean", "max", "cls"}
    layer : int, optional
        Layer whose states are read, 0 for the embeddings; by default the last one. Later layers are dropped,
        and so is the normalisation behind the last one.

    References
    ----------
    Dalla-Torre et al., "Nucleotide Transformer: building and evaluating robust foundation models for human
    genomics", Nature Methods 2025.
    """

    spec: EncoderSpec
    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    batch_tokens: ClassVar[int] = 1 << 14
    dtypes: ClassVar[tuple[str, ...]] = HALF_PRECISION

    def __init__(
        self,
        network: NTv2Network,
        device: str | None = None,
        weights_digest: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> None:
        self.pooling = check_pooling(pooling)
        layer = check_layer(layer, len(network.layers))
        if layer is not None:
            network.layers, network.norm = network.layers[:layer], nn.Identity()
        self._adopt(network, device, weights_digest, layer, dimension=network.sizes.width)

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> NTv2:
        """Load a safetensors file, or a folder with one or several and ``config.json``.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, a shape differs, or the number
            of heads is not known.
        """
        checkpoint = open_checkpoint(weights)
        names = (
            _Haiku(checkpoint) if any("::" in key for key in checkpoint.shapes) else _Transformers(checkpoint)
        )
        with torch.device("meta"):
            network = NTv2Network(_sizes(checkpoint, names))
        origins = dict(names.origin(parameter) for parameter in network.state_dict())
        checkpoint.fit(network, origins, UNUSED)
        return cls(network, device, checkpoint.digest, pooling, layer)

    def tokenize(self, sequence: str) -> list[int]:
        """Tokens with ``<cls>`` in front."""
        return [CLS, *sixmer_tokens(sequence)]

    def window_counts(self, sequences: Sequence[str]) -> list[int]:
        """Number of windows in which each sequence is read."""
        return [len(self._windows(sixmer_tokens(sequence.upper()))) for sequence in sequences]

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map DNA sequences to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty.
        """
        tokens = [sixmer_tokens(sequence.upper()) for sequence in sequences]
        if not all(tokens):
            raise GenoProtError(f"encoder {self.spec.name}: an empty sequence has no embedding; leave it out")
        windows = [(row, window) for row, of in enumerate(tokens) for window in self._windows(of)]
        found = self._vectors(
            self.model,
            [[CLS, *tokens[row][window.start : window.stop]] for row, window in windows],
            pad=PAD,
            margins=(0, 0),
        )
        totals = np.zeros((len(sequences), self.spec.dimension))
        for (row, window), vector in zip(windows, found):
            totals[row] += window.weight / len(tokens[row]) * vector
        return totals.astype(np.float32)

    def _windows(self, tokens: list[int]) -> tuple[Chunk, ...]:
        return chunk_spans(len(tokens), self.spec.context - 1)


def _spec(size: str, dimension: int, parameters: int) -> EncoderSpec:
    return EncoderSpec(
        f"ntv2-{size}",
        modality="dna",
        dimension=dimension,
        context=2_048,
        title=f"Nucleotide Transformer v2 {size}, masked language model of the genomes of 850 species",
        licence="CC-BY-NC-SA-4.0",
        parameters=parameters,
        training="the genomes of 850 species",
        readout="mean over all tokens of the normalised last layer, <cls> included",
        citation="Dalla-Torre et al., Nature Methods 2025",
        weights_needed=True,
        source=f"huggingface.co/InstaDeepAI/nucleotide-transformer-v2-{size}-multi-species",
        repository=f"InstaDeepAI/nucleotide-transformer-v2-{size}-multi-species",
    )


class NTv2M50(NTv2):
    """Nucleotide Transformer v2 of 50 million parameters."""

    spec = _spec("50m", 512, 52_484_608)


class NTv2M100(NTv2):
    """Nucleotide Transformer v2 of 100 million parameters."""

    spec = _spec("100m", 512, 94_468_608)


class NTv2M250(NTv2):
    """Nucleotide Transformer v2 of 250 million parameters."""

    spec = _spec("250m", 768, 229_795_584)


class NTv2M500(NTv2):
    """Nucleotide Transformer v2 of 500 million parameters."""

    spec = _spec("500m", 1_024, 490_984_448)


class _Transformers:
    """What transformers calls the parameters."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._prefix = checkpoint.prefix("esm.")
        stored = (shape for key, shape in checkpoint.shapes.items() if key.endswith(FREQUENCIES))
        self._frequencies = next(stored, (0,))[0]
        self.layers = rf"{re.escape(self._prefix)}encoder\.layer\.(\d+)\."

    def heads(self, attended: int) -> int | None:
        """Heads as the stored rotary frequencies tell; None where the file has none."""
        return attended // (2 * self._frequencies) if self._frequencies else None

    def origin(self, parameter: str) -> tuple[str, Origin]:
        place, _, field = parameter.rpartition(".")
        name = {"embedding": "embeddings.word_embeddings", "norm": "encoder.emb_layer_norm_after"}.get(place)
        if name is None:
            _, layer, part = place.split(".")
            name = f"encoder.layer.{layer}." + next(there for here, there, _ in LAYER if here == part)
        return f"{self._prefix}{name}.{field}", Origin((parameter,))


class _Haiku:
    """What the JAX release calls the parameters; its matrices are transposed."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._prefix = next(
            (key.removesuffix("~/embed::embeddings") for key in checkpoint.shapes if "~/embed::" in key),
            "nt/",
        )
        self.layers = rf"{re.escape(self._prefix)}attention_layer_(\d+)/"

    def heads(self, attended: int) -> int | None:
        """None: the JAX release stores no rotary frequencies."""
        return None

    def origin(self, parameter: str) -> tuple[str, Origin]:
        place, _, field = parameter.rpartition(".")
        if place == "embedding":
            return f"{self._prefix}~/embed::embeddings", Origin((parameter,))
        if place == "norm":
            name, part = "~/roberta_lm_head/~/emb_layer_norm_after", place
        else:
            _, layer, part = place.split(".")
            name = f"attention_layer_{layer}/~/" + next(there for here, _, there in LAYER if here == part)
        fields = {"weight": "scale", "bias": "offset"} if "norm" in part else {"weight": "w", "bias": "b"}
        return f"{self._prefix}{name}::{fields[field]}", Origin((parameter,), reverse=fields[field] == "w")


def _sizes(checkpoint: Checkpoint, names: _Transformers | _Haiku) -> NTv2Sizes:
    def shape(parameter: str) -> tuple[int, ...]:
        key, origin = names.origin(parameter)
        found = checkpoint.shape(key)
        if len(found) != 2:
            raise SourceError(checkpoint.path, f"{key} has the shape {list(found)}, not two axes")
        return found[::-1] if origin.reverse else found

    positions = checkpoint.option(["position_embedding_type"], "rotary")
    if positions != "rotary":
        raise SourceError(
            checkpoint.path,
            f"config.json: {positions} positions, as of version 1; version 2 has rotary ones",
        )
    checkpoint.only(PLAIN)
    vocabulary, width = shape("embedding.weight")
    attended, _ = shape("layers.0.query.weight")
    stated = ("num_attention_heads", "attention_heads")
    return NTv2Sizes(
        vocabulary=vocabulary,
        width=width,
        layers=checkpoint.count(names.layers),
        heads=checkpoint.heads(stated, attended, names.heads(attended) or RELEASED_HEADS.get(width)),
        attended=attended,
        inner=shape("layers.0.inner_output.weight")[1],
        epsilon=checkpoint.number(["layer_norm_eps"], 1e-5),
    )
