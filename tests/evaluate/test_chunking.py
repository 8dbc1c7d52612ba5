"""Chunks of long sequences."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.chunking import chunk_spans


@given(st.integers(1, 5_000), st.integers(1, 600), st.integers(0, 599))
def test_own_spans_tile_the_sequence_inside_chunks_that_fit(length, context, overlap):
    assume(overlap < context)
    chunks = chunk_spans(length, context, overlap)
    assert chunks[0].start == chunks[0].own_start == 0
    assert chunks[-1].stop == chunks[-1].own_stop == length
    assert all(left.own_stop == right.own_start for left, right in zip(chunks, chunks[1:]))
    assert all(chunk.start <= chunk.own_start < chunk.own_stop <= chunk.stop for chunk in chunks)
    assert all(chunk.length <= context for chunk in chunks)
    assert all(left.stop - right.start >= overlap for left, right in zip(chunks, chunks[1:]))
    assert sum(chunk.weight for chunk in chunks) == length
    fewest = 1 if length <= context else -(-(length - overlap) // (context - overlap))
    assert len(chunks) == fewest


@given(st.integers(1, 5_000), st.integers(8, 600))
def test_every_residue_counts_where_it_has_context_on_both_sides(length, context):
    chunks = chunk_spans(length, context)
    for left, right in zip(chunks, chunks[1:]):
        assert left.stop - left.own_stop >= context // 4 // 2
        assert right.own_start - right.start >= context // 4 // 2


def test_a_sequence_that_fits_stays_whole():
    for context in (None, 7, 8):
        (chunk,) = chunk_spans(7, context)
        assert (chunk.start, chunk.stop, chunk.weight) == (0, 7, 7)


def test_an_overlap_that_leaves_nothing_is_refused():
    with pytest.raises(GenoProtError, match="overlap of 10 residues does not fit a context of 10"):
        chunk_spans(100, 10, 10)
