"""Checks of letters and of the shortest inputs."""

from __future__ import annotations

import warnings

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.conformance.outcome import Failed, Skipped
from genoprot_evaluate.conformance.subject import AMBIGUOUS, FOREIGN, Subject, deviation

__all__ = [
    "ambiguous_letters_are_read",
    "case_does_not_matter",
    "empty_batch_has_no_vectors",
    "empty_sequence_is_no_crash",
    "foreign_letters_are_no_crash",
    "one_letter_is_read",
]

_START = {"dna": "A", "protein": "M"}


def case_does_not_matter(subject: Subject) -> str:
    """The same sequences in lower case."""
    sequences = subject.mixed()
    worst = deviation(subject.embed([sequence.lower() for sequence in sequences]), subject.embed(sequences))
    if not worst <= subject.tolerance:
        raise Failed(f"lower case differs by {worst:.1e}; upper-case the sequences first")
    return f"{worst:.1e}"


def ambiguous_letters_are_read(subject: Subject) -> str:
    """Each letter amid others, and alone for a stretch."""
    letters = AMBIGUOUS[subject.view]
    unread = [letter for letter in letters if not _finite(subject, _with_letter(subject, letter))]
    if unread:
        raise Failed(f"NaN or infinity with {' '.join(unread)}")
    return " ".join(letters)


def foreign_letters_are_no_crash(subject: Subject) -> str:
    """Each letter gives a finite vector, or an error in one line."""
    read, refused = [], []
    for letter in FOREIGN[subject.view]:
        try:
            if not _finite(subject, _with_letter(subject, letter)):
                raise Failed(f"NaN or infinity with {letter!r}")
            read.append(letter)
        except GenoProtError:
            refused.append(letter)
    kinds = {"read": read, "refused": refused}
    return "; ".join(f"{' '.join(letters)} {kind}" for kind, letters in kinds.items() if letters)


def one_letter_is_read(subject: Subject) -> str:
    """A sequence of one letter."""
    if not _finite(subject, [_START[subject.view]]):
        raise Failed(f"NaN or infinity for {_START[subject.view]!r}")
    return f"{_START[subject.view]!r} has a vector"


def empty_sequence_is_no_crash(subject: Subject) -> str:
    """An empty sequence, which the engine never sends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vectors = _unless_refused(subject, [""])
    if vectors is None:
        return "refused"
    if vectors.shape != (1, subject.spec.dimension):
        raise Failed(f"shape {vectors.shape} instead of {(1, subject.spec.dimension)}")
    if not np.isfinite(vectors).all():
        raise Skipped("gave NaN or infinity, which the engine refuses; it sends no empty sequence")
    return "has a vector"


def empty_batch_has_no_vectors(subject: Subject) -> str:
    """An empty batch, which the engine never sends."""
    vectors = _unless_refused(subject, [])
    if vectors is None:
        return "refused"
    if vectors.shape != (0, subject.spec.dimension):
        raise Failed(f"shape {vectors.shape} instead of {(0, subject.spec.dimension)}")
    return f"shape {vectors.shape}"


def _unless_refused(subject: Subject, sequences: list[str]) -> np.ndarray | None:
    try:
        return subject.embed(sequences)
    except (GenoProtError, ValueError):
        return None
    except Exception as error:  # the protocol promises no more
        raise Skipped(
            f"raised {type(error).__name__} instead of refusing it; the engine sends none"
        ) from None


def _with_letter(subject: Subject, letter: str) -> list[str]:
    sides = subject.sequence(11)
    room = subject.sequence(2 * len(sides) + 1)
    return [(sides + letter + sides)[-len(room) :], letter * len(subject.sequence(7))]


def _finite(subject: Subject, sequences: list[str]) -> bool:
    vectors = subject.embed(sequences)
    expected = (len(sequences), subject.spec.dimension)
    if vectors.shape != expected:
        raise Failed(f"shape {vectors.shape} instead of {expected}")
    return bool(np.isfinite(vectors).all())
