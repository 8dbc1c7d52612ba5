"""Checks of long sequences: whole up to the context, in pieces beyond it, and never cut off."""

from __future__ import annotations

import numpy as np

from genoprot_evaluate.conformance.outcome import Failed, Skipped
from genoprot_evaluate.conformance.subject import Subject, deviation
from genoprot_evaluate.encoders.apply import embed_sequences

__all__ = ["context_is_read", "pieces_are_read"]

_PIECES = 1.5
_FURTHEST = 32


def context_is_read(subject: Subject) -> str:
    """As many letters as the context, or as are tried; a different end gives a different vector."""
    context = subject.spec.context
    length = min(context or subject.longest, subject.longest)
    _read_to_the_end(subject, subject.text(length))
    if context is not None and context > length:
        raise Skipped(f"{length:,} letters are read to the end; the context of {context:,} is not reached")
    return f"{length:,} letters"


def pieces_are_read(subject: Subject) -> str:
    """One and a half contexts through the engine; for an encoder that splits itself, what it splits."""
    if subject.splits_itself:
        length = _split_length(subject)
    elif subject.spec.context is None:
        raise Skipped("reads any length at once")
    else:
        length = int(_PIECES * subject.spec.context) + 1
    pieces = _read_to_the_end(subject, subject.text(length))
    if pieces < 2:
        raise Failed(f"{length:,} letters were read in one piece")
    return f"{length:,} letters in {pieces} pieces"


def _split_length(subject: Subject) -> int:
    length = subject.longest
    while subject.encoder.window_counts([subject.text(length)])[0] < 2:
        length *= 2
        if length > _FURTHEST * subject.longest:
            raise Skipped(f"reads {length // 2:,} letters in one window")
    return length


def _read_to_the_end(subject: Subject, sequence: str) -> int:
    """Pieces in which a sequence is read."""
    tail = max(1, len(sequence) // 4)
    other = sequence[:-tail] + _changed(sequence[-tail:])
    applied = embed_sequences(
        subject.encoder, [sequence, other], ["the sequence", "its variant"], len(sequence)
    )
    if not np.isfinite(applied.vectors).all():
        raise Failed(f"NaN or infinity for {len(sequence):,} letters")
    if deviation(*applied.vectors) == 0.0:
        raise Failed(f"the last {tail:,} of {len(sequence):,} letters make no difference: are they cut off?")
    return int(applied.pieces[0])


def _changed(tail: str) -> str:
    """Another sequence of the same length."""
    return ("A" if tail[0] != "A" else "C") * len(tail)
