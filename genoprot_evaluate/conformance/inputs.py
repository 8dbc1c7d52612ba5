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
    letters = [(view, letter) for view in subject.views for letter in AMBIGUOUS[view]]
    unread = [letter for view, letter in letters if not _finite(subject, _with_letter(subject, view, letter))]
    if unread:
        raise Failed(f"NaN or infinity with {' '.join(unread)}")
    return " ".join(letter for _, letter in letters)


def foreign_letters_are_no_crash(subject: Subject) -> str:
    """Each letter gives a finite vector, or an error in one line."""
    read, refused = [], []
    for view, letter in ((of, letter) for of in subject.views for letter in FOREIGN[of]):
        try:
            if not _finite(subject, _with_letter(subject, view, letter)):
                raise Failed(f"NaN or infinity with {letter!r}")
            read.append(letter)
        except GenoProtError:
            refused.append(letter)
    kinds = {"read": read, "refused": refused}
    return "; ".join(f"{' '.join(letters)} {kind}" for kind, letters in kinds.items() if letters)


def one_letter_is_read(subject: Subject) -> str:
    """A sequence of one letter."""
    start = subject.record(_START.__getitem__)
    if not _finite(subject, [start]):
        raise Failed(f"NaN or infinity for {start!r}")
    return f"{start!r} has a vector"


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


def _with_letter(subject: Subject, view: str, letter: str) -> list[str]:
    """A letter of a view amid others, and alone; the other one of both is an ordinary sequence."""
    sides, room, alone = subject.held(11), subject.held(23), subject.held(7)

    def amid(of: str) -> str:
        letters = Subject(subject.encoder, of).text(sides)
        return (letters + (letter if of == view else "") + letters)[-room:]

    return [
        subject.record(amid),
        subject.record(lambda of: letter * alone if of == view else amid(of)),
    ]


def _finite(subject: Subject, sequences: list[str]) -> bool:
    vectors = subject.embed(sequences)
    expected = (len(sequences), subject.spec.dimension)
    if vectors.shape != expected:
        raise Failed(f"shape {vectors.shape} instead of {expected}")
    return bool(np.isfinite(vectors).all())
