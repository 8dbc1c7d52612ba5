"""Evo: StripedHyena over the bytes of DNA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.checkpoint import open_checkpoint
from genoprot_evaluate.encoders.compute import Placed, choose_device
from genoprot_evaluate.encoders.readout import causal_vectors, check_lengths, check_pooling
from genoprot_evaluate.encoders.striped_checkpoint import Released, fit_network
from genoprot_evaluate.encoders.stripedhyena import StripedHyena, layer_depth

__all__ = ["Evo", "tokenize"]

PADDING = 1
TRAINED_CONTEXT = 8_192
STRANDS = {"forward": "forward strand", "both": "forward and reverse strand joined"}
COMPLEMENT = str.maketrans("ACGTRYKMBDHV", "TGCAYRMKVHDB")


def tokenize(sequence: str) -> list[int]:
    """Tokens of a sequence: its bytes, nothing added.

    Examples
    --------
    >>> tokenize("ACGTN")
    [65, 67, 71, 84, 78]
    """
    return list(sequence.encode("utf-8"))


class Evo(Placed):
    """Mean, or last, state of a layer of Evo over the bases, by default of the final normalisation.

    Letters are upper-cased and read as bytes; no special tokens are added. On a device with bfloat16
    arithmetic the network computes in it, as released, with filters and rotary frequencies in fp32; elsewhere
    all of it is fp32.

    Parameters
    ----------
    network : StripedHyena
    layer : str, optional
        ``norm``, ``blocks.N`` or ``blocks.N.mlp.l3``.
    pooling : {"mean", "last"}
    strands : {"forward", "both"}
        Whether the vector of the reverse complement is joined to that of the sequence.
    device : str, optional
    dtype : torch.dtype, optional
        Overrides the choice by the device.
    weights_digest : str, optional

    References
    ----------
    Nguyen et al., "Sequence modeling and design from molecular to genome scale with Evo", Science 2024.
    """

    spec: ClassVar[EncoderSpec] = EncoderSpec(
        "evo",
        modality="dna",
        dimension=4_096,
        context=131_072,
        title="Evo 1, StripedHyena trained on prokaryotic and phage genomes, 131 kb",
        licence="Apache-2.0",
        parameters=6_452_781_056,
        training="OpenGenome, the genomes of bacteria, archaea, phages and plasmids",
        readout="norm, mean over positions, forward strand",
        citation="Nguyen et al., Science 2024",
        weights_needed=True,
        source="togethercomputer/evo-1-131k-base of huggingface.co, revision 1.1_fix",
        repository="togethercomputer/evo-1-131k-base@1.1_fix",
    )
    released: ClassVar[Released] = Released(("poles",), rotary_scale=16.0, column_split=True)
    libraries: ClassVar[tuple[str, ...]] = ("torch", "scipy")
    batch_tokens: ClassVar[int] = 1 << 14
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "bfloat16")

    def __init__(
        self,
        network: StripedHyena,
        layer: str | None = None,
        pooling: str = "mean",
        strands: str = "forward",
        device: str | None = None,
        dtype: torch.dtype | None = None,
        weights_digest: str | None = None,
    ) -> None:
        spec, place = type(self).spec, choose_device(device)
        self.layer = self.default_layer(len(network.blocks)) if layer is None else str(layer)
        depth = layer_depth(self.layer)
        if depth is not None and not 0 <= depth < len(network.blocks):
            raise GenoProtError(
                f"encoder {spec.name}: no layer {self.layer!r}; give norm, blocks.N or blocks.N.mlp.l3 "
                f"with N below {len(network.blocks)}"
            )
        if strands not in STRANDS:
            raise GenoProtError(f"encoder {spec.name}: strands {strands!r} is not forward or both")
        dtype = dtype or _precision(place)
        width, precision = network.config.width, "" if dtype == torch.float32 else f", {str(dtype)[6:]}"
        self.spec = replace(
            spec,
            dimension=2 * width if strands == "both" else width,
            context=round(TRAINED_CONTEXT * network.config.rotary_scale),
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            readout=f"{self.layer}, {check_pooling(spec.name, pooling)}, {STRANDS[strands]}{precision}",
        )
        self.weights_digest = weights_digest
        self.dtype = str(dtype).removeprefix("torch.")
        self.model = network.to_precision(dtype).to(place)
        self.device = place
        self._pooling = pooling
        self._strands = strands

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        *,
        layer: str | None = None,
        pooling: str = "mean",
        strands: str = "forward",
        dtype: torch.dtype | None = None,
    ) -> Evo:
        """Load weights by their released names.

        What the weights do not tell is read from ``config.json`` beside them, by its released names:
        ``num_attention_heads``, ``use_interpolated_rotary_pos_emb``, ``rotary_emb_scaling_factor``,
        ``rotary_emb_base``, ``eps``, ``mlp_activation``, ``column_split_hyena``, ``interleave``,
        ``column_split``, ``hyena_flip_x1x2`` and ``evo2_style_activations``. Without one they are those of
        the released model.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, or a shape differs.
        """
        dtype = dtype or _precision(choose_device(device))
        checkpoint = open_checkpoint(weights)
        network = fit_network(checkpoint, cls.released, dtype)
        return cls(network, layer, pooling, strands, device, dtype, checkpoint.digest)

    @classmethod
    def default_layer(cls, blocks: int) -> str:
        """Layer that is read of a network of so many blocks when none is asked for."""
        return "norm"

    def cast(self, dtype: str) -> None:
        """Compute in another precision; the long filters' parameters stay in float32.

        Parameters
        ----------
        dtype : {"float32", "bfloat16"}

        Raises
        ------
        GenoProtError
            If it is another one.
        """
        self.model.to_precision(self.torch_dtype(dtype))
        readout = self.spec.readout.removesuffix(f", {self.dtype}")
        self.spec = replace(self.spec, readout=readout if dtype == "float32" else f"{readout}, {dtype}")
        self.dtype = dtype

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map DNA sequences to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty or beyond the context.
        """
        check_lengths(self.spec, sequences)
        texts = [sequence.upper() for sequence in sequences]
        vectors = self._vectors(texts)
        if self._strands == "forward":
            return vectors
        return np.concatenate(
            [vectors, self._vectors([t.translate(COMPLEMENT)[::-1] for t in texts])], axis=1
        )

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        return causal_vectors(
            lambda ids, mask: self.model(ids, self.layer, None if mask.all() else mask),
            [np.frombuffer(text.encode("utf-8"), dtype=np.uint8) for text in texts],
            pooling=self._pooling,
            pad=PADDING,
            budget=self.batch_tokens,
            device=self.device,
        )


def _precision(device: torch.device) -> torch.dtype:
    half = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if half else torch.float32
