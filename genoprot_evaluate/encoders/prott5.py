"""ProtT5-XL, the encoder of a T5 trained on UniRef50 proteins, through transformers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.checkpoint import Checkpoint, open_checkpoint, same_names
from genoprot_evaluate.encoders.compute import HALF_PRECISION
from genoprot_evaluate.encoders.pooled import (
    POOLINGS,
    PooledEncoder,
    check_layer,
    check_pooling,
)

__all__ = ["ProtT5"]

PAD, END, UNKNOWN = range(3)
TOKENS = {letter: number for number, letter in enumerate("ALGVSREDTIPKFQNYMHWCX", start=3)}
TOKENS |= dict.fromkeys("UZOB", TOKENS["X"])
EMBEDDINGS = ("shared.weight", "encoder.embed_tokens.weight")
BUCKETS = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
UNUSED = re.compile(r"(decoder|lm_head)\..*")


class ProtT5(PooledEncoder):
    """Mean over residues of the last states of ProtT5's encoder, ``</s>`` excluded.

    Sizes are read from the weights, which may bring a decoder along; ``relative_attention_max_distance``
    (128), ``layer_norm_epsilon`` (1e-6) and ``feed_forward_proj`` (relu) from ``config.json`` beside them
    where it states them. U, Z, O and B are read as X, any other letter that is no residue as ``<unk>``.

    Parameters
    ----------
    model : transformers.T5EncoderModel
    device : str, optional
    weights_digest : str, optional
    pooling : {"mean", "max"}
    layer : int, optional
        Layer whose states are read, 0 for the embeddings; by default the last one. Later layers are dropped,
        and so is the normalisation behind the last one.

    References
    ----------
    Elnaggar et al., "ProtTrans: Toward understanding the language of life through self-supervised
    learning", IEEE Transactions on Pattern Analysis and Machine Intelligence 2022.
    """

    spec: EncoderSpec = EncoderSpec(
        "prott5",
        modality="protein",
        dimension=1_024,
        title="ProtT5-XL-UniRef50, encoder of a denoising T5",
        licence="MIT",
        parameters=1_208_141_824,
        training="proteins of BFD, then of UniRef50",
        readout="mean over residues of the last layer of the encoder, </s> excluded",
        citation="Elnaggar et al., IEEE TPAMI 2022",
        weights_needed=True,
        source="huggingface.co/Rostlab/prot_t5_xl_half_uniref50-enc as safetensors",
    )
    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    batch_tokens: ClassVar[int] = 1 << 13
    dtypes: ClassVar[tuple[str, ...]] = HALF_PRECISION

    def __init__(
        self,
        model: torch.nn.Module,
        device: str | None = None,
        weights_digest: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> None:
        # There is no token in front of the sequence.
        self.pooling = check_pooling(pooling, POOLINGS[:2])
        layer = check_layer(layer, len(model.encoder.block))
        if layer is not None:
            model.encoder.block = model.encoder.block[:layer]
            model.encoder.final_layer_norm = torch.nn.Identity()
        self._adopt(model, device, weights_digest, layer, dimension=model.config.d_model)

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> ProtT5:
        """Load a safetensors file, or a folder with one or several and ``config.json``.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, or a shape differs.
        """
        from transformers import T5Config, T5EncoderModel
        from transformers.initialization import no_init_weights

        checkpoint = open_checkpoint(weights)
        with no_init_weights():
            model = T5EncoderModel(T5Config(**_sizes(checkpoint)))
        origins = same_names(model)
        # One table under two names, of which a file may keep only one.
        stored = [key for key in EMBEDDINGS if key in checkpoint.shapes] or EMBEDDINGS[:1]
        for key in EMBEDDINGS:
            if key not in stored:
                del origins[key]
        checkpoint.fit(model, origins, UNUSED, computed=EMBEDDINGS)
        table = model.get_parameter(stored[0])
        model.shared.weight = model.encoder.embed_tokens.weight = table
        return cls(model, device, checkpoint.digest, pooling, layer)

    def tokenize(self, sequence: str) -> list[int]:
        """Tokens with ``</s>`` at the end; lower case is ``<unk>``."""
        return [*(TOKENS.get(letter, UNKNOWN) for letter in sequence), END]

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map proteins to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty.
        """
        return self._vectors(
            self._states,
            [self.tokenize(sequence.upper()) for sequence in sequences],
            pad=PAD,
            margins=(0, 1),
        )

    def _states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state


def _sizes(checkpoint: Checkpoint) -> dict[str, Any]:
    table = next((key for key in EMBEDDINGS if key in checkpoint.shapes), EMBEDDINGS[0])
    block = "encoder.block.0.layer."
    gated = f"{block}1.DenseReluDense.wi_0.weight" in checkpoint.shapes
    keys = (
        table,
        f"{block}0.SelfAttention.q.weight",
        f"{block}1.DenseReluDense.wo.weight",
        BUCKETS,
    )
    shapes = [checkpoint.shape(key) for key in keys]
    if any(len(shape) != 2 for shape in shapes):
        raise SourceError(checkpoint.path, f"{', '.join(keys)} are not all matrices")
    (vocabulary, width), (attended, _), (_, inner), (buckets, heads) = shapes
    activation = checkpoint.option(["feed_forward_proj"], "gated-gelu" if gated else "relu")
    if activation not in ("relu", "gated-gelu"):
        raise SourceError(
            checkpoint.path, f"config.json: feed_forward_proj is {activation!r}, not 'relu' or 'gated-gelu'"
        )
    if attended % heads:
        raise SourceError(checkpoint.path, f"{heads} heads do not divide the width {attended}")
    return {
        "vocab_size": vocabulary,
        "d_model": width,
        "d_kv": attended // heads,
        "d_ff": inner,
        "num_layers": checkpoint.count(r"encoder\.block\.(\d+)\."),
        "num_heads": heads,
        "relative_attention_num_buckets": buckets,
        "relative_attention_max_distance": checkpoint.integer(["relative_attention_max_distance"], 128),
        "layer_norm_epsilon": checkpoint.number(["layer_norm_epsilon"], 1e-6),
        "feed_forward_proj": activation,
    }
