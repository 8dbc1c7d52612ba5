from __future__ import annotations

import h5py
import numpy as np
import pytest
from damage import unless_refused
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.vectors import read_protein_vectors


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors") / "per-protein.h5"


def write(path, vectors):
    with h5py.File(path, "w") as file:
        for name, vector in vectors.items():
            file[name] = vector
    return path


@given(
    st.dictionaries(
        st.from_regex("[OPQ][0-9]{3}", fullmatch=True),
        arrays(np.float16, 4, elements=st.floats(-100, 100, width=16)),
        min_size=1,
        max_size=5,
    )
)
def test_round_trip_in_the_order_of_accessions(path, vectors):
    names, matrix = read_protein_vectors(write(path, vectors))
    assert names == sorted(vectors)
    assert matrix.dtype == np.float32
    assert np.array_equal(matrix, np.stack([vectors[name] for name in names]).astype(np.float32))


def test_only_what_is_wanted_and_there(path):
    write(path, {"P2": np.ones(3), "P1": np.zeros(3), "P3": np.full(3, np.nan)})
    names, matrix = read_protein_vectors(path, ["P2", "P9", "P1"])
    assert names == ["P1", "P2"]
    assert matrix.tolist() == [[0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ({}, "no vector of any of the proteins"),
        ({"P1": np.ones(3), "P2": np.ones(4)}, "record P2: 4 dimensions, expected 3 as in P1"),
        ({"P1": np.array([1, np.nan])}, "record P1: vector with a value that is not finite"),
        ({"P1": np.ones((2, 2))}, "record P1: expected a vector of numbers"),
        ({"P1": np.float32(1)}, "record P1: expected a vector of numbers"),
        ({"P1": np.ones(0)}, "record P1: expected a vector of numbers"),
        ({"P1": b"text"}, "record P1: expected a vector of numbers"),
        ({"P1/inner": np.ones(3)}, "record P1: expected a vector of numbers"),
    ],
)
def test_refused(path, vectors, message):
    with pytest.raises(SourceError, match=message):
        read_protein_vectors(write(path, vectors))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(SourceError, match="not found"):
        read_protein_vectors(tmp_path / "per-protein.h5")
    with pytest.raises(SourceError, match="is a folder"):
        read_protein_vectors(tmp_path)


# The C library that reads the bytes may not be safe against every one of them, so they stay the same.
@settings(derandomize=True)
@given(st.integers(0, 4000), st.binary(max_size=40))
def test_damaged_files_parse_or_are_refused(path, position, piece):
    whole = write(path, {f"P{i}": np.arange(8, dtype=np.float16) for i in range(4)}).read_bytes()
    path.write_bytes(whole[:position] + piece + (b"" if len(piece) % 2 else whole[position + len(piece) :]))
    found = unless_refused(lambda: read_protein_vectors(path))
    assert found is None or found[1].shape[0] == len(found[0])


def test_human_slice(shared):
    names, matrix = read_protein_vectors(shared / "data" / "human-slice" / "per-protein.h5")
    assert matrix.shape == (688, 64)
    assert names == sorted(names)
