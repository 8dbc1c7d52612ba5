"""Evo 2: StripedHyena 2, with long, medium and short filters, over the bytes of DNA."""

from __future__ import annotations

from typing import ClassVar

from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.evo import Evo
from genoprot_evaluate.encoders.striped_checkpoint import Released

__all__ = ["Evo2"]

FROM_THE_TOP = 4


class Evo2(Evo):
    """Mean, or last, state of a layer of Evo 2 over the bases.

    By default it is the perceptron's output in the fourth block from the top, ``blocks.28.mlp.l3`` of the 32
    of the 7B model, which its authors recommend. Their exon classifier reads ``blocks.26`` with the pooling
    "last" and the strands "both".

    References
    ----------
    Brixi et al., "Genome modeling and design across all domains of life with Evo 2", 2025.
    """

    spec: ClassVar[EncoderSpec] = EncoderSpec(
        "evo2-7b",
        modality="dna",
        dimension=4_096,
        context=1_048_576,
        title="Evo 2 7B, StripedHyena 2 trained on genomes of all domains of life, 1 Mb",
        licence="Apache-2.0",
        parameters=6_581_722_880,
        training="OpenGenome2, genomes of all domains of life",
        readout="blocks.28.mlp.l3, mean over positions, forward strand",
        citation="Brixi et al., bioRxiv 2025",
        weights_needed=True,
        source="arcinstitute/evo2_7b of huggingface.co as safetensors",
    )
    released: ClassVar[Released] = Released(
        ("log_poles", "h"),
        rotary_scale=128.0,
        interleaved=True,
        head_major=True,
        first_gate_only=True,
        stored_frequencies=True,
    )

    @classmethod
    def default_layer(cls, blocks: int) -> str:
        """Layer that is read of a network of so many blocks when none is asked for."""
        return f"blocks.{max(0, blocks - FROM_THE_TOP)}.mlp.l3"
