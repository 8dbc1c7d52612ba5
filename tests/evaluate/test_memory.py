"""Memory that runs out inside an encoder, and devices that fail."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.chunking import SMALLEST_CHUNK, Chunk, chunk_spans, split_chunk
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders import EncoderSpec
from genoprot_evaluate.encoders.apply import MemoryLimit, embed_sequences

ALLOCATOR = "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory"


class Small:
    """Share of A and length, on a device that holds so many padded tokens at once."""

    weights_digest = "none"

    def __init__(self, holds, error=None, context=None):
        self.spec = EncoderSpec("small", modality="protein", dimension=2, context=context)
        self.holds = holds
        self.error = error or torch.OutOfMemoryError("CUDA out of memory.")
        self.tried = []

    def embed(self, sequences):
        tokens = len(sequences) * (max(map(len, sequences)) + 2)
        self.tried.append(tokens)
        if tokens > self.holds:
            raise self.error
        return np.array([[s.count("A") / len(s), 1.0] for s in sequences], dtype=np.float32)


def texts(*lengths):
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACDE"), size=length)) for length in lengths]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), RuntimeError(ALLOCATOR)]
)
def test_batches_are_halved_and_what_failed_is_remembered(error):
    sequences = texts(*range(80, 40, -1))
    expected = embed_sequences(Small(10**9), sequences, sequences, 2_000)
    encoder, limit = Small(700, error), MemoryLimit()
    found = embed_sequences(encoder, sequences, sequences, 2_000, limit=limit)
    assert np.array_equal(found.vectors, expected.vectors)
    assert not found.reduced.any()
    assert limit.tokens > 700
    assert limit.failures == sum(tokens > 700 for tokens in encoder.tried) < 5
    # The next call does not try again what does not fit.
    again = Small(700, error)
    embed_sequences(again, sequences, sequences, 2_000, limit=limit)
    assert max(again.tried) < limit.tokens


def test_what_was_tried_before_changes_no_batch():
    sequences = texts(*range(90, 30, -1))
    first, second = Small(600), Small(600)
    embed_sequences(first, sequences, sequences, 3_000, limit=MemoryLimit())
    embed_sequences(second, sequences, sequences, 3_000, limit=MemoryLimit(601))
    assert [t for t in first.tried if t <= 600] == second.tried


@pytest.mark.parametrize("context", [None, 150])
def test_a_sequence_that_does_not_fit_alone_is_read_in_smaller_pieces(context):
    sequences = texts(400, 30)
    encoder = Small(64, context=context)
    found = embed_sequences(encoder, sequences, ["P1", "P2"], 10_000)
    assert found.reduced.tolist() == [True, False]
    assert 7 <= found.pieces[0] <= 40
    assert found.contributed.tolist() == [400, 30]
    share = sequences[0].count("A") / 400
    assert found.vectors[0] == pytest.approx([share, 1.0], abs=0.1)


def test_memory_that_does_not_suffice_for_the_smallest_piece_is_one_line():
    with pytest.raises(GenoProtError, match=r"memory does not suffice for \d+ residues of P1"):
        embed_sequences(Small(10), texts(400), ["P1"], 10_000)


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shapes"):
        embed_sequences(Small(10, RuntimeError("shapes do not match")), texts(40), ["P1"], 100)


@given(st.integers(1, 900), st.integers(40, 200), st.integers(0, 20))
def test_smaller_pieces_contribute_the_same_residues(length, context, depth):
    for chunk in chunk_spans(length, context):
        parts = [chunk]
        for _ in range(depth % 4):
            parts = [part for whole in parts for part in split_chunk(whole)]
        spans = [(part.own_start, part.own_stop) for part in parts]
        assert spans[0][0] == chunk.own_start
        assert spans[-1][1] == chunk.own_stop
        assert all(left[1] == right[0] for left, right in zip(spans, spans[1:]))
        for part in parts:
            assert part.start <= part.own_start < part.own_stop <= part.stop
            assert chunk.start <= part.start < part.stop <= chunk.stop


def test_a_smallest_piece_is_not_split():
    chunk = Chunk(0, SMALLEST_CHUNK, 0, SMALLEST_CHUNK)
    assert split_chunk(chunk) == (chunk,)


def test_a_run_leaves_no_record_out_and_counts_what_it_split(tiny_dataset, tmp_path):
    embed(Small(100), tiny_dataset, tmp_path, batch_tokens=1_000)
    run = json.loads((tmp_path / "small" / "run.json").read_text())
    measured = json.loads((tmp_path / "small" / "measured.json").read_text())
    assert run["rows"] == 40
    assert run["reduced"] > 0
    assert run["pieces"] > 40
    assert (run["coverage"], run["truncated"]) == (1.0, 0)
    assert measured["memory_failures"] > 0
    assert measured["does_not_fit"] > 100


def test_a_device_that_fails_is_one_line_and_finished_shards_are_kept(sharded_dataset, tmp_path):
    encoder = Small(10**9)
    gone = Small(0, RuntimeError("CUDA error: unspecified launch failure\nCompile with ..."))
    encoder.spec = gone.spec

    class Failing(Small):
        def embed(self, sequences):
            return (gone if len(self.tried) > 1 else super()).embed(sequences)

    with pytest.raises(GenoProtError, match="encoder small: the device failed at Q.*run the same command"):
        embed(Failing(10**9), sharded_dataset, tmp_path)
    assert list(tmp_path.glob(".small.*/00000.json"))
    assert not (tmp_path / "small").exists()
    embed(encoder, sharded_dataset, tmp_path)
    assert (tmp_path / "small" / "run.json").is_file()
