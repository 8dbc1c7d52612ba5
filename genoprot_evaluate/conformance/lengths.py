"""Checks of long sequences: whole up to the context, in pieces beyond it, and never cut off."""

from __future__ import annotations

import numpy as np

from genoprot_evaluate.conformance.outcome import Failed, Skipped
from genoprot_evaluate.conformance.subject import Subject, deviation
from genoprot_evaluate.encoders.apply import embed_sequences
from genoprot_evaluate.encoders.base import VIEW_BREAK

__all__ = ["context_is_read", "pieces_are_read"]

_PIECES = 1.5
_FURTHEST = 32


def context_is_read(subject: Subject) -> str:
    """As many letters as the context, or as are tried; a different end gives a different vector."""
    context = subject.spec.context
    length = min(context or subject.longest, subject.longest)
    _read_to_the_end(subject, length)
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
    pieces = _read_to_the_end(subject, length)
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


def _read_to_the_end(subject: Subject, length: int) -> int:
    """Pieces in which so many letters are read, of each view where there are both."""
    sequence, tail = subject.text(length), max(1, length // 4)
    others = [_changed(sequence, view, tail) for view in range(len(subject.views))]
    names = ["the sequence", *["its variant"] * len(others)]
    applied = embed_sequences(subject.encoder, [sequence, *others], names, len(sequence))
    if not np.isfinite(applied.vectors).all():
        raise Failed(f"NaN or infinity for {length:,} letters")
    for view, vector in zip(subject.views, applied.vectors[1:]):
        if deviation(applied.vectors[0], vector) == 0.0:
            of = f" of {view}" if len(others) > 1 else ""
            raise Failed(f"the last {tail:,} of {length:,} letters{of} make no difference: are they cut off?")
    return int(applied.pieces[0])


def _changed(sequence: str, view: int, tail: int) -> str:
    """A sequence of the same length with another end, of one of its views."""
    parts = sequence.split(VIEW_BREAK)
    end = "A" if parts[view][-tail] != "A" else "C"
    parts[view] = parts[view][:-tail] + end * tail
    return VIEW_BREAK.join(parts)
