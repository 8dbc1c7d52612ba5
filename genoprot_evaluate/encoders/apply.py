"""Applying an encoder to sequences of any length: batches, pieces, and a check of what comes back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.batching import token_batches
from genoprot_evaluate.chunking import chunk_spans
from genoprot_evaluate.encoders.base import PROBES, Encoder

__all__ = ["content_digest", "embed_sequences"]


def embed_sequences(
    encoder: Encoder,
    sequences: Sequence[str],
    names: Sequence[str],
    budget: int,
    advance: Callable[[int, int], None] = lambda residues, sequences: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Map sequences to vectors, longest first in batches.

    A sequence beyond the encoder's context is split into overlapping pieces, and their vectors are averaged
    by the residues that each contributes.

    Parameters
    ----------
    encoder : Encoder
    sequences : sequence of str
        None is empty.
    names : sequence of str
        What messages call them.
    budget : int
        Residues per batch, padding included.
    advance : callable, optional
        Called after every batch with the residues and the sequences that it adds.

    Returns
    -------
    vectors : ndarray, shape=(n, dimension), dtype=float32
    pieces : ndarray, shape=(n,), dtype=int64
        Pieces in which each sequence was read.

    Raises
    ------
    GenoProtError
        If the encoder gives another shape, something else than numbers, NaN or infinity.
    """
    count_windows = getattr(encoder, "window_counts", None)
    context = None if count_windows else encoder.spec.context
    places = [
        (row, chunk)
        for row, sequence in enumerate(sequences)
        for chunk in chunk_spans(len(sequence), context)
    ]
    pieces = np.bincount([row for row, _ in places], minlength=len(sequences))
    totals = np.zeros((len(sequences), encoder.spec.dimension))
    for batch in token_batches([chunk.length for _, chunk in places], budget):
        chosen = [places[index] for index in batch]
        texts = [sequences[row][chunk.start : chunk.stop] for row, chunk in chosen]
        vectors = _checked(encoder, encoder.embed(texts), [names[row] for row, _ in chosen])
        if count_windows:
            pieces[[row for row, _ in chosen]] = count_windows(texts)
        for (row, chunk), vector in zip(chosen, vectors):
            totals[row] += chunk.weight / len(sequences[row]) * vector
        advance(sum(chunk.weight for _, chunk in chosen), sum(chunk.own_start == 0 for _, chunk in chosen))
    return totals.astype(np.float32), pieces


def content_digest(encoder: Encoder, view: str) -> str:
    """What tells an encoder from another one of the same name.

    Parameters
    ----------
    encoder : Encoder
    view : {"dna", "protein"}

    Returns
    -------
    str
        Its `weights_digest`; without one, a digest of the vectors of two short sequences.
    """
    digest = getattr(encoder, "weights_digest", None)
    if digest is not None:
        return digest
    vectors = _checked(encoder, encoder.embed(list(PROBES[view])), PROBES[view])
    return f"vectors of two sequences {hashlib.sha256(vectors.tobytes()).hexdigest()}"


def _checked(encoder: Encoder, output: Any, names: Sequence[str]) -> np.ndarray:
    name, expected = encoder.spec.name, (len(names), encoder.spec.dimension)
    try:
        vectors = np.asarray(output, dtype=np.float32)
    except (TypeError, ValueError):
        raise GenoProtError(f"encoder {name} gave {type(output).__name__}, not an array of numbers") from None
    if vectors.shape != expected:
        raise GenoProtError(f"encoder {name} gave an array of shape {vectors.shape} instead of {expected}")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise GenoProtError(f"encoder {name} gave NaN or infinity for {names[int(finite.argmin())]}")
    return vectors
