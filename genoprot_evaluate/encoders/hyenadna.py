"""HyenaDNA: a causal model of single bases with implicit long convolutions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.bases import PADDING, START, STOP, base_tokens
from genoprot_evaluate.encoders.checkpoint import Checkpoint, Origin, open_checkpoint
from genoprot_evaluate.encoders.compute import Placed, choose_device
from genoprot_evaluate.encoders.hyena_network import EPSILON, FLOOR, HyenaDNANetwork
from genoprot_evaluate.encoders.readout import causal_vectors, check_lengths, check_pooling
from genoprot_evaluate.encoders.shapes import shape_of

__all__ = ["Hyena1M", "Hyena160K", "Hyena450K", "HyenaDNA", "tokenize"]

SPECIAL = 2
PREFIXES = ("model.backbone.", "hyena.backbone.", "backbone.")
PLAIN = {"bidirectional": False, "normalized": False, "outer_mixing": False, "post_order_ffn": False}
PLAIN |= {"num_heads": 1, "num_blocks": 1, "inner_factor": 1, "activation": "id"}
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


class HyenaDNA(Placed):
    """Mean, or last, of the states of HyenaDNA over the bases, by default behind the final normalisation.

    No special tokens are read. Letters are upper-cased; those other than A, C, G, T and N are the model's
    unknown base.

    Parameters
    ----------
    network : HyenaDNANetwork
    pooling : {"mean", "last"}
    device : str, optional
    weights_digest : str, optional
    layer : int, optional
        Block behind which the states are read, 0 for the embeddings; by default those behind the final
        normalisation. Later blocks are dropped.

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
        layer: int | None = None,
    ) -> None:
        words = "final LayerNorm" if layer is None else f"block {layer}"
        if layer is not None:
            network.cut(layer)
        self.spec = replace(
            type(self).spec,
            dimension=network.embeddings["word_embeddings"].embedding_dim,
            context=network.longest - SPECIAL,
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            readout=f"{words}, {check_pooling(type(self).spec.name, pooling)}",
        )
        self.weights_digest = weights_digest
        self.device = choose_device(device)
        self.model = network.to(self.device)
        self._pooling = pooling

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        *,
        pooling: str = "mean",
        layer: int | None = None,
    ) -> HyenaDNA:
        """Load weights by the names of the -hf repositories or of the original ones.

        What the weights do not tell is read from ``config.json`` beside them, by its released names, on top
        or under ``layer``: ``layer_norm_epsilon`` (1e-5), ``modulate`` (true), ``shift`` (0.05) and
        ``use_bias`` (true). Operators may be of any order, which the weights tell.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, or a shape differs.
        """
        checkpoint = _with_layer_options(open_checkpoint(weights))
        names = _Names(checkpoint)
        with torch.device("meta"):
            network = HyenaDNANetwork(**names.sizes())
        checkpoint.fit(network, names.origins(network), UNUSED)
        if not checkpoint.flag("use_bias", True):
            for block in network.layers:
                block.mixer.filter_fn.bias.zero_()
        return cls(network, pooling, device, checkpoint.digest, layer)

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map DNA sequences to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty or beyond the context.
        """
        check_lengths(self.spec, sequences)
        return causal_vectors(
            lambda ids, mask: self.model(ids, None if mask.all() else mask),
            [base_tokens(sequence.upper()) for sequence in sequences],
            pooling=self._pooling,
            pad=PADDING,
            budget=self.batch_tokens,
            device=self.device,
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

    def sizes(self) -> dict[str, Any]:
        place = "layers.0.mixer."
        network = f"{place}filter_fn.implicit_filter."
        vocabulary, width = self._shape("embeddings.word_embeddings.weight", 2)
        order = self._order(max(2, self._shape(f"{place}in_proj.weight", 2)[0] // width - 1))
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
            "floor": self._floor(),
            "epsilon": self._checkpoint.number(["layer_norm_epsilon"], EPSILON),
            "order": order,
        }

    def _order(self, order: int) -> int:
        for name in ("order", "hyena_order"):
            stated = self._checkpoint.integer([name], order, least=2)
            if stated != order:
                raise SourceError(
                    self._checkpoint.path,
                    f"config.json: {name} is {stated}, but the weights are of order {order}",
                )
        return order

    def _floor(self) -> float | None:
        windowed = self._checkpoint.flag("modulate", True)
        return self._checkpoint.number(["shift"], FLOOR) if windowed else None

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


def _with_layer_options(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with the options of its ``layer`` on top, as the original configurations nest them."""
    layer = checkpoint.config.get("layer")
    config = {**checkpoint.config, **(layer if isinstance(layer, Mapping) else {})}
    checkpoint = replace(checkpoint, config=config)
    checkpoint.only(PLAIN)
    return checkpoint


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
        training="the human reference genome GRCh38",
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
