"""The encoder that is checked, and the sequences that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_evaluate.encoders.base import VIEW_BREAK, Encoder, EncoderSpec, as_array

__all__ = ["AMBIGUOUS", "FOREIGN", "LONGEST", "TOLERANCE", "Subject", "deviation"]

TOLERANCE = 2e-5
"""Largest difference that batches may make, as a share of the largest absolute value of the vectors."""

LONGEST = 5_000
"""Letters of the longest sequence that is tried."""

AMBIGUOUS = {"dna": "NRYSWKMBDHV", "protein": "BZXUOJ"}
"""IUPAC letters that stand for several bases or residues, or for a rare residue."""

FOREIGN = {"dna": "U*-", "protein": "*-"}
"""Letters that are no part of a record, but of files that people have."""

_LETTERS = {"dna": "ACGT", "protein": "ACDEFGHIKLMNPQRSTVWY"}
_MIXED_LENGTHS = (61, 40, 33, 24, 17, 9, 5)


@dataclass(frozen=True)
class Subject:
    """The encoder that is checked.

    Parameters
    ----------
    encoder : Encoder
    view : {"dna", "protein", "both"}
        What it is given; DNA and protein of a record with `VIEW_BREAK` in between where it is both.
    tolerance : float
        As `TOLERANCE`.
    longest : int
        Most letters of a sequence, of either one of both, that it is given.
    """

    encoder: Encoder
    view: str
    tolerance: float = TOLERANCE
    longest: int = LONGEST

    @property
    def spec(self) -> EncoderSpec:
        """Facts about the encoder."""
        return self.encoder.spec

    @property
    def splits_itself(self) -> bool:
        """Whether the encoder, not the engine, splits long sequences."""
        return hasattr(self.encoder, "window_counts")

    @property
    def views(self) -> tuple[str, ...]:
        """What a record is made of: DNA, protein, or one and the other."""
        return ("dna", "protein") if self.view == "both" else (self.view,)

    def record(self, part: Callable[[str], str]) -> str:
        """A record of what a function gives for each of its views."""
        return VIEW_BREAK.join(part(view) for view in self.views)

    def text(self, length: int, label: str = "") -> str:
        """Random letters, the same for the same arguments, so many of each view."""

        def letters(view: str) -> str:
            rng = generator(0, "conformance", view, str(length), label)
            return "".join(rng.choice(list(_LETTERS[view]), size=length))

        return self.record(letters)

    def held(self, length: int) -> int:
        """As many letters as asked for or as the context holds."""
        context = None if self.splits_itself else self.spec.context
        return min(length, context or length)

    def sequence(self, length: int, label: str = "") -> str:
        """Random letters, as many as asked for or as the context holds."""
        return self.text(self.held(length), label)

    def mixed(self) -> list[str]:
        """Sequences of different lengths, longest first."""
        return [self.sequence(length) for length in _MIXED_LENGTHS]

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """What the encoder gives for a fresh list of the sequences, as an array."""
        return as_array(self.encoder.embed(list(sequences)))


def deviation(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference of two arrays as a share of their largest absolute value.

    Examples
    --------
    >>> deviation(np.array([4.0, 1.0]), np.array([4.0, 0.0]))
    0.25
    """
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    scale = max(np.abs(found).max(initial=0.0), np.abs(expected).max(initial=0.0))
    return float(np.abs(found - expected).max(initial=0.0) / scale) if scale else 0.0
