"""DNABERT-2: a masked language model of DNA in byte-pair tokens, with linear biases for positions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.checkpoint import Checkpoint, open_checkpoint, same_names
from genoprot_evaluate.encoders.compute import HALF_PRECISION
from genoprot_evaluate.encoders.pooled import (
    PooledEncoder,
    check_layer,
    check_pooling,
)
from genoprot_evaluate.encoders.tokenizer_file import TOKENIZER, read_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["DnaBert2", "DnaBert2Network", "DnaBert2Sizes", "alibi_slopes"]

SPECIAL = ("[CLS]", "[SEP]", "[PAD]")
RELEASED_HEADS = {768: 12}
UNUSED = re.compile(r"(bert\.)?(pooler\.dense\.(weight|bias)|embeddings\.position_ids)|cls\..*")


def alibi_slopes(heads: int) -> list[float]:
    """Slopes of the position bias of every head.

    Parameters
    ----------
    heads : int
        A power of two gives a geometric series that ends at 2^-8; any other number takes the series of the
        power below, and fills up with every second slope of the power above.

    References
    ----------
    Press et al., "Train short, test long: attention with linear biases enables input length
    extrapolation", ICLR 2022.

    Examples
    --------
    >>> alibi_slopes(4)
    [0.25, 0.0625, 0.015625, 0.00390625]
    >>> alibi_slopes(3)
    [0.0625, 0.00390625, 0.25]
    """
    whole = 2 ** math.floor(math.log2(heads))
    slopes = [2.0 ** (-8.0 * rank / whole) for rank in range(1, whole + 1)]
    return slopes + [2.0 ** (-4.0 * rank / whole) for rank in range(1, 2 * (heads - whole), 2)]


@dataclass(frozen=True)
class DnaBert2Sizes:
    """Sizes of a DNABERT-2.

    Parameters
    ----------
    vocabulary, kinds, width, layers, heads, inner : int
        `kinds` are token types, of which the first is used.
    epsilon : float
        Of the layer norms.
    """

    vocabulary: int
    kinds: int
    width: int
    layers: int
    heads: int
    inner: int
    epsilon: float = 1e-12


class _Embeddings(nn.Module):
    def __init__(self, sizes: DnaBert2Sizes) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(sizes.vocabulary, sizes.width)
        self.token_type_embeddings = nn.Embedding(sizes.kinds, sizes.width)
        self.LayerNorm = nn.LayerNorm(sizes.width, eps=sizes.epsilon)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(self.word_embeddings(ids) + self.token_type_embeddings.weight[0])


class _Layer(nn.Module):
    # Parameters are named as in the checkpoint, hence modules within modules.
    def __init__(self, sizes: DnaBert2Sizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.attention = nn.Module()
        self.attention.self = nn.Module()
        self.attention.self.Wqkv = nn.Linear(sizes.width, 3 * sizes.width)
        self.attention.output = nn.Module()
        self.attention.output.dense = nn.Linear(sizes.width, sizes.width)
        self.attention.output.LayerNorm = nn.LayerNorm(sizes.width, eps=sizes.epsilon)
        self.mlp = nn.Module()
        self.mlp.gated_layers = nn.Linear(sizes.width, 2 * sizes.inner, bias=False)
        self.mlp.wo = nn.Linear(sizes.inner, sizes.width)
        self.mlp.layernorm = nn.LayerNorm(sizes.width, eps=sizes.epsilon)

    def forward(self, states: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        parts = self.attention.self.Wqkv(states).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*parts, attn_mask=bias)
        output = self.attention.output
        states = output.LayerNorm(states + output.dense(attended.transpose(1, 2).flatten(2)))
        gate, content = self.mlp.gated_layers(states).chunk(2, dim=-1)
        return self.mlp.layernorm(states + self.mlp.wo(functional.gelu(gate) * content))


class DnaBert2Network(nn.Module):
    """The transformer of DNABERT-2, its parameters named as in the checkpoint behind ``bert.``.

    Parameters
    ----------
    sizes : DnaBert2Sizes
    """

    def __init__(self, sizes: DnaBert2Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embeddings = _Embeddings(sizes)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(_Layer(sizes) for _ in range(sizes.layers))

    @classmethod
    def load(cls, checkpoint: Checkpoint) -> DnaBert2Network:
        """Load a network from an opened checkpoint, in which keys may begin with ``bert.``.

        Raises
        ------
        SourceError
            If a key is missing or unexpected, a shape differs, or the number of heads is not known.
        """
        prefix = checkpoint.prefix("bert.")
        with torch.device("meta"):
            network = cls(_sizes(checkpoint, prefix))
        checkpoint.fit(network, same_names(network, prefix), UNUSED)
        return network

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Last states, shape=(n, length, width).

        Parameters
        ----------
        ids : torch.Tensor, shape=(n, length), dtype=int64
        mask : torch.Tensor, shape=(n, length), dtype=bool
            True where a token is.
        """
        states = self.embeddings(ids)
        places = torch.arange(ids.shape[1], device=ids.device)
        slopes = torch.tensor(alibi_slopes(self.sizes.heads), device=ids.device)
        bias = -slopes[:, None, None] * (places - places[:, None]).abs()
        bias = bias.to(states.dtype)[None]
        if not mask.all():
            bias = bias.masked_fill(~mask[:, None, None, :], -torch.inf)
        for layer in self.encoder.layer:
            states = layer(states, bias)
        return states


class DnaBert2(PooledEncoder):
    """Mean over all tokens, ``[CLS]`` and ``[SEP]`` included, of the last states, as in the model's README.

    Needs ``tokenizer.json`` beside the weights. Sizes are read from the weights; the number of heads and
    ``layer_norm_eps`` (1e-12 when left out) from ``config.json`` beside them, which only the released width
    can do without. Positions have no limit in the model; the context is the longest input of its authors'
    experiments, in bases.

    Parameters
    ----------
    network : DnaBert2Network
    tokenizer : tokenizers.Tokenizer
    device : str, optional
    weights_digest : str, optional
    pooling : {"mean", "max", "cls"}
    layer : int, optional
        Layer whose states are read, 0 for the embeddings; by default the last one. Later layers are dropped.

    References
    ----------
    Zhou et al., "DNABERT-2: Efficient foundation model and benchmark for multi-species genomes", ICLR 2024.
    """

    spec: EncoderSpec = EncoderSpec(
        "dnabert2",
        modality="dna",
        dimension=768,
        context=10_000,
        title="DNABERT-2 117M, masked language model of the genomes of 135 species",
        licence="Apache-2.0",
        parameters=116_477_952,
        training="the genomes of 135 species",
        readout="mean over all tokens of the last layer, [CLS] and [SEP] included",
        citation="Zhou et al., ICLR 2024",
        weights_needed=True,
        source="huggingface.co/zhihan1996/DNABERT-2-117M as safetensors, with its tokenizer.json",
    )
    libraries: ClassVar[tuple[str, ...]] = ("torch", "tokenizers")
    batch_tokens: ClassVar[int] = 1 << 13
    dtypes: ClassVar[tuple[str, ...]] = HALF_PRECISION

    def __init__(
        self,
        network: DnaBert2Network,
        tokenizer: Tokenizer,
        device: str | None = None,
        weights_digest: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> None:
        self.pooling = check_pooling(pooling)
        layer = check_layer(layer, len(network.encoder.layer))
        if layer is not None:
            network.encoder.layer = network.encoder.layer[:layer]
        self._adopt(network, device, weights_digest, layer, dimension=network.sizes.width)
        self._tokenizer = tokenizer
        self._cls, self._sep, self._pad = (tokenizer.token_to_id(token) for token in SPECIAL)

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> DnaBert2:
        """Load a safetensors file, or a folder with one or several, with ``tokenizer.json`` beside them.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, a shape differs, the number of
            heads is not known, or the tokenizer does not fit.
        """
        checkpoint = open_checkpoint(weights, beside=[TOKENIZER])
        network = DnaBert2Network.load(checkpoint)
        tokenizer, _ = read_tokenizer(checkpoint, network.sizes.vocabulary, SPECIAL)
        return cls(network, tokenizer, device, checkpoint.digest, pooling, layer)

    def tokenize(self, sequence: str) -> list[int]:
        """Tokens with ``[CLS]`` and ``[SEP]``."""
        return [self._cls, *self._tokenizer.encode(sequence, add_special_tokens=False).ids, self._sep]

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map DNA sequences to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty.
        """
        if not all(sequences):
            raise GenoProtError(f"encoder {self.spec.name}: an empty sequence has no embedding; leave it out")
        return self._vectors(
            self.model,
            [self.tokenize(sequence.upper()) for sequence in sequences],
            pad=self._pad,
            margins=(0, 0),
        )


def _sizes(checkpoint: Checkpoint, prefix: str) -> DnaBert2Sizes:
    keys = [
        f"{prefix}{name}.weight"
        for name in (
            "embeddings.word_embeddings",
            "embeddings.token_type_embeddings",
            "encoder.layer.0.mlp.wo",
        )
    ]
    shapes = [checkpoint.shape(key) for key in keys]
    if any(len(shape) != 2 for shape in shapes):
        raise SourceError(checkpoint.path, f"{', '.join(keys)} are not all matrices")
    (vocabulary, width), (kinds, _), (_, inner) = shapes
    return DnaBert2Sizes(
        vocabulary=vocabulary,
        kinds=kinds,
        width=width,
        layers=checkpoint.count(re.escape(prefix) + r"encoder\.layer\.(\d+)\."),
        heads=checkpoint.heads(["num_attention_heads"], width, RELEASED_HEADS.get(width)),
        inner=inner,
        epsilon=checkpoint.number(["layer_norm_eps"], 1e-12),
    )
