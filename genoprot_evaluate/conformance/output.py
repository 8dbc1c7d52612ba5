"""Checks of what an encoder gives: facts, shape, type, and the same twice."""

from __future__ import annotations

import numpy as np

from genoprot_evaluate.conformance.outcome import Failed
from genoprot_evaluate.conformance.subject import Subject, deviation

__all__ = [
    "calls_agree",
    "dimension_is_declared",
    "facts_are_stated",
    "numbers_are_finite",
    "numbers_are_float32",
    "vectors_differ",
]


def facts_are_stated(subject: Subject) -> str:
    """The spec has what a run's record and a card need."""
    spec = subject.spec
    wanted = ["title", "readout"]
    if spec.weights_needed:
        wanted += ["licence", "training", "citation", "source"]
    absent = [name for name in wanted if not getattr(spec, name).strip()]
    if absent:
        raise Failed(f"empty in the spec: {', '.join(absent)}")
    if spec.parameters is not None and spec.parameters < 1:
        raise Failed(f"{spec.parameters} parameters; give their number, or None where there are none")
    return f"{', '.join(wanted)} are there"


def dimension_is_declared(subject: Subject) -> str:
    """The shape is (number of sequences, declared dimension)."""
    sequences = subject.mixed()
    expected, found = (len(sequences), subject.spec.dimension), subject.embed(sequences).shape
    if found != expected:
        raise Failed(f"shape {found} instead of {expected}")
    return f"shape {found}"


def numbers_are_float32(subject: Subject) -> str:
    """The array is of dtype float32, or a tensor, which is taken as that."""
    output = subject.encoder.embed(subject.mixed())
    if hasattr(output, "detach"):
        return f"a tensor of {str(output.dtype).removeprefix('torch.')}, taken as float32"
    if not isinstance(output, np.ndarray):
        raise Failed(f"gave {type(output).__name__} instead of a numpy array")
    if output.dtype != np.float32:
        raise Failed(f"gave {output.dtype}")
    return "float32"


def numbers_are_finite(subject: Subject) -> str:
    """No NaN and no infinity."""
    sequences = subject.mixed()
    finite = np.isfinite(subject.embed(sequences)).all(axis=1)
    if not finite.all():
        length = len(sequences[int(finite.argmin())])
        raise Failed(f"NaN or infinity for {(~finite).sum()} of {len(finite)}, first at {length} letters")
    return f"{len(finite)} vectors"


def calls_agree(subject: Subject) -> str:
    """Two calls with the same sequences give the same bits."""
    first, second = (subject.embed(subject.mixed()) for _ in range(2))
    if first.tobytes() != second.tobytes():
        raise Failed(f"the second call differs by {deviation(second, first):.1e}")
    return "the same bits"


def vectors_differ(subject: Subject) -> str:
    """Two sequences do not get the same vector."""
    sequences = [subject.sequence(24, label) for label in "abcd"]
    vectors = subject.embed(sequences)
    least = min(
        deviation(vectors[one], vectors[other])
        for one in range(4)
        for other in range(one)
        if sequences[one] != sequences[other]
    )
    if least <= subject.tolerance:
        raise Failed(f"two of four sequences of 24 letters differ by {least:.1e} only")
    return f"four sequences differ by {least:.1e} and more"
