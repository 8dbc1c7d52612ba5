"""Applying an encoder to sequences of any length: batches, pieces, and a check of what comes back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.batching import SPECIAL_TOKENS, padded_tokens, token_batches
from genoprot_evaluate.chunking import Chunk, chunk_spans, split_chunk
from genoprot_evaluate.encoders.base import PROBES, Encoder, as_array
from genoprot_evaluate.encoders.failures import device_failed, memory_ran_out, release_memory

__all__ = ["Applied", "MemoryLimit", "content_digest", "embed_sequences"]


MOST_PADDING = 0.04
"""Share of padding beyond which a batch ends early, for encoders that say that they pad."""


@dataclass
class MemoryLimit:
    """What is known of the batches that do not fit into memory; it goes from one call to the next.

    Parameters
    ----------
    tokens : int, optional
        Padded tokens of the smallest batch that failed.
    failures : int
        How often memory ran out.
    """

    tokens: int | None = None
    failures: int = 0

    def excludes(self, tokens: int) -> bool:
        """Whether a batch of so many padded tokens would fail again."""
        return self.tokens is not None and tokens >= self.tokens

    def note(self, tokens: int) -> None:
        """Remember that a batch failed."""
        self.failures += 1
        self.tokens = tokens if self.tokens is None else min(self.tokens, tokens)


@dataclass(frozen=True, eq=False)
class Applied:
    """Vectors of some sequences, and what it took.

    Parameters
    ----------
    vectors : ndarray, shape=(n, dimension), dtype=float32
    pieces : ndarray, shape=(n,), dtype=int64
        Pieces in which each sequence was read.
    reduced : ndarray, shape=(n,), dtype=bool
        Sequences of which a piece was read in smaller ones, since memory did not suffice for it alone.
    contributed : ndarray, shape=(n,), dtype=int64
        Residues of each sequence that are part of its vector.
    read : int
        Tokens that the encoder read: residues, those in overlaps twice, and special tokens.
    computed : int
        The same with padding.
    batches : int
        Calls of the encoder that succeeded.
    """

    vectors: np.ndarray
    pieces: np.ndarray
    reduced: np.ndarray
    contributed: np.ndarray
    read: int
    computed: int
    batches: int


@dataclass(frozen=True)
class _Piece:
    row: int
    chunk: Chunk
    reduced: bool = False

    @property
    def tokens(self) -> int:
        return self.chunk.length + SPECIAL_TOKENS


@dataclass
class _Sums:
    """Sums over the pieces computed so far."""

    encoder: Encoder
    sequences: Sequence[str]
    totals: np.ndarray
    pieces: np.ndarray
    reduced: np.ndarray
    contributed: np.ndarray
    read: int = 0
    computed: int = 0
    batches: int = 0
    done: set[int] = field(default_factory=set)

    def add(self, batch: Sequence[_Piece], texts: Sequence[str], vectors: np.ndarray) -> tuple[int, int]:
        """Add the vectors of a batch; returns residues and sequences that are new."""
        counts = getattr(self.encoder, "window_counts", lambda texts: [1] * len(texts))(texts)
        reduced = getattr(self.encoder, "reduced", None)
        before = len(self.done)
        for place, (piece, vector, count) in enumerate(zip(batch, vectors, counts, strict=True)):
            self.totals[piece.row] += piece.chunk.weight / len(self.sequences[piece.row]) * vector
            self.pieces[piece.row] += count
            self.reduced[piece.row] |= piece.reduced or (reduced is not None and reduced[place])
            self.contributed[piece.row] += piece.chunk.weight
            self.done.add(piece.row)
        tokens = [piece.tokens for piece in batch]
        self.read += sum(tokens)
        self.computed += padded_tokens(tokens) if getattr(self.encoder, "pads", True) else sum(tokens)
        self.batches += 1
        return sum(piece.chunk.weight for piece in batch), len(self.done) - before


def embed_sequences(
    encoder: Encoder,
    sequences: Sequence[str],
    names: Sequence[str],
    budget: int,
    advance: Callable[[int, int], None] = lambda residues, sequences: None,
    limit: MemoryLimit | None = None,
) -> Applied:
    """Map sequences to vectors, longest first in batches.

    A sequence beyond the encoder's context is split into overlapping pieces, and their vectors are averaged
    by the residues that each contributes. A batch for which memory does not suffice is halved, and a single
    piece is split into smaller ones; what a batch is halved into depends on its size and on the memory alone,
    not on what was tried before.

    Parameters
    ----------
    encoder : Encoder
    sequences : sequence of str
        None is empty.
    names : sequence of str
        What messages call them.
    budget : int
        Residues and special tokens per batch, padding included.
    advance : callable, optional
        Called after every batch with the residues and the sequences that it adds.
    limit : MemoryLimit, optional
        What earlier calls found out about memory; updated.

    Returns
    -------
    Applied

    Raises
    ------
    GenoProtError
        If the encoder gives another shape, something else than numbers, NaN or infinity, if the device
        fails, or if memory does not suffice for the smallest piece.
    """
    limit = MemoryLimit() if limit is None else limit
    context = None if hasattr(encoder, "window_counts") else encoder.spec.context
    pieces = [
        _Piece(row, chunk)
        for row, sequence in enumerate(sequences)
        for chunk in chunk_spans(len(sequence), context)
    ]
    count = len(sequences)
    sums = _Sums(
        encoder,
        sequences,
        np.zeros((count, encoder.spec.dimension)),
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=bool),
        np.zeros(count, dtype=np.int64),
    )
    most = MOST_PADDING if getattr(encoder, "pads", False) else 1.0
    for chosen in token_batches([piece.tokens for piece in pieces], budget, most):
        waiting = [[pieces[index] for index in chosen]]
        while waiting:
            batch = waiting.pop()
            texts = [sequences[piece.row][piece.chunk.start : piece.chunk.stop] for piece in batch]
            labels = [names[piece.row] for piece in batch]
            vectors = _attempt(encoder, texts, labels, padded_tokens([p.tokens for p in batch]), limit)
            if vectors is None:
                waiting += _smaller(encoder, batch, labels)
            else:
                advance(*sums.add(batch, texts, vectors))
    return Applied(
        sums.totals.astype(np.float32),
        sums.pieces,
        sums.reduced,
        sums.contributed,
        sums.read,
        sums.computed,
        sums.batches,
    )


def _attempt(
    encoder: Encoder, texts: list[str], labels: list[str], tokens: int, limit: MemoryLimit
) -> np.ndarray | None:
    """Vectors of a batch; None when memory does not suffice."""
    # A single piece is tried whatever happened before: splitting it changes more than the last bits.
    if len(texts) > 1 and limit.excludes(tokens):
        return None
    try:
        return _checked(encoder, encoder.embed(list(texts)), labels)
    except Exception as error:  # allocators and drivers raise a different class each
        if memory_ran_out(error):
            limit.note(tokens)
        elif device_failed(error):
            reason = " ".join(str(error).split())[:200]
            raise GenoProtError(
                f"encoder {encoder.spec.name}: the device failed at {labels[0]} ({reason}); "
                "run the same command again when it is back"
            ) from None
        else:
            raise
    # Outside of the handler the failed call's tensors are no longer held by its traceback.
    release_memory()
    return None


def _smaller(encoder: Encoder, batch: list[_Piece], labels: list[str]) -> list[list[_Piece]]:
    """A batch that does not fit as several smaller ones, the first of them at the end."""
    if len(batch) > 1:
        middle = (len(batch) + 1) // 2
        return [batch[middle:], batch[:middle]]
    (piece,) = batch
    parts = split_chunk(piece.chunk)
    if len(parts) == 1:
        raise GenoProtError(
            f"encoder {encoder.spec.name}: memory does not suffice for {piece.chunk.length} residues of "
            f"{labels[0]}; free some, or choose another --device"
        )
    return [[_Piece(piece.row, part, reduced=True)] for part in reversed(parts)]


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
        vectors = np.asarray(as_array(output), dtype=np.float32)
    except (TypeError, ValueError):
        raise GenoProtError(f"encoder {name} gave {type(output).__name__}, not an array of numbers") from None
    if vectors.shape != expected:
        raise GenoProtError(f"encoder {name} gave an array of shape {vectors.shape} instead of {expected}")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise GenoProtError(f"encoder {name} gave NaN or infinity for {names[int(finite.argmin())]}")
    return vectors
