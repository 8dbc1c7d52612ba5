"""Large tables are mapped from a file and are the same as small ones."""

from __future__ import annotations

import mmap

import numpy as np
import pytest

from genoprot_evaluate.heads import HeadConfig, train_head
from genoprot_evaluate.store import load_embeddings, mapping, parts

NAMES = [f"P{number * 7 % 40:02d}" for number in range(40)]


def base_of(array: np.ndarray):
    while isinstance(array, np.ndarray):
        array = array.base
    return array


@pytest.fixture
def tables(monkeypatch):
    """The same vectors in memory and in a mapped file."""
    vectors = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    plain = load_embeddings((NAMES, vectors))
    monkeypatch.setattr(mapping, "MAPPED_BYTES", 4 * vectors.size - 1)
    monkeypatch.setattr(parts, "BLOCK_BYTES", 4 * 30 * 7)
    return plain, load_embeddings((NAMES, vectors))


def test_mapped_table_holds_the_same_rows(tables):
    plain, mapped = tables
    assert isinstance(base_of(mapped.vectors), mmap.mmap)
    assert not isinstance(base_of(plain.vectors), mmap.mmap)
    assert type(mapped.vectors) is np.ndarray
    assert (plain.accessions, plain.vectors.tolist()) == (mapped.accessions, mapped.vectors.tolist())
    assert plain.accessions == sorted(NAMES) != NAMES


def test_head_trained_on_mapped_vectors_is_the_same(tables):
    pairs = np.random.default_rng(1).integers(0, 40, size=(200, 2))
    labels = np.arange(200) % 2
    config = HeadConfig(hidden=(8,), epochs=2)
    one, other = (train_head(table.vectors, pairs, labels, config=config) for table in tables)
    assert all(np.array_equal(a, b) for x, y in zip(one.layers, other.layers) for a, b in zip(x, y))
    probabilities = [head.predict_proba(table.vectors, pairs) for head, table in zip((one, other), tables)]
    assert np.array_equal(*probabilities)
