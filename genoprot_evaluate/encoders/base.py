"""What an encoder is: facts about it, and one method that maps sequences to vectors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from genoprot_datasets.errors import GenoProtError

__all__ = [
    "MODALITIES",
    "PROBES",
    "VIEW_BREAK",
    "Encoder",
    "EncoderSpec",
    "as_array",
    "check_encoder",
    "resolve_view",
]

MODALITIES = ("dna", "protein", "both")
"""Modalities of encoders; the first two are also columns of the `sequences` configuration."""

VIEW_BREAK = "\t"
"""What stands between DNA and protein of a record where an encoder is given both."""

PROBES = MappingProxyType(
    {
        "dna": ("ACGTACGTTGCA", "GATTACA"),
        "protein": ("MKTAYIAKQR", "GAVLIMFW"),
        "both": (f"ACGTACGTTGCA{VIEW_BREAK}MKTAYIAKQR", f"GATTACA{VIEW_BREAK}GAVLIMFW"),
    }
)
"""Two short sequences of each modality, for a first look at an encoder."""


@dataclass(frozen=True)
class EncoderSpec:
    """Facts about an encoder.

    Parameters
    ----------
    name : str
        Name of the embedding configuration: letters, digits, ``.``, ``_`` and ``-``.
    modality : {"dna", "protein", "both"}
        Sequences that it reads.
    dimension : int
        Length of its vectors.
    context : int, optional
        Most residues, bases or tokens that it reads at once; None when any length works. Longer sequences
        are split before they come to `Encoder.embed`, except for an encoder with `window_counts`.
    title : str
        What it is, in a few words.
    licence : str
        Licence of the weights.
    parameters : int, optional
        Trained parameters.
    training : str
        Sequences that it was trained on, for a note on contamination.
    readout : str
        Layer and pooling that give the vector.
    citation : str
        Reference in one line.
    weights_needed : bool
        Whether weights must be given to load it.
    source : str
        Where the weights come from.
    repository : str
        Hub id of safetensors weights, ``owner/name`` or ``owner/name@revision``, that are fetched when none
        are given; empty where the weights have to be converted first.

    Raises
    ------
    GenoProtError
        If a field has no usable value.
    """

    name: str
    modality: str
    dimension: int
    context: int | None = None
    title: str = ""
    licence: str = ""
    parameters: int | None = None
    training: str = ""
    readout: str = ""
    citation: str = ""
    weights_needed: bool = False
    source: str = ""
    repository: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise GenoProtError(
                f"encoder name {self.name!r}: use letters, digits, '.', '_' and '-', a letter or digit first"
            )
        if self.modality not in MODALITIES:
            raise GenoProtError(
                f"encoder {self.name}: modality {self.modality!r} is not one of {', '.join(MODALITIES)}"
            )
        if self.dimension < 1:
            raise GenoProtError(f"encoder {self.name}: dimension {self.dimension} is not positive")
        if self.context is not None and self.context < 1:
            raise GenoProtError(f"encoder {self.name}: context {self.context} is not positive")


@runtime_checkable
class Encoder(Protocol):
    """Anything that maps sequences to vectors.

    Further attributes are used where an encoder has them. ``weights_digest`` (str): SHA-256 of what was
    loaded; without it runs are told apart by the vectors of two short sequences. ``libraries`` (tuple of
    str): distributions that compute, for the record of versions. ``batch_tokens`` (int): residues and special
    tokens per call that suit it; the engine sets it to the budget of its batches. ``alone`` (bool): a vector
    depends on its sequence alone, to the last bit, so that any budget gives the same bytes. ``pads`` (bool):
    sequences of a call are padded to one length, which is assumed when left out. ``device``: what it computes
    on, in torch's notation. ``dtypes`` (tuple of str) and ``cast(dtype)``: precisions that it can be turned
    to. ``window_counts(sequences)`` (list of int): an encoder that splits long sequences itself
    tells in how many windows it reads each. ``reduced`` (sequence of bool): such an encoder tells of which
    sequences of its last call a window was read in smaller ones, since memory did not suffice.

    Examples
    --------
    >>> class Length:
    ...     spec = EncoderSpec("length", modality="protein", dimension=1)
    ...
    ...     def embed(self, sequences):
    ...         return np.array([[len(sequence)] for sequence in sequences], dtype=np.float32)
    >>> isinstance(Length(), Encoder)
    True
    """

    spec: EncoderSpec

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map sequences to vectors.

        Parameters
        ----------
        sequences : sequence of str
            None is empty.

        Returns
        -------
        ndarray, shape=(n, dimension), dtype=float32
        """
        ...


def check_encoder(encoder: object) -> Encoder:
    """Return the encoder when it satisfies the protocol.

    Raises
    ------
    GenoProtError
        If it has no `spec` of type `EncoderSpec` or no method `embed`.
    """
    if not isinstance(getattr(encoder, "spec", None), EncoderSpec):
        raise GenoProtError(
            f"{type(encoder).__name__} is no encoder: its attribute `spec` is not an EncoderSpec"
        )
    if not callable(getattr(encoder, "embed", None)):
        raise GenoProtError(f"{type(encoder).__name__} is no encoder: it has no method `embed(sequences)`")
    return encoder  # type: ignore[return-value]


def resolve_view(spec: EncoderSpec, modality: str | None) -> str:
    """What an encoder reads of a record: ``dna``, ``protein`` or ``both``.

    Parameters
    ----------
    spec : EncoderSpec
    modality : {"dna", "protein", "both"}, optional
        What the user asked for; needed only for an encoder of both.

    Raises
    ------
    GenoProtError
        If the encoder does not read what was asked for, or reads both and nothing was asked for.

    Examples
    --------
    >>> resolve_view(EncoderSpec("a", modality="dna", dimension=4), None)
    'dna'
    """
    if modality is not None and modality not in MODALITIES:
        raise GenoProtError(f"modality {modality!r} is not one of {', '.join(MODALITIES)}")
    if spec.modality == "both":
        if modality is None:
            raise GenoProtError(
                f"encoder {spec.name} reads both modalities; choose --modality dna, protein or both"
            )
        return modality
    if modality not in (None, spec.modality):
        raise GenoProtError(f"encoder {spec.name} reads {spec.modality}, not {modality}")
    return spec.modality


def as_array(output: Any) -> np.ndarray:
    """What an encoder gave, as an array; a tensor of torch may be on any device and still want a gradient.

    Examples
    --------
    >>> import torch
    >>> as_array(torch.ones(1, 2, dtype=torch.bfloat16, requires_grad=True))
    array([[1., 1.]], dtype=float32)
    """
    if hasattr(output, "detach"):
        output = output.detach().float().cpu()
    return np.asarray(output)
