"""Overlapping chunks of sequences that are longer than a context."""

from __future__ import annotations

from dataclasses import dataclass

from genoprot_datasets.errors import GenoProtError

__all__ = ["SMALLEST_CHUNK", "Chunk", "chunk_spans", "split_chunk"]

SMALLEST_CHUNK = 32
"""Residues below which a chunk is not split any further."""


@dataclass(frozen=True)
class Chunk:
    """One chunk of a sequence, in half-open positions counted from 0.

    Parameters
    ----------
    start, stop : int
        What the encoder reads.
    own_start, own_stop : int
        What the chunk contributes; the chunks' own spans follow one another without gap or overlap.
    """

    start: int
    stop: int
    own_start: int
    own_stop: int

    @property
    def length(self) -> int:
        """Residues that the encoder reads."""
        return self.stop - self.start

    @property
    def weight(self) -> int:
        """Residues that the chunk contributes."""
        return self.own_stop - self.own_start


def chunk_spans(length: int, context: int | None, overlap: int | None = None) -> tuple[Chunk, ...]:
    """Split a sequence into the fewest chunks of nearly equal length that fit a context.

    Neighbours share `overlap` positions or a few more; where they do, each contributes the half that is
    nearer to its own middle.

    Parameters
    ----------
    length : int
        Residues of the sequence, at least 1.
    context : int, optional
        Most residues of a chunk; the sequence stays whole when left out.
    overlap : int, optional
        Least residues that neighbours share, less than the context; a quarter of the context when left out.

    Returns
    -------
    tuple of Chunk

    Raises
    ------
    GenoProtError
        If the overlap leaves nothing of the context.

    Examples
    --------
    >>> [(chunk.start, chunk.stop, chunk.weight) for chunk in chunk_spans(10, context=6, overlap=2)]
    [(0, 6, 5), (4, 10, 5)]
    """
    if context is None or length <= context:
        return (Chunk(0, length, 0, length),)
    overlap = context // 4 if overlap is None else overlap
    if not 0 <= overlap < context:
        raise GenoProtError(f"overlap of {overlap} residues does not fit a context of {context}")
    count = -(-(length - overlap) // (context - overlap))
    size = -(-(length + (count - 1) * overlap) // count)
    starts = [index * (length - size) // (count - 1) for index in range(count)]
    bounds = [0, *((left + size + right) // 2 for left, right in zip(starts, starts[1:])), length]
    return tuple(
        Chunk(start, start + size, own_start, own_stop)
        for start, own_start, own_stop in zip(starts, bounds, bounds[1:])
    )


def split_chunk(chunk: Chunk) -> tuple[Chunk, ...]:
    """Smaller chunks, of half the length or a little more, that contribute the same residues.

    Parameters
    ----------
    chunk : Chunk

    Returns
    -------
    tuple of Chunk
        The chunk itself when it is not longer than `SMALLEST_CHUNK`.

    Examples
    --------
    >>> parts = split_chunk(Chunk(100, 180, 110, 180))
    >>> [(part.start, part.stop, part.own_start, part.own_stop) for part in parts]
    [(100, 134, 110, 128), (123, 157, 128, 151), (146, 180, 151, 180)]
    """
    if chunk.length <= SMALLEST_CHUNK:
        return (chunk,)
    spans = chunk_spans(chunk.length, -(-chunk.length // 2))
    parts = []
    for span in spans:
        own_start = max(chunk.own_start, chunk.start + span.own_start)
        own_stop = min(chunk.own_stop, chunk.start + span.own_stop)
        if own_start < own_stop:
            parts.append(Chunk(chunk.start + span.start, chunk.start + span.stop, own_start, own_stop))
    return tuple(parts)
