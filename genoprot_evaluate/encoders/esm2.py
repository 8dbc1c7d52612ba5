"""ESM-2, protein language models of 8 million to 15 billion parameters, through transformers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.checkpoint import Checkpoint, Origin, open_checkpoint, same_names
from genoprot_evaluate.encoders.compute import HALF_PRECISION
from genoprot_evaluate.encoders.pooled import (
    PooledEncoder,
    check_layer,
    check_pooling,
)
from genoprot_evaluate.encoders.residues import MASK, PAD, residue_tokens, upper_residues

__all__ = ["Esm2", "Esm2B3", "Esm2B15", "Esm2M8", "Esm2M35", "Esm2M150", "Esm2M650"]

RELEASED_HEADS = {320: 20, 480: 20, 640: 20, 1280: 20, 2560: 40, 5120: 40}
FREQUENCIES = "rotary_embeddings.inv_freq"
UNUSED = re.compile(
    r"lm_head\..*|(esm\.)?contact_head\.regression\.(weight|bias)|(esm\.)?pooler\.dense\.(weight|bias)"
    r"|(esm\.)?embeddings\.(position_ids|position_embeddings\.weight)|.*inv_freq"
)

# Names of the parts of a layer: in transformers, in fair-esm.
LAYER = (
    ("attention.self.query", "self_attn.q_proj"),
    ("attention.self.key", "self_attn.k_proj"),
    ("attention.self.value", "self_attn.v_proj"),
    ("attention.output.dense", "self_attn.out_proj"),
    ("attention.LayerNorm", "self_attn_layer_norm"),
    ("LayerNorm", "final_layer_norm"),
    ("intermediate.dense", "fc1"),
    ("output.dense", "fc2"),
)


class Esm2(PooledEncoder):
    """Mean over residues of the normalised last states of ESM-2, ``<cls>`` and ``<eos>`` excluded.

    Reads the names of transformers (``esm.encoder.layer.0.attention.self.query.weight``) and those of
    fair-esm (``layers.0.self_attn.q_proj.weight``). Sizes are read from the weights; the number of heads
    and the option ``token_dropout`` (on when left out) from ``config.json`` beside them. Without it, heads
    are as wide as the stored rotary frequencies tell, else those of the released width. Letters that are no
    residue are ``<unk>``.

    Parameters
    ----------
    model : transformers.EsmModel
    device : str, optional
    weights_digest : str, optional
    pooling : {"mean", "max", "cls"}
    layer : int, optional
        Layer whose states are read, 0 for the embeddings; by default the last one. Later layers are dropped,
        and so is the normalisation behind the last one.

    References
    ----------
    Lin et al., "Evolutionary-scale prediction of atomic-level protein structure with a language model",
    Science 2023.
    """

    spec: EncoderSpec
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
    ) -> None:
        self.pooling = check_pooling(pooling)
        layer = check_layer(layer, len(model.encoder.layer))
        if layer is not None:
            model.encoder.layer = model.encoder.layer[:layer]
            model.encoder.emb_layer_norm_after = torch.nn.Identity()
        self._adopt(model, device, weights_digest, layer, dimension=model.config.hidden_size)

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> Esm2:
        """Load a safetensors file, or a folder with one or several and ``config.json``.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, a shape differs, or the number
            of heads is not known.
        """
        from transformers import EsmConfig, EsmModel
        from transformers.initialization import no_init_weights

        checkpoint = open_checkpoint(weights)
        fair = bool(checkpoint.prefix("embed_tokens.", "layers."))
        config = EsmConfig(**_sizes(checkpoint, fair))
        with no_init_weights():
            model = EsmModel(config, add_pooling_layer=False)
        # The head sees attention maps only, and some checkpoints are without it.
        del model.contact_head
        origins = _origins(model, config.num_hidden_layers, checkpoint.prefix("esm."), fair)
        stored = _frequencies(checkpoint, fair)
        if stored:
            origins[stored] = Origin((FREQUENCIES,))
        checkpoint.fit(model, origins, UNUSED, computed=[FREQUENCIES])
        return cls(model, device, checkpoint.digest, pooling, layer)

    def tokenize(self, sequence: str) -> list[int]:
        """Tokens with ``<cls>`` and ``<eos>``; lower case is ``<unk>``."""
        return residue_tokens(sequence)

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


def _spec(layers: int, size: str, dimension: int, parameters: int) -> EncoderSpec:
    return EncoderSpec(
        f"esm2-{size.lower()}",
        modality="protein",
        dimension=dimension,
        context=1_022,
        title=f"ESM-2 {size}, masked language model of UniRef50 and UniRef90",
        licence="MIT",
        parameters=parameters,
        training="proteins of UniRef50, drawn through their UniRef90 members",
        readout="mean over residues of the normalised last layer, <cls> and <eos> excluded",
        citation="Lin et al., Science 2023",
        weights_needed=True,
        source=f"huggingface.co/facebook/esm2_t{layers}_{size}_UR50D",
        repository=f"facebook/esm2_t{layers}_{size}_UR50D",
    )


class Esm2M8(Esm2):
    """ESM-2 of 8 million parameters."""

    spec = _spec(6, "8M", 320, 7_408_960)


class Esm2M35(Esm2):
    """ESM-2 of 35 million parameters."""

    spec = _spec(12, "35M", 480, 33_269_280)


class Esm2M150(Esm2):
    """ESM-2 of 150 million parameters."""

    spec = _spec(30, "150M", 640, 147_728_000)


class Esm2M650(Esm2):
    """ESM-2 of 650 million parameters."""

    spec = _spec(33, "650M", 1_280, 649_400_320)


class Esm2B3(Esm2):
    """ESM-2 of 3 billion parameters."""

    spec = _spec(36, "3B", 2_560, 2_832_442_880)


class Esm2B15(Esm2):
    """ESM-2 of 15 billion parameters."""

    spec = _spec(48, "15B", 5_120, 15_102_868_480)


def _layers(checkpoint: Checkpoint, fair: bool) -> str:
    return "layers" if fair else f"{checkpoint.prefix('esm.')}encoder.layer"


def _frequencies(checkpoint: Checkpoint, fair: bool) -> str | None:
    """Key of the rotary frequencies where the file has them; all layers have the same."""
    own = "self_attn.rot_emb" if fair else "attention.self.rotary_embeddings"
    candidates = (
        f"{_layers(checkpoint, fair)}.0.{own}.inv_freq",
        f"{checkpoint.prefix('esm.')}{FREQUENCIES}",
    )
    return next((key for key in candidates if len(checkpoint.shapes.get(key, ())) == 1), None)


def _sizes(checkpoint: Checkpoint, fair: bool) -> dict[str, Any]:
    start = checkpoint.prefix("esm.")
    layers = _layers(checkpoint, fair)
    tokens = "embed_tokens.weight" if fair else f"{start}embeddings.word_embeddings.weight"
    inner = f"{layers}.0.fc1.weight" if fair else f"{layers}.0.intermediate.dense.weight"
    shapes = checkpoint.shape(tokens), checkpoint.shape(inner)
    if any(len(shape) != 2 for shape in shapes):
        raise SourceError(checkpoint.path, f"{tokens} and {inner} are not two matrices")
    positions = checkpoint.option(["position_embedding_type"], "rotary")
    if positions != "rotary":
        raise SourceError(
            checkpoint.path, f"config.json: {positions} positions, as of ESM-1b; ESM-2 has rotary ones"
        )
    (vocabulary, width), (hidden, _) = shapes
    stored = _frequencies(checkpoint, fair)
    heads = width // max(1, 2 * checkpoint.shapes[stored][0]) if stored else RELEASED_HEADS.get(width)
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": hidden,
        "num_hidden_layers": checkpoint.count(re.escape(layers) + r"\.(\d+)\."),
        "num_attention_heads": checkpoint.heads(
            ("num_attention_heads", "attention_heads", "heads"), width, heads
        ),
        "position_embedding_type": positions,
        "token_dropout": bool(checkpoint.option(["token_dropout"], True)),
        "layer_norm_eps": checkpoint.number(["layer_norm_eps"], 1e-5),
        "emb_layer_norm_before": bool(checkpoint.option(["emb_layer_norm_before"], False)),
        "pad_token_id": PAD,
        "mask_token_id": MASK,
    }


def _origins(model: torch.nn.Module, layers: int, prefix: str, fair: bool) -> dict[str, Origin]:
    if not fair:
        origins = same_names(model, prefix)
        del origins[prefix + FREQUENCIES]
        return origins
    parts = [("encoder.emb_layer_norm_after", "emb_layer_norm_after")]
    for layer in range(layers):
        parts += [(f"encoder.layer.{layer}.{here}", f"layers.{layer}.{there}") for here, there in LAYER]
    return {"embed_tokens.weight": Origin(("embeddings.word_embeddings.weight",))} | {
        f"{there}.{field}": Origin((f"{here}.{field}",))
        for here, there in parts
        for field in ("weight", "bias")
    }
