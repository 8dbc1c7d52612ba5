"""LucaOne: one masked language model of nucleic acids and proteins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders.attention import rotary_angles, rotary_attention, visible_keys
from genoprot_evaluate.encoders.base import EncoderSpec, resolve_view
from genoprot_evaluate.encoders.checkpoint import Checkpoint, Origin, open_checkpoint
from genoprot_evaluate.encoders.compute import HALF_PRECISION
from genoprot_evaluate.encoders.joined import JoinedViews
from genoprot_evaluate.encoders.pooled import (
    PooledEncoder,
    check_layer,
    check_pooling,
)

__all__ = ["LucaOne", "LucaOneNetwork", "LucaOneSizes"]

PAD, UNKNOWN, CLS, SEP, MASK = range(5)
MASKED = 0.15 * 0.8
BASES = {"A": 5, "T": 6, "U": 6, "C": 7, "G": 8}
BASES |= {letter.lower(): number for letter, number in BASES.items()}
OTHER_BASE = 9
RESIDUES = {letter: number for number, letter in enumerate("LAGVSERTIDPKQNFYMHWCXBUZOJ.-*", start=10)}
KINDS = {"dna": 0, "protein": 1}
UNITS = {"dna": "bases", "protein": "residues"}
HEAD_WIDTH = 64
EPSILON = 1e-5
UNUSED = re.compile(
    r"(module\.)?(lm_head\..*|contact_head\..*|(cls|hidden_layer|classifier|output)_list\..*)"
    r"|.*\.self_attn\.rot_emb\.inv_freq"
)


@dataclass(frozen=True)
class LucaOneSizes:
    """Sizes and options of a LucaOne network.

    Parameters
    ----------
    vocabulary, width, layers, heads, inner : int
    kinds : int
        Token types; 0 for a network without them.
    positions : int
        Rows of the table of position embeddings; 0 for none, as released.
    input_norm, output_norm : bool
        Whether embeddings and last states are normalised; released: only the latter.
    scale : float
        Factor of all embeddings.
    token_dropout : bool
        Whether embeddings of ``[MASK]`` are zeros and the others rescaled, as in training; released: not.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    inner: int
    kinds: int = 2
    positions: int = 0
    input_norm: bool = False
    output_norm: bool = True
    scale: float = 1.0
    token_dropout: bool = False


class _Embeddings(nn.Module):
    def __init__(self, sizes: LucaOneSizes) -> None:
        super().__init__()
        self.scale = sizes.scale
        self.token_dropout = sizes.token_dropout
        self.embed_tokens = nn.Embedding(sizes.vocabulary, sizes.width)
        self.embed_type = nn.Embedding(sizes.kinds, sizes.width) if sizes.kinds else None
        self.embed_pos = nn.Embedding(sizes.positions, sizes.width) if sizes.positions else None
        self.embed_layer_norm = nn.LayerNorm(sizes.width, eps=EPSILON) if sizes.input_norm else None

    def forward(self, ids: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        states = self.embed_tokens(ids)
        if self.embed_type is not None:
            states = states + self.embed_type(kinds)
        if self.embed_pos is not None:
            states = states + self.embed_pos.weight[: ids.shape[1]]
        states = self.scale * states
        if self.embed_layer_norm is not None:
            states = self.embed_layer_norm(states)
        if self.token_dropout:
            masked = ids == MASK
            share = masked.sum(dim=1, keepdim=True) / (ids != PAD).sum(dim=1, keepdim=True)
            states = states.masked_fill(masked[:, :, None], 0.0) * ((1 - MASKED) / (1 - share))[:, :, None]
        return states.masked_fill((ids == PAD)[:, :, None], 0.0)


class _Attention(nn.Module):
    def __init__(self, sizes: LucaOneSizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            self.add_module(part, nn.Linear(sizes.width, sizes.width))


class _Layer(nn.Module):
    def __init__(self, sizes: LucaOneSizes) -> None:
        super().__init__()
        self.pre_layer_norm = nn.LayerNorm(sizes.width, eps=EPSILON)
        self.self_attn = _Attention(sizes)
        self.post_layer_norm = nn.LayerNorm(sizes.width, eps=EPSILON)
        self.fc1 = nn.Linear(sizes.width, sizes.inner)
        self.fc2 = nn.Linear(sizes.inner, sizes.width)

    def forward(
        self,
        states: torch.Tensor,
        angles: tuple[torch.Tensor, torch.Tensor],
        keys: torch.Tensor | None,
    ) -> torch.Tensor:
        of, inner = self.self_attn, self.pre_layer_norm(states)
        attended = rotary_attention(
            of.q_proj(inner), of.k_proj(inner), of.v_proj(inner), of.heads, angles, keys
        )
        states = states + of.out_proj(attended)
        return states + self.fc2(functional.gelu(self.fc1(self.post_layer_norm(states))))


class _Encoder(nn.Module):
    def __init__(self, sizes: LucaOneSizes) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(sizes) for _ in range(sizes.layers))
        self.last_layer_norm = nn.LayerNorm(sizes.width, eps=EPSILON) if sizes.output_norm else nn.Identity()


class LucaOneNetwork(nn.Module):
    """The transformer of LucaOne, its parameters named as in the transformers layout.

    Parameters
    ----------
    sizes : LucaOneSizes
    """

    def __init__(self, sizes: LucaOneSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embeddings = _Embeddings(sizes)
        self.encoder = _Encoder(sizes)

    def forward(self, ids: torch.Tensor, kinds: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Last states.

        Parameters
        ----------
        ids, kinds : torch.Tensor, shape=(n, length), dtype=int64
            Tokens, and 0 for nucleic acids or 1 for proteins.
        mask : torch.Tensor, shape=(n, length), dtype=bool
            True where a token is.

        Returns
        -------
        torch.Tensor, shape=(n, length, width)
        """
        states = self.embeddings(ids, kinds)
        angles = rotary_angles(ids.shape[1], self.sizes.width // self.sizes.heads, like=states)
        keys = visible_keys(mask)
        for layer in self.encoder.layers:
            states = layer(states, angles, keys)
        return self.encoder.last_layer_norm(states)


class LucaOne(PooledEncoder):
    """Mean over residues or bases of LucaOne's last states, ``[CLS]`` and ``[SEP]`` excluded.

    It reads DNA, in which every letter but A, C, G, T and U is its unknown base, or proteins; the encoder is
    named after what it reads, `lucaone-dna` or `lucaone-protein`; `lucaone-both` joins the two.

    Reads the names of transformers (``lucaone.encoder.layers.0.fc1.weight``) and the original ones
    (``layers.0.fc1.weight``, with or without ``module.``). Sizes are read from the weights. Heads and
    options are those of ``config.json`` beside them where it states them; without it, heads are as wide as
    the stored rotary frequencies tell, else 64, and an option is on where its weights are there.

    Parameters
    ----------
    network : LucaOneNetwork
    modality : {"dna", "protein"}
    device : str, optional
    weights_digest : str, optional
    pooling : {"mean", "max", "cls"}
    layer : int, optional
        Layer whose states are read, 0 for the embeddings; by default the last one. Later layers are dropped,
        and so is the normalisation behind the last one.

    References
    ----------
    He et al., "Generalized biological foundation model with unified nucleic acid and protein language",
    Nature Machine Intelligence 2025.
    """

    spec: ClassVar[EncoderSpec] = EncoderSpec(
        "lucaone",
        modality="both",
        dimension=2_560,
        context=4_094,
        title="LucaOne, masked language model of nucleic acids and proteins of 169,861 species",
        licence="MIT",
        parameters=1_573_639_680,
        training="nucleic acids of RefSeq, proteins of UniProt and metagenomes, and their annotations",
        readout="mean over residues or bases of the last layer, [CLS] and [SEP] excluded",
        citation="He et al., Nature Machine Intelligence 2025",
        weights_needed=True,
        source="huggingface.co/LucaGroup/LucaOne-default-step36M",
        repository="LucaGroup/LucaOne-default-step36M",
    )
    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    batch_tokens: ClassVar[int] = 1 << 14
    dtypes: ClassVar[tuple[str, ...]] = HALF_PRECISION

    def __init__(
        self,
        network: LucaOneNetwork,
        modality: str,
        device: str | None = None,
        weights_digest: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> None:
        self.pooling = check_pooling(pooling)
        layer = check_layer(layer, len(network.encoder.layers))
        if layer is not None:
            network.encoder.layers = network.encoder.layers[:layer]
            network.encoder.last_layer_norm = nn.Identity()
        spec, positions = type(self).spec, network.sizes.positions
        view = resolve_view(spec, modality)
        self._adopt(
            network,
            device,
            weights_digest,
            layer,
            dimension=network.sizes.width,
            name=f"{spec.name}-{view}",
            modality=view,
            title=f"{spec.title}, as {view}",
            context=min(spec.context, max(1, positions - 2)) if positions else spec.context,
            readout=spec.readout.replace("residues or bases", UNITS[view]),
        )

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
        *,
        modality: str | None = None,
    ) -> LucaOne | JoinedViews:
        """Load a safetensors file, or a folder with one or several and ``config.json``.

        Parameters
        ----------
        weights, device, pooling, layer
        modality : {"dna", "protein", "both"}
            With "both", vectors of DNA and protein of a record are joined; there is one copy of the weights.

        Raises
        ------
        GenoProtError
            If the modality is none of these.
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, or a shape differs.
        """
        view = resolve_view(cls.spec, modality)
        checkpoint = open_checkpoint(weights)
        embeddings, encoder = _prefixes(checkpoint)
        with torch.device("meta"):
            network = LucaOneNetwork(_sizes(checkpoint, embeddings, encoder))
        origins = {_file_name(key, embeddings, encoder): Origin((key,)) for key in network.state_dict()}
        checkpoint.fit(network, origins, UNUSED)
        if view == "both":
            dna = cls(network, "dna", device, checkpoint.digest, pooling, layer)
            # The layers above the one that is read are gone already.
            protein = cls(dna.model, "protein", device, checkpoint.digest, pooling)
            protein.spec = replace(protein.spec, readout=dna.spec.readout.replace(*UNITS.values()))
            return JoinedViews(dna, protein, f"{cls.spec.name}-both")
        return cls(network, view, device, checkpoint.digest, pooling, layer)

    def tokenize(self, sequence: str) -> list[int]:
        """Tokens with ``[CLS]`` and ``[SEP]``; lower case is read in DNA, in proteins it is ``[UNK]``."""
        if self.spec.modality == "dna":
            return [CLS, *(BASES.get(letter, OTHER_BASE) for letter in sequence), SEP]
        return [CLS, *(RESIDUES.get(letter, UNKNOWN) for letter in sequence), SEP]

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map sequences to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty, or longer than the table of position embeddings where there is one.
        """
        positions = self.model.sizes.positions
        if positions and max(map(len, sequences)) > positions - 2:
            raise GenoProtError(
                f"encoder {self.spec.name}: these weights have positions for {positions - 2} letters; "
                "split longer sequences"
            )
        kind = KINDS[self.spec.modality]
        return self._vectors(
            lambda ids, mask: self.model(ids, torch.full_like(ids, kind), mask),
            [self.tokenize(sequence.upper()) for sequence in sequences],
            pad=PAD,
            margins=(1, 1),
        )


def _prefixes(checkpoint: Checkpoint) -> tuple[str, str]:
    """What precedes the names of embeddings and of layers."""
    if checkpoint.prefix("lucaone.", "embeddings."):
        outer = checkpoint.prefix("lucaone.")
        return f"{outer}embeddings.", f"{outer}encoder."
    outer = checkpoint.prefix("module.")
    return outer, outer


def _file_name(key: str, embeddings: str, encoder: str) -> str:
    part, _, rest = key.partition(".")
    return (embeddings if part == "embeddings" else encoder) + rest


def _sizes(checkpoint: Checkpoint, embeddings: str, encoder: str) -> LucaOneSizes:
    tokens, inner = f"{embeddings}embed_tokens.weight", f"{encoder}layers.0.fc1.weight"
    shapes = checkpoint.shape(tokens), checkpoint.shape(inner)
    if any(len(shape) != 2 for shape in shapes):
        raise SourceError(checkpoint.path, f"{tokens} and {inner} are not two matrices")
    (vocabulary, width), (hidden, _) = shapes
    frequencies = checkpoint.shapes.get(f"{encoder}layers.0.self_attn.rot_emb.inv_freq")
    head_width = 2 * frequencies[0] if frequencies else HEAD_WIDTH

    def rows(name: str, names: Sequence[str], on: bool) -> int:
        """Rows of a table that the configuration may turn off; those it states where the file has none."""
        stated = checkpoint.option([f"no_{names[0]}"])
        found = checkpoint.shapes.get(f"{embeddings}{name}.weight")
        if stated or (stated is None and found is None and not on):
            return 0
        return found[0] if found else checkpoint.integer([names[1]], 1)

    def norm(option: str, name: str, on: bool) -> bool:
        return bool(checkpoint.option([option], on or f"{name}.weight" in checkpoint.shapes))

    return LucaOneSizes(
        vocabulary=vocabulary,
        width=width,
        layers=checkpoint.count(re.escape(encoder) + r"layers\.(\d+)\."),
        heads=checkpoint.heads(["num_attention_heads"], width, max(1, width // head_width)),
        inner=hidden,
        kinds=rows("embed_type", ("token_type_embeddings", "type_vocab_size"), on=True),
        positions=rows("embed_pos", ("position_embeddings", "max_position_embeddings"), on=False),
        input_norm=norm("use_embed_layer_norm", f"{embeddings}embed_layer_norm", on=False),
        output_norm=norm("use_last_layer_norm", f"{encoder}last_layer_norm", on=True),
        scale=checkpoint.number(["embed_scale"], 1.0),
        token_dropout=checkpoint.flag("token_dropout", False),
    )
