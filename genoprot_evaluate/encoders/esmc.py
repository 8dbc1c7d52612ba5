"""ESM Cambrian, protein language models of 300 and 600 million parameters, through transformers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.checkpoint import Checkpoint, Origin, open_checkpoint, same_names
from genoprot_evaluate.encoders.compute import HALF_PRECISION
from genoprot_evaluate.encoders.esmc_package import PackagedEsmc
from genoprot_evaluate.encoders.pooled import (
    PooledEncoder,
    check_layer,
    check_pooling,
)
from genoprot_evaluate.encoders.residues import PAD, residue_tokens, upper_residues

__all__ = ["EsmC", "EsmC300M", "EsmC600M", "PackagedEsmC", "PackagedEsmC300M", "PackagedEsmC600M"]

CHAIN_BREAK = {"|": 31}
RELEASED_HEADS = {960: 15, 1152: 18, 2560: 40}
UNUSED = re.compile(r"(lm_head\.(dense|layer_norm|decoder)|sequence_head\.[023])\.(weight|bias)|.*inv_freq")


class EsmC(PooledEncoder):
    """Mean over residues of the normalised last states of ESM C, ``<cls>`` and ``<eos>`` excluded.

    Reads the names of transformers (``esmc.layers.0.self_attn.q_proj.weight``) and those of the first
    release (``transformer.blocks.0.attn.layernorm_qkv.1.weight``). Sizes are read from the weights; the
    number of heads from ``config.json`` beside them (``num_attention_heads`` or ``n_heads``), which only
    the released widths can do without. Letters that are no residue are ``<unk>``.

    Parameters
    ----------
    model : transformers.EsmcModel
    device : str, optional
    weights_digest : str, optional
    pooling : {"mean", "max", "cls"}
    layer : int, optional
        Layer whose states are read, 0 for the embeddings; by default the last one. Later layers are dropped,
        and so is the normalisation behind the last one.
    licence : str, optional
        Licence of these weights where it is not the one of `spec`.

    References
    ----------
    ESM Team, "ESM Cambrian: Revealing the mysteries of proteins with unsupervised learning", 2024.
    """

    spec: EncoderSpec
    first_licence: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    batch_tokens: ClassVar[int] = 1 << 14
    dtypes: ClassVar[tuple[str, ...]] = HALF_PRECISION

    def __init__(
        self,
        model: torch.nn.Module,
        device: str | None = None,
        weights_digest: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
        licence: str | None = None,
    ) -> None:
        self.pooling = check_pooling(pooling)
        layer = check_layer(layer, len(model.layers))
        if layer is not None:
            self._cut(model, layer)
        licence = licence or type(self).spec.licence
        self._adopt(model, device, weights_digest, layer, dimension=model.config.hidden_size, licence=licence)

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> EsmC:
        """Load a safetensors file, or a folder with one or several and ``config.json``.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, a shape differs, or the number
            of heads is not known.
        """
        checkpoint = open_checkpoint(weights)
        first_release = bool(checkpoint.prefix("transformer.", "embed.weight"))
        model, origins = cls._network(_sizes(checkpoint, first_release), first_release, checkpoint)
        checkpoint.fit(model, origins, UNUSED)
        licence = cls.first_licence if first_release else None
        return cls(model, device, checkpoint.digest, pooling, layer, licence)

    @staticmethod
    def _cut(model: torch.nn.Module, layer: int) -> None:
        model.layers, model.norm = model.layers[:layer], torch.nn.Identity()

    @classmethod
    def _network(
        cls, sizes: dict[str, Any], first_release: bool, checkpoint: Checkpoint
    ) -> tuple[torch.nn.Module, dict[str, Origin]]:
        """Network of some sizes, and where its parameters are in a checkpoint."""
        from transformers import EsmcConfig, EsmcModel
        from transformers.initialization import no_init_weights

        with no_init_weights():
            model = EsmcModel(EsmcConfig(**sizes))
        if first_release:
            return model, _first_release(sizes["num_hidden_layers"])
        return model, same_names(model, checkpoint.prefix("esmc."))

    def tokenize(self, sequence: str) -> list[int]:
        """Tokens with ``<cls>`` and ``<eos>``; lower case is ``<unk>``, as in the official tokenizer."""
        return residue_tokens(sequence, CHAIN_BREAK)

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map proteins to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty.
        """
        return self._vectors(
            self._states,
            [self.tokenize(upper_residues(sequence)) for sequence in sequences],
            pad=PAD,
            margins=(1, 1),
        )

    def _states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state


class PackagedEsmC(EsmC):
    """ESM C through the package `esm` of its authors instead of transformers, weights of the first release.

    Named by its place, ``genoprot_evaluate.encoders.esmc:PackagedEsmC300M``; everything but the network is
    the same.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch", "esm")

    @staticmethod
    def _cut(model: PackagedEsmc, layer: int) -> None:
        model.cut(layer)

    @classmethod
    def _network(
        cls, sizes: dict[str, Any], first_release: bool, checkpoint: Checkpoint
    ) -> tuple[torch.nn.Module, dict[str, Origin]]:
        if not first_release:
            raise SourceError(
                checkpoint.path,
                "weights by the names of transformers; the package esm has names of its own",
            )
        model = PackagedEsmc(sizes["hidden_size"], sizes["num_attention_heads"], sizes["num_hidden_layers"])
        return model, {key.removeprefix("network."): Origin((key,)) for key in model.state_dict()}


def _spec(name: str, dimension: int, parameters: int) -> EncoderSpec:
    return EncoderSpec(
        f"esmc-{name.lower()}",
        modality="protein",
        dimension=dimension,
        context=2_048,
        title=f"ESM Cambrian {name}, masked language model of UniRef, MGnify and JGI proteins",
        licence="MIT",
        parameters=parameters,
        training="proteins of UniRef, MGnify and the Joint Genome Institute",
        readout="mean over residues of the normalised last layer, <cls> and <eos> excluded",
        citation="ESM Team, 2024, evolutionaryscale.ai/blog/esm-cambrian",
        weights_needed=True,
        source=f"huggingface.co/biohub/ESMC-{name}",
        repository=f"biohub/ESMC-{name}",
    )


class EsmC300M(EsmC):
    """ESM Cambrian 300M."""

    spec = _spec("300M", 960, 332_011_200)
    first_licence = "Cambrian Open"


class EsmC600M(EsmC):
    """ESM Cambrian 600M."""

    spec = _spec("600M", 1_152, 573_632_640)
    first_licence = "Cambrian Non-Commercial"


class PackagedEsmC300M(PackagedEsmC):
    """ESM Cambrian 300M through the package `esm`."""

    spec = replace(EsmC300M.spec, licence=EsmC300M.first_licence, repository="")
    first_licence = EsmC300M.first_licence


class PackagedEsmC600M(PackagedEsmC):
    """ESM Cambrian 600M through the package `esm`."""

    spec = replace(EsmC600M.spec, licence=EsmC600M.first_licence, repository="")
    first_licence = EsmC600M.first_licence


def _sizes(checkpoint: Checkpoint, first_release: bool) -> dict[str, Any]:
    prefix = "transformer.blocks" if first_release else checkpoint.prefix("esmc.") + "layers"
    embedding = "embed.weight" if first_release else checkpoint.prefix("esmc.") + "embed_tokens.weight"
    down = f"{prefix}.0.ffn.3.weight" if first_release else f"{prefix}.0.mlp.down_proj.weight"
    shapes = checkpoint.shape(embedding), checkpoint.shape(down)
    if any(len(shape) != 2 for shape in shapes):
        raise SourceError(checkpoint.path, f"{embedding} and {down} are not two matrices")
    (vocabulary, width), (_, inner) = shapes
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": checkpoint.count(re.escape(prefix) + r"\.(\d+)\."),
        "num_attention_heads": checkpoint.heads(
            ("num_attention_heads", "n_heads"), width, RELEASED_HEADS.get(width)
        ),
        "rope_parameters": checkpoint.option(["rope_parameters"]),
    }


def _first_release(layers: int) -> dict[str, Origin]:
    """Parameters of transformers by the names of the first release."""
    origins = {
        "embed.weight": Origin(("embed_tokens.weight",)),
        "transformer.norm.weight": Origin(("norm.weight",)),
    }
    for layer in range(layers):
        there, here = f"transformer.blocks.{layer}", f"layers.{layer}"
        attention = f"{here}.self_attn"
        origins |= {
            f"{there}.attn.layernorm_qkv.0.weight": Origin((f"{here}.input_layernorm.weight",)),
            f"{there}.attn.layernorm_qkv.0.bias": Origin((f"{here}.input_layernorm.bias",)),
            f"{there}.attn.layernorm_qkv.1.weight": Origin(
                tuple(f"{attention}.{part}_proj.weight" for part in "qkv")
            ),
            f"{there}.attn.q_ln.weight": Origin((f"{attention}.q_norm.weight",)),
            f"{there}.attn.k_ln.weight": Origin((f"{attention}.k_norm.weight",)),
            f"{there}.attn.out_proj.weight": Origin((f"{attention}.o_proj.weight",)),
            f"{there}.ffn.0.weight": Origin((f"{here}.post_attention_layernorm.weight",)),
            f"{there}.ffn.0.bias": Origin((f"{here}.post_attention_layernorm.bias",)),
            f"{there}.ffn.1.weight": Origin((f"{here}.mlp.gate_proj.weight", f"{here}.mlp.up_proj.weight")),
            f"{there}.ffn.3.weight": Origin((f"{here}.mlp.down_proj.weight",)),
        }
    return origins
