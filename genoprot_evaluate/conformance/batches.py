"""Checks that a vector does not depend on the batch: its order, its size, its longest sequence.

Each varies one of the three and keeps the others.
"""

from __future__ import annotations

import numpy as np

from genoprot_evaluate.conformance.outcome import Failed, Skipped
from genoprot_evaluate.conformance.subject import Subject, deviation

__all__ = ["order_does_not_matter", "padding_does_not_matter", "size_does_not_matter"]

_ROWS = 6


def order_does_not_matter(subject: Subject) -> str:
    """The same batch forwards and backwards."""
    sequences = subject.mixed()
    worst = deviation(subject.embed(sequences[::-1])[::-1], subject.embed(sequences))
    return _tolerated(worst, subject, "backwards")


def size_does_not_matter(subject: Subject) -> str:
    """Sequences of one length together, in twos and alone."""
    sequences = [subject.sequence(24, str(row)) for row in range(_ROWS)]
    together = subject.embed(sequences)
    worst = 0.0
    for size in (1, 2):
        parts = [subject.embed(sequences[start : start + size]) for start in range(0, _ROWS, size)]
        worst = max(worst, deviation(np.concatenate(parts), together))
    return _tolerated(worst, subject, f"batches of 1, 2 and {_ROWS}")


def padding_does_not_matter(subject: Subject) -> str:
    """A short sequence beside a long one, and beside one of its own length."""
    longer = subject.sequence(120)
    worst, tried = 0.0, []
    for length in (24, 5, 2):
        short, peer = subject.sequence(length), subject.sequence(length, "peer")
        if len(short) < len(longer):
            beside = subject.embed([longer, short])[1]
            worst = max(worst, deviation(beside, subject.embed([peer, short])[1]))
            tried.append(str(len(short)))
    if not tried:
        raise Skipped("the context holds two letters or one; there is no shorter sequence")
    return _tolerated(worst, subject, f"{', '.join(tried)} letters beside {len(longer)}")


def _tolerated(worst: float, subject: Subject, what: str) -> str:
    if not worst <= subject.tolerance:
        raise Failed(f"{what}: vectors differ by {worst:.1e}; {subject.tolerance:.0e} is tolerated")
    return f"{what}: {worst:.1e}"
