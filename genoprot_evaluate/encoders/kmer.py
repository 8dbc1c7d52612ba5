"""Encoders without weights: 4-mer frequencies of DNA, composition and dipeptides of proteins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from genoprot_evaluate.encoders.base import EncoderSpec

__all__ = ["Composition", "Dipeptides", "KmerFrequencies"]

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
AMBIGUOUS = {"U": "C", "B": "DN", "Z": "EQ", "J": "IL", "X": RESIDUES, "O": RESIDUES}

_BASE = np.full(256, 4, dtype=np.uint8)
for _code, _letter in enumerate("ACGT"):
    _BASE[[ord(_letter), ord(_letter.lower())]] = _code

_RESIDUE = np.zeros((256, len(RESIDUES)))
for _letter, _meaning in {**dict(zip(RESIDUES, RESIDUES)), **AMBIGUOUS}.items():
    for _residue in _meaning:
        _RESIDUE[[ord(_letter), ord(_letter.lower())], RESIDUES.index(_residue)] = 1 / len(_meaning)

_NO_RESIDUE = len(RESIDUES)
_RESIDUE_INDEX = np.full(256, _NO_RESIDUE, dtype=np.int64)
for _index, _letter in enumerate(RESIDUES):
    _RESIDUE_INDEX[[ord(_letter), ord(_letter.lower())]] = _index
_RESIDUE_INDEX[[ord("U"), ord("u")]] = RESIDUES.index("C")


class KmerFrequencies:
    """Frequencies of the 256 4-mers of a DNA sequence.

    A window that holds another letter than A, C, G or T, in either case, is left out; columns are in the
    alphabetical order of the 4-mers; a sequence without a window gets zeros.

    Examples
    --------
    >>> vector = KmerFrequencies().embed(["AAAAAC"])[0]
    >>> [round(float(value), 3) for value in vector[:3]]
    [0.667, 0.333, 0.0]
    """

    spec: ClassVar[EncoderSpec] = EncoderSpec(
        "kmer-4",
        modality="dna",
        dimension=256,
        title="Frequencies of DNA 4-mers",
        licence="Apache-2.0",
        readout="frequencies over the sequence",
    )
    weights_digest: ClassVar[str] = "no weights"
    alone: ClassVar[bool] = True
    pads: ClassVar[bool] = False

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map DNA sequences to 4-mer frequencies, shape=(n, 256), dtype=float32."""
        return np.stack([_kmer_frequencies(sequence) for sequence in sequences])


class Composition:
    """Frequencies of the 20 amino acids of a protein.

    Letters that stand for several residues count in equal parts: B for D and N, Z for E and Q, J for I and
    L, X and O for all twenty; U counts as C. Anything else is left out; columns are in alphabetical order.

    References
    ----------
    Sanderson et al., "ProteInfer, deep neural networks for protein functional inference", eLife 2023, has
    the same code for U, B, Z, X and O.

    Examples
    --------
    >>> Composition().embed(["AACB"])[0][:3].tolist()
    [0.5, 0.25, 0.125]
    """

    spec: ClassVar[EncoderSpec] = EncoderSpec(
        "composition",
        modality="protein",
        dimension=20,
        title="Amino-acid composition",
        licence="Apache-2.0",
        readout="frequencies over the sequence",
    )
    weights_digest: ClassVar[str] = "no weights"
    alone: ClassVar[bool] = True
    pads: ClassVar[bool] = False

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map proteins to amino-acid frequencies, shape=(n, 20), dtype=float32."""
        counts = np.stack([np.bincount(_letters(sequence), minlength=256) for sequence in sequences])
        residues = counts @ _RESIDUE
        return (residues / np.maximum(residues.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)


class Dipeptides:
    """Frequencies of the 400 pairs of neighbouring amino acids of a protein.

    U counts as C; a pair that holds another letter than the twenty, in either case, is left out; columns
    are in alphabetical order; a protein without a pair gets zeros.

    Examples
    --------
    >>> vector = Dipeptides().embed(["AACA"])[0]
    >>> [round(float(value), 3) for value in vector[[0, 1, 20]]]
    [0.333, 0.333, 0.333]
    """

    spec: ClassVar[EncoderSpec] = EncoderSpec(
        "dipeptide",
        modality="protein",
        dimension=400,
        title="Frequencies of amino-acid pairs",
        licence="Apache-2.0",
        readout="frequencies over the sequence",
    )
    weights_digest: ClassVar[str] = "no weights"
    alone: ClassVar[bool] = True
    pads: ClassVar[bool] = False

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map proteins to dipeptide frequencies, shape=(n, 400), dtype=float32."""
        return np.stack([_dipeptide_frequencies(sequence) for sequence in sequences])


def _letters(sequence: str) -> np.ndarray:
    return np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)


def _kmer_frequencies(sequence: str) -> np.ndarray:
    bases = _BASE[_letters(sequence)]
    if bases.size < 4:
        return np.zeros(256, dtype=np.float32)
    windows = bases[:-3] << 6 | bases[1:-2] << 4 | bases[2:-1] << 2 | bases[3:]
    known = bases < 4
    counts = np.bincount(windows[known[:-3] & known[1:-2] & known[2:-1] & known[3:]], minlength=256)
    return (counts / max(1, counts.sum())).astype(np.float32)


def _dipeptide_frequencies(sequence: str) -> np.ndarray:
    residues = _RESIDUE_INDEX[_letters(sequence)]
    known = (residues[:-1] < _NO_RESIDUE) & (residues[1:] < _NO_RESIDUE)
    pairs = (residues[:-1] * len(RESIDUES) + residues[1:])[known]
    counts = np.bincount(pairs, minlength=len(RESIDUES) ** 2)
    return (counts / max(1, counts.sum())).astype(np.float32)
