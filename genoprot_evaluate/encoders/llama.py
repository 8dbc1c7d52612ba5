"""Decoders of the Llama kind through transformers: GENERator over 6-mers of DNA, BSM over single bases."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.checkpoint import Checkpoint, open_checkpoint, same_names
from genoprot_evaluate.encoders.compute import HALF_PRECISION
from genoprot_evaluate.encoders.pooled import PooledEncoder, check_layer, check_pooling, pooled_readout
from genoprot_evaluate.encoders.readout import check_lengths
from genoprot_evaluate.encoders.shapes import shape_of
from genoprot_evaluate.encoders.tokenizer_file import TOKENIZER, read_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlamaModel

__all__ = ["BSM", "BSM110M", "BSM270M", "Generator", "Generator1B", "Generator3B", "sixmer_tokens"]

POOLINGS = ("mean", "max", "last")
MEAN = "mean over tokens of the normalised last layer, special tokens excluded"
UNUSED = re.compile(r"lm_head\.weight|.*\.rotary_emb\.inv_freq")
SIXMER = 6
UNKNOWN, START, PAD = 0, 1, 3
FIRST = 32
TOKENS = {
    "".join(letters): number
    for number, letters in enumerate(itertools.product("ATCG", repeat=SIXMER), start=FIRST)
}
BASES = "ACGT"


def sixmer_tokens(sequence: str) -> list[int]:
    """Tokens of GENERator without the start token.

    A sequence whose length is no multiple of six is filled up with A on its left, as the authors advise. A
    6-mer with any other letter than A, C, G and T is ``<oov>``.

    Examples
    --------
    >>> sixmer_tokens("A"), sixmer_tokens("CAAAAATTTTTN")
    ([32], [2080, 0])
    """
    whole = "A" * (-len(sequence) % SIXMER) + sequence
    return [TOKENS.get(whole[start : start + SIXMER], UNKNOWN) for start in range(0, len(whole), SIXMER)]


class _Llama(PooledEncoder):
    """Vectors of a Llama model's states; a family says how it tokenizes."""

    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    batch_tokens: ClassVar[int] = 1 << 13
    dtypes: ClassVar[tuple[str, ...]] = HALF_PRECISION
    pad: int
    margins: tuple[int, int]
    letters: int

    def _take(
        self, model: LlamaModel, device: str | None, digest: str | None, pooling: str, layer: int | None
    ) -> None:
        self.pooling = check_pooling(pooling, POOLINGS)
        layer = check_layer(layer, len(model.layers))
        if layer is not None:
            model.layers, model.norm = model.layers[:layer], torch.nn.Identity()
        positions = model.config.max_position_embeddings - sum(self.margins)
        self._adopt(
            model,
            device,
            digest,
            layer,
            readout=MEAN,
            dimension=model.config.hidden_size,
            context=max(1, self.letters * positions),
        )

    def tokenize(self, sequence: str) -> list[int]:
        """Tokens with the special ones."""
        raise NotImplementedError

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map DNA sequences to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty or beyond the context.
        """
        check_lengths(self.spec, sequences)
        return self._vectors(
            self._states,
            [self.tokenize(sequence.upper()) for sequence in sequences],
            pad=self.pad,
            margins=self.margins,
        )

    def _states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids, attention_mask=mask.long(), use_cache=False).last_hidden_state


class Generator(_Llama):
    """Last state of GENERator behind the final normalisation, that of the sequence's last 6-mer.

    The model reads ``<s>`` and 6-mers from the left. Sizes and options are those of ``config.json`` beside
    the weights.

    Parameters
    ----------
    model : transformers.LlamaModel
    device : str, optional
    weights_digest : str, optional
    pooling : {"last", "mean", "max"}
    layer : int, optional
        Layer whose states are read, 0 for the embeddings; by default the last one. Later layers are dropped,
        and so is the normalisation behind the last one.

    References
    ----------
    Wu et al., "GENERator: a long-context generative genomic foundation model", 2025.
    """

    spec: EncoderSpec
    pad: ClassVar[int] = PAD
    margins: ClassVar[tuple[int, int]] = (1, 0)
    letters: ClassVar[int] = SIXMER

    def __init__(
        self,
        model: LlamaModel,
        device: str | None = None,
        weights_digest: str | None = None,
        pooling: str = "last",
        layer: int | None = None,
    ) -> None:
        self._take(model, device, weights_digest, pooling, layer)

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        pooling: str = "last",
        layer: int | None = None,
    ) -> Generator:
        """Load a folder with safetensors weights and ``config.json``.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, a shape differs, or the
            vocabulary is not that of GENERator.
        """
        checkpoint = open_checkpoint(weights)
        model = _fitted(checkpoint, {})
        if model.config.vocab_size != FIRST + len(TOKENS):
            raise SourceError(
                checkpoint.path,
                f"{model.config.vocab_size:,} tokens; GENERator has {FIRST} special ones and {len(TOKENS):,} "
                "6-mers",
            )
        return cls(model, device, checkpoint.digest, pooling, layer)

    def tokenize(self, sequence: str) -> list[int]:
        """Tokens with ``<s>`` in front."""
        return [START, *sixmer_tokens(sequence)] if sequence else [START]


class BSM(_Llama):
    """Mean over bases of the last states of BSM behind the final normalisation, special tokens excluded.

    Needs the single-nucleotide ``tokenizer.json`` of the training beside the weights; special tokens that it
    adds are read and do not count. Without ``config.json`` the options are those of the published
    configuration of the weights' width.

    Parameters
    ----------
    model : transformers.LlamaModel
    tokenizer : tokenizers.Tokenizer
    device : str, optional
    weights_digest : str, optional
    pooling : {"mean", "max", "last"}
    layer : int, optional
        As of `Generator`.

    References
    ----------
    Xiang et al., "BSM: small but powerful biological sequence model for genes and proteins", 2024.
    """

    spec: EncoderSpec
    letters: ClassVar[int] = 1
    published: ClassVar[dict[int, int]] = {768: 12, 896: 16}
    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers", "tokenizers")

    def __init__(
        self,
        model: LlamaModel,
        tokenizer: Tokenizer,
        device: str | None = None,
        weights_digest: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> None:
        special = tokenizer.encode(BASES).special_tokens_mask
        self.margins = (special.index(0), special[::-1].index(0))
        self.pad = 0
        self._tokenizer = tokenizer
        self._take(model, device, weights_digest, pooling, layer)

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> BSM:
        """Load a folder with safetensors weights and ``tokenizer.json``.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, a shape differs, or the tokenizer
            does not fit or does not read single bases.
        """
        checkpoint = open_checkpoint(weights, beside=[TOKENIZER])
        rope = {"rope_type": "default", "rope_theta": 100_000.0}
        model = _fitted(
            checkpoint, cls.published, {"rope_parameters": rope, "max_position_embeddings": cls.spec.context}
        )
        tokenizer, path = read_tokenizer(checkpoint, model.config.vocab_size)
        encoded = tokenizer.encode(BASES)
        if sum(not special for special in encoded.special_tokens_mask) != len(BASES):
            raise SourceError(
                path, f"reads {BASES} as {', '.join(encoded.tokens)}; BSM has one token for each base"
            )
        return cls(model, tokenizer, device, checkpoint.digest, pooling, layer)

    def tokenize(self, sequence: str) -> list[int]:
        """Tokens with the special ones that the tokenizer adds."""
        return self._tokenizer.encode(sequence).ids


def _fitted(
    checkpoint: Checkpoint, heads: dict[int, int], options: dict[str, Any] | None = None
) -> LlamaModel:
    """Model of a checkpoint; heads by width and options hold where there is no configuration."""
    from transformers import LlamaConfig, LlamaModel
    from transformers.initialization import no_init_weights

    kind = checkpoint.option(["model_type"], "llama")
    if kind != "llama":
        raise SourceError(checkpoint.path, f"config.json: a model of type {kind!r}, not 'llama'")
    prefix = checkpoint.prefix("model.")
    first = f"{prefix}layers.0."
    vocabulary, width = shape_of(checkpoint, f"{prefix}embed_tokens.weight", 2)
    sizes = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": shape_of(checkpoint, f"{first}mlp.gate_proj.weight", 2)[0],
        "num_hidden_layers": checkpoint.count(re.escape(prefix) + r"layers\.(\d+)\."),
        "num_attention_heads": checkpoint.integer(["num_attention_heads"], heads.get(width)),
        "attention_bias": f"{first}self_attn.q_proj.bias" in checkpoint.shapes,
        "mlp_bias": f"{first}mlp.gate_proj.bias" in checkpoint.shapes,
    }
    stated = dict(checkpoint.config) or dict(options or {})
    head = stated.get("head_dim") or shape_of(checkpoint, f"{first}self_attn.q_proj.weight", 2)[0] // max(
        1, sizes["num_attention_heads"]
    )
    kept = shape_of(checkpoint, f"{first}self_attn.k_proj.weight", 2)[0] // max(1, head)
    try:
        config = LlamaConfig.from_dict(stated | sizes | {"head_dim": head, "num_key_value_heads": kept})
        with no_init_weights():
            model = LlamaModel(config)
    except Exception as error:  # transformers raises a different class for every option that does not fit
        reason = " ".join(str(error).split())[:200]
        raise SourceError(checkpoint.path, f"config.json does not fit the weights ({reason})") from None
    checkpoint.fit(model, same_names(model, prefix), UNUSED)
    return model


def _generator(size: str, dimension: int, parameters: int) -> EncoderSpec:
    return EncoderSpec(
        f"generator-{size}",
        modality="dna",
        dimension=dimension,
        context=98_298,
        title=f"GENERator eukaryote {size}, a decoder over 6-mers of DNA",
        licence="MIT",
        parameters=parameters,
        training="386 billion bases of the genes of eukaryotes in RefSeq",
        readout=pooled_readout(MEAN, "last"),
        citation="Wu et al., arXiv:2502.07272, 2025",
        weights_needed=True,
        source=f"huggingface.co/GenerTeam/GENERator-eukaryote-{size}-base",
        repository=f"GenerTeam/GENERator-eukaryote-{size}-base",
    )


def _bsm(size: str, dimension: int, parameters: int) -> EncoderSpec:
    return EncoderSpec(
        f"bsm-{size}",
        modality="dna",
        dimension=dimension,
        context=1_024,
        title=f"BSM {size.upper()}, a decoder over single bases",
        licence="not stated",
        parameters=parameters,
        training="RefSeq, gene-related sequences and interleaved sequences of the web",
        readout=MEAN,
        citation="Xiang et al., arXiv:2410.11499, 2024",
        weights_needed=True,
        source="none are published; a Llama of that configuration with the tokenizer.json of its training",
    )


class Generator1B(Generator):
    """GENERator eukaryote of 1.2 billion parameters."""

    spec = _generator("1.2b", 2_048, 1_200_000_000)


class Generator3B(Generator):
    """GENERator eukaryote of 3 billion parameters."""

    spec = _generator("3b", 3_072, 3_000_000_000)


class BSM110M(BSM):
    """BSM of 110 million parameters."""

    spec = _bsm("110m", 768, 113_400_000)


class BSM270M(BSM):
    """BSM of 270 million parameters."""

    spec = _bsm("270m", 896, 257_000_000)
