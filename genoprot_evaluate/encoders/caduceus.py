"""Caduceus: bidirectional Mamba over single bases, and its reverse-complement equivariant form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.bases import PADDING, STOP, VOCABULARY, base_tokens
from genoprot_evaluate.encoders.bimamba import BiMamba, CaduceusConfig, CaduceusNetwork
from genoprot_evaluate.encoders.checkpoint import Checkpoint, Origin, open_checkpoint
from genoprot_evaluate.encoders.compute import Placed, choose_device
from genoprot_evaluate.encoders.pooled import check_layer, mean_states
from genoprot_evaluate.encoders.readout import check_lengths
from genoprot_evaluate.encoders.shapes import shape_of

__all__ = ["Caduceus", "CaduceusPh", "CaduceusPs", "tokenize"]

EPSILON = 1e-5
PREFIXES = ("caduceus.backbone.", "backbone.")
STRATEGIES = ("add", "ew_multiply")
TIED = ("in_proj", "out_proj")
COMPLEMENT = {VOCABULARY[one]: VOCABULARY[other] for one, other in zip("ACGT", "TGCA")}
UNUSED = re.compile(r"lm_head\.(weight|complement_map|lm_head\.weight)")
PARAMETERS = 7_725_312
READOUTS = {
    "average": "mean over positions and strands",
    "both": "mean over positions, strands joined",
}


def tokenize(sequence: str, *, end: bool = False) -> list[int]:
    """Tokens of the released tokenizer, which reads either case.

    Parameters
    ----------
    sequence : str
    end : bool
        Whether the stop token of the released tokenizer is added.

    Examples
    --------
    >>> tokenize("acgtR", end=True)
    [7, 8, 9, 10, 6, 1]
    """
    tokens = base_tokens(sequence.upper()).tolist()
    return [*tokens, STOP] if end else tokens


class Caduceus(Placed):
    """Mean over bases and over both strands of the states of Caduceus behind the final normalisation.

    Released checkpoints see the reverse complement in channels of their own (PS) or are run on it (Ph);
    either way the vector is that of the strands' average, and a sequence and its reverse complement have the
    same one. No special tokens are read. Letters are upper-cased; those other than A, C, G, T and N are the
    model's unknown base.

    Parameters
    ----------
    network : CaduceusNetwork
    strands : {"average", "both"}
        Whether the strands' vectors are averaged or, as PS has them, joined.
    device : str, optional
    weights_digest : str, optional
    layer : int, optional
        Block behind which the states are read, 0 for the embeddings; by default those behind the final
        normalisation. Later blocks are dropped.

    References
    ----------
    Schiff et al., "Caduceus: bi-directional equivariant long-range DNA sequence modeling", ICML 2024.
    """

    spec: EncoderSpec
    kind: str
    libraries: ClassVar[tuple[str, ...]] = ("torch", "scipy")
    batch_tokens: ClassVar[int] = 1 << 15

    def __init__(
        self,
        network: CaduceusNetwork,
        strands: str = "average",
        device: str | None = None,
        weights_digest: str | None = None,
        layer: int | None = None,
    ) -> None:
        spec, width = type(self).spec, network.config.width
        if strands not in READOUTS:
            raise GenoProtError(f"encoder {spec.name}: strands {strands!r} is not average or both")
        if layer is not None:
            check_layer(layer, len(network.layers))
            network.layers, network.norm_f = network.layers[:layer], torch.nn.Identity()
        self.spec = replace(
            spec,
            dimension=width if strands == "average" else 2 * width,
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            readout=f"{'final norm' if layer is None else f'block {layer}'}, {READOUTS[strands]}",
        )
        self.weights_digest = weights_digest
        self.device = choose_device(device)
        self.model = network.to(self.device)
        self._strands = strands

    @classmethod
    def load(
        cls,
        weights: str | Path,
        device: str | None = None,
        *,
        strands: str = "average",
        layer: int | None = None,
    ) -> Caduceus:
        """Load weights by the names of the released PS or Ph models, or of their unfused forms.

        What the weights do not tell is read from ``config.json`` beside them, by its released names:
        ``norm_epsilon`` (1e-5 when left out), ``bidirectional_strategy`` (add) and ``complement_map``.

        Raises
        ------
        SourceError
            If a file is missing or damaged, a key is missing or unexpected, or a shape differs.
        """
        checkpoint = open_checkpoint(weights)
        names = _Names(checkpoint)
        if names.kind != cls.kind:
            raise SourceError(checkpoint.path, f"weights of caduceus-{names.kind}, not caduceus-{cls.kind}")
        with torch.device("meta"):
            network = CaduceusNetwork(names.config())
        for number, block in enumerate(network.layers):
            for part in names.stored_once(number) if network.config.bidirectional else ():
                block.mixer.share(part)
        checkpoint.fit(network, names.origins(network), UNUSED)
        for block in network.layers:
            _share_equal(block.mixer)
        stated = checkpoint.option(["complement_map"], {})
        pairs = (
            network.complement if network.config.equivariant else _complement(len(network.complement), stated)
        )
        network.complement = pairs.long()
        return cls(network, strands, device, checkpoint.digest, layer)

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map DNA sequences to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If a sequence is empty or beyond the context.
        """
        check_lengths(self.spec, sequences)
        return mean_states(
            self._joined,
            [base_tokens(sequence.upper()) for sequence in sequences],
            pad=PADDING,
            margins=(0, 0),
            budget=self.batch_tokens,
            device=self.device,
        )

    def _joined(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        # Positions of the reverse strand stay in its reading direction: the mean does not see it.
        forward, reverse = self.model.strands(ids, mask)
        if self._strands == "average":
            return (forward + reverse) / 2
        return torch.cat([forward, reverse.flip(-1)], dim=-1)


class _Names:
    """What a checkpoint calls the parameters, and what its keys tell of the network."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        keys = checkpoint.shapes
        self._checkpoint = checkpoint
        self._prefix = checkpoint.prefix(*PREFIXES) or PREFIXES[0]
        self._equivariant = f"{self._prefix}embeddings.word_embeddings.embedding.weight" in keys
        self.kind = "ps" if self._equivariant else "ph"
        self._unfused = any(".norm.submodule." in key for key in keys)

    def config(self) -> CaduceusConfig:
        checkpoint = self._checkpoint
        strategy = checkpoint.option(["bidirectional_strategy"], STRATEGIES[0])
        if strategy not in STRATEGIES:
            raise SourceError(
                checkpoint.path, f"bidirectional_strategy {strategy!r} is not one of {', '.join(STRATEGIES)}"
            )
        place = "layers.0.mixer.mamba_fwd."
        vocabulary, width = shape_of(checkpoint, self._key("embedding.weight"), 2)
        inner, states = shape_of(checkpoint, self._key(f"{place}A_log"), 2)
        return CaduceusConfig(
            vocabulary=vocabulary,
            width=width,
            inner=inner,
            states=states,
            taps=shape_of(checkpoint, self._key(f"{place}conv1d.weight"), 3)[-1],
            rank=shape_of(checkpoint, self._key(f"{place}dt_proj.weight"), 2)[-1],
            layers=checkpoint.count(re.escape(self._prefix) + r"layers\.(\d+)\."),
            epsilon=checkpoint.number(["norm_epsilon"], EPSILON),
            layer_norm=self._has("norm_f.bias"),
            bidirectional=self._has(f"{place.replace('_fwd', '_rev')}A_log"),
            multiply=strategy == STRATEGIES[1],
            projection_bias=self._has(f"{place}in_proj.bias"),
            convolution_bias=self._has(f"{place}conv1d.bias"),
            equivariant=self._equivariant,
            swapped=self._equivariant and not self._unfused,
        )

    def stored_once(self, layer: int) -> list[str]:
        """Tied projections of a layer of which the file keeps one name."""
        places = [f"layers.{layer}.mixer.mamba_{side}." for side in ("fwd", "rev")]
        return [
            part
            for part in TIED
            if not all(self._raw(f"{place}{part}.weight") in self._checkpoint.shapes for place in places)
        ]

    def origins(self, network: CaduceusNetwork) -> dict[str, Origin]:
        return {self._key(name): Origin((name,)) for name in network.state_dict()}

    def _has(self, name: str) -> bool:
        return self._key(name) in self._checkpoint.shapes

    def _key(self, name: str) -> str:
        """Key of a parameter; a tied projection goes by its name in the other direction where it has to."""
        key = self._raw(name)
        if key not in self._checkpoint.shapes and any(f"mamba_fwd.{part}." in key for part in TIED):
            other = key.replace("mamba_fwd", "mamba_rev")
            return other if other in self._checkpoint.shapes else key
        return key

    def _raw(self, name: str) -> str:
        if name in ("embedding.weight", "complement"):
            parts = {"embedding.weight": "embedding.weight" if self._equivariant else "weight"}
            return f"{self._prefix}embeddings.word_embeddings.{parts.get(name, 'complement_map')}"
        if self._equivariant:
            name = name.replace(".mixer.", ".mixer.submodule.")
        if self._unfused:
            name = re.sub(r"(^|\.)(norm|norm_f)\.", r"\1\2.submodule.", name)
        return self._prefix + name


def _complement(rows: int, stated: Mapping[str, int]) -> torch.Tensor:
    """Token that pairs with each one, shape=(rows,)."""
    table = torch.arange(rows)
    for one, other in (stated or COMPLEMENT).items():
        table[int(one)] = int(other)
    return table


def _share_equal(mixer: BiMamba) -> None:
    for part in TIED if mixer.mamba_rev is not None else ():
        there, back = (getattr(mamba, part) for mamba in (mixer.mamba_fwd, mixer.mamba_rev))
        if back is not None and all(map(torch.equal, there.parameters(), back.parameters())):
            mixer.share(part)


def _spec(kind: str, reading: str) -> EncoderSpec:
    repository = f"kuleshov-group/caduceus-{kind}_seqlen-131k_d_model-256_n_layer-16"
    return EncoderSpec(
        f"caduceus-{kind}",
        modality="dna",
        dimension=256,
        context=131_072,
        title=f"Caduceus, bidirectional Mamba trained on the human reference genome, {reading}",
        licence="Apache-2.0",
        parameters=PARAMETERS,
        training="the human reference genome GRCh38",
        readout=f"final norm, {READOUTS['average']}",
        citation="Schiff et al., ICML 2024",
        weights_needed=True,
        source=f"{repository} of huggingface.co",
        repository=repository,
    )


class CaduceusPs(Caduceus):
    """Caduceus with parameter sharing between the strands."""

    kind = "ps"
    spec = _spec("ps", "equivariant to reverse complement")


class CaduceusPh(Caduceus):
    """Caduceus run on both strands."""

    kind = "ph"
    spec = _spec("ph", "run on both strands")
