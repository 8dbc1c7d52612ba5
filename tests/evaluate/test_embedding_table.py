"""Embeddings read from folders, files and arrays, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.store import (
    EmbeddingTable,
    load_embeddings,
    parts,
)


def write_parquet(folder, name="a.parquet", accessions=("P1", "P2"), vectors=None, kind=None):
    vectors = [[1.0, 2.0], [3.0, 4.0]] if vectors is None else vectors
    folder.mkdir(parents=True, exist_ok=True)
    column = pa.array(vectors, kind or pa.list_(pa.float32()))
    pq.write_table(pa.table({"accession": list(accessions), "embedding": column}), folder / name)
    return folder / name


def test_other_sources_give_the_same_table(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32)
    accessions = ["P2", "P0", "P1"]
    folder = write_parquet(tmp_path, accessions=accessions, vectors=vectors.tolist()).parent
    sources = [
        dict(zip(accessions, vectors)),
        {a: v.astype(np.float64).tolist() for a, v in zip(accessions, vectors)},
        (np.array(accessions), vectors.astype(np.float64)),
        folder,
    ]
    for source in sources:
        table = load_embeddings(source, name="x")
        assert table.name == "x"
        assert table.accessions == ["P0", "P1", "P2"]
        assert table.vectors.dtype == np.float32
        np.testing.assert_array_equal(table.vectors, vectors[[1, 2, 0]])


def test_rows_find_accessions_and_name_those_that_lack():
    table = load_embeddings({"P1": [1.0], "P3": [3.0], "P2": [2.0]}, name="mine")
    rows = table.rows(["P3", "P1", "P3"])
    assert rows.dtype == np.int64
    assert table.vectors[rows].ravel().tolist() == [3, 1, 3]
    assert table.rows([]).shape == (0,)
    with pytest.raises(GenoProtError, match=r"'mine' lack 4 of .* \(P5, P6, P7, \.\.\.\)"):
        table.rows(["P1", "P8", "P7", "P6", "P5", "P5"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "no rows"),
        ({"P1": [1.0, 2.0], "P2": [1.0]}, "embedding of P2 has width 1, that of P1 has 2"),
        ({"P1": ["a"]}, "not numbers"),
        ((["P1"], np.array([[1j]])), "embeddings are complex128, not real numbers"),
        ((["P1"], np.array([["1.5"]])), "embeddings are <U3, not real numbers"),
        ((["P1", None], np.ones((2, 3))), "row 1 of the embeddings is named None, which is no accession"),
        ({b"P1": [1.0]}, "row 0 of the embeddings is named b.P1., which is no accession"),
        ({"P1": [np.nan], "P2": [1.0]}, r"NaN or infinity in the vectors of 1 accessions \(P1\)"),
        ({"P1": [1e300]}, "NaN or infinity"),
        ((["P1"], np.zeros((2, 3))), r"1 accessions and a matrix of shape \(2, 3\)"),
        ((["P1", "P2"], np.zeros(2)), "a matrix of shape"),
        ((["P1", "P1"], np.zeros((2, 3))), r"1 accessions come more than once \(P1\)"),
        ((["P1"], np.zeros((1, 0))), "vectors of width 0"),
        (7, "embeddings of type int"),
        ("no/such/folder", "no such folder"),
    ],
)
def test_unusable_sources_are_named(source, message):
    with pytest.raises(GenoProtError, match=message) as error:
        load_embeddings(source)
    assert "\n" not in str(error.value)


def test_a_hub_id_without_network_is_one_line():
    with pytest.raises(GenoProtError, match="embeddings 'me/mine': no such folder here, and the Hub"):
        load_embeddings("me/mine")


def test_unusable_folders_are_named(tmp_path):
    with pytest.raises(SourceError, match="no Parquet or safetensors file in it"):
        load_embeddings(tmp_path)
    (tmp_path / "mine.npy").touch()
    with pytest.raises(
        SourceError, match=r"safetensors file in it, only mine\.npy; write a Parquet file with"
    ):
        load_embeddings(tmp_path)
    (tmp_path / ".mine.0123.partial").mkdir()
    with pytest.raises(SourceError, match="the run is not finished"):
        load_embeddings(tmp_path)
    (tmp_path / "junk.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="junk.parquet: not a readable Parquet file"):
        load_embeddings(tmp_path)


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_float32_are_refused_without_a_warning(tmp_path):
    pq.write_table(pa.table({"accession": ["P1"], "embedding": [[1e300]]}), tmp_path / "a.parquet")
    for source in (tmp_path, {"P1": [1e300]}, (["P1"], np.array([[1e300]]))):
        with pytest.raises(GenoProtError, match=r"NaN or infinity .* \(P1\); float16 ends at 65,504"):
            load_embeddings(source)


def test_one_file_stands_for_itself(tmp_path):
    pq.write_table(pa.table({"accession": ["P2"], "embedding": [[2.0]]}), tmp_path / "mine.parquet")
    pq.write_table(pa.table({"accession": ["P3"], "embedding": [[3.0]]}), tmp_path / "other.parquet")
    table = load_embeddings(str(tmp_path / "mine.parquet"))
    assert (table.name, table.accessions, table.vectors.tolist()) == ("mine", ["P2"], [[2.0]])
    save_file({"P1": np.ones(2)}, tmp_path / "x.safetensors")
    assert load_embeddings(tmp_path / "x.safetensors", name="y").name == "y"
    (tmp_path / "x.csv").touch()
    with pytest.raises(SourceError, match=r"x\.csv: neither Parquet nor safetensors"):
        load_embeddings(tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        (["e-00000-of-00003", "e-00002-of-00003"], "e-00001-of-00003.parquet"),
        (["00001-of-00002"], "00000-of-00002.parquet"),
        (["e-00002-of-00002"], "e-00001-of-00002.parquet"),
        (["e-00001-of-00002", "e-00002-of-00002"], None),
        (["e-00000-of-00001", "other"], None),
    ],
)
def test_a_missing_shard_is_named(there, missing, tmp_path):
    for number, name in enumerate(there):
        table = pa.table({"accession": [f"P{number}"], "embedding": [[1.0]]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    if missing is None:
        assert len(load_embeddings(tmp_path)) == len(there)
        return
    with pytest.raises(SourceError, match=f": {missing} is missing"):
        load_embeddings(tmp_path)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("P04637.2", "P04637 is there as 'P04637.2'; name the vectors by the bare accession"),
        ("P04637-2", "P04637 is there as 'P04637-2'"),
        ("p04637", "P04637 is there as 'p04637'"),
        ("sp|P04637|P53_HUMAN", "P04637 is there as 'sp|P04637|P53_HUMAN'"),
        ("P04637 ", "P04637 is there as 'P04637 '"),
        ("TP53", "its vectors are named TP53; name them by the accession"),
        ("P38398", "embed the whole dataset again"),
    ],
)
def test_accessions_that_are_spelled_otherwise_are_told(named, said):
    with pytest.raises(GenoProtError, match=re.escape(said)):
        load_embeddings({named: [1.0]}).rows(["P04637"])


def test_a_row_without_an_accession_is_named(tmp_path):
    pq.write_table(pa.table({"accession": ["P1", None], "embedding": [[1.0]] * 2}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="row 1, counted from 0, has no accession"):
        load_embeddings(tmp_path)


def test_unusable_columns_are_named(tmp_path):
    pq.write_table(pa.table({"id": ["P1"], "embedding": [[1.0]]}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="no column accession; it has id, embedding"):
        load_embeddings(tmp_path)
    cases = [
        ([1.0, 2.0], pa.float32(), "float, not a list of numbers"),
        ([["a"], ["b"]], pa.list_(pa.string()), "not a list of numbers"),
        ([["1"], ["2"]], pa.list_(pa.string()), "not a list of numbers"),
        ([[1.0], None], pa.list_(pa.float32()), "record P2: no vector"),
        ([[1.0], [1.0, 2.0]], pa.list_(pa.float32()), "record P2: a vector of width 2, but 1 before it"),
        ([[1.0], [None]], pa.list_(pa.float32()), r"NaN or infinity in the vectors of 1 accessions \(P2\)"),
        ([[], []], pa.list_(pa.float32()), "vectors of width 0"),
    ]
    for vectors, kind, message in cases:
        write_parquet(tmp_path, vectors=vectors, kind=kind)
        with pytest.raises(SourceError, match=message):
            load_embeddings(tmp_path)
    write_parquet(tmp_path, accessions=[], vectors=[])
    with pytest.raises(SourceError, match="no rows"):
        load_embeddings(tmp_path)


def test_rows_come_in_blocks_and_faults_are_named_in_every_one(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "BLOCK_BYTES", 4 * 2 * 3)
    rng = np.random.default_rng(0)
    names = [f"P{number:02d}" for number in rng.permutation(20)]
    vectors = rng.normal(size=(20, 2)).astype(np.float32)
    expected = vectors[np.argsort(names)]
    for kind in (pa.list_(pa.float32()), pa.list_(pa.float32(), 2), pa.large_list(pa.float64())):
        path = write_parquet(tmp_path, accessions=names, vectors=vectors.tolist(), kind=kind)
        assert [len(block) for block in parts.parquet_part(path).blocks()] == [3] * 6 + [2]
        assert np.array_equal(load_embeddings(tmp_path).vectors, expected)
    rows = vectors.tolist()
    write_parquet(tmp_path, accessions=names, vectors=[*rows[:16], None, *rows[17:]])
    with pytest.raises(SourceError, match=f"record {names[16]}: no vector"):
        load_embeddings(tmp_path)
    write_parquet(tmp_path, accessions=names, vectors=[*rows[:16], [1.0], *rows[17:]])
    with pytest.raises(SourceError, match=f"record {names[16]}: a vector of width 1, but 2 before it"):
        load_embeddings(tmp_path)
    broken = [[float("nan"), 1.0] if number in (2, 9, 19) else row for number, row in enumerate(rows)]
    write_parquet(tmp_path, accessions=names, vectors=broken)
    listed = ", ".join(sorted(names[number] for number in (2, 9, 19)))
    with pytest.raises(SourceError, match=rf"the vectors of 3 accessions \({listed}\)"):
        load_embeddings(tmp_path)


def test_files_that_differ_are_named(tmp_path):
    write_parquet(tmp_path, "a.parquet")
    write_parquet(tmp_path, "b.parquet", accessions=["P3"], vectors=[[1.0, 2.0, 3.0]])
    with pytest.raises(
        SourceError, match=r"b\.parquet: vectors of width 3, but 2 in .*a\.parquet; .*name the folder of one"
    ):
        load_embeddings(tmp_path)
    write_parquet(tmp_path, "b.parquet", accessions=["P1"], vectors=[[1.0, 2.0]])
    with pytest.raises(SourceError, match="more than once"):
        load_embeddings(tmp_path)


def test_an_embedding_table_is_not_compared_by_its_matrix():
    table = EmbeddingTable("x", ["P1"], np.zeros((1, 2), np.float32))
    assert table == table
    assert table != EmbeddingTable("x", ["P1"], np.zeros((1, 2), np.float32))


def test_tensors_named_by_accession_are_read(tmp_path):
    save_file({"P2": np.ones(3, np.float16), "P1": np.arange(3.0)}, tmp_path / "a.safetensors")
    table = load_embeddings(tmp_path)
    assert table.accessions == ["P1", "P2"]
    assert table.vectors.dtype == np.float32
    assert table.vectors.tolist() == [[0, 1, 2], [1, 1, 1]]


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "no tensors"),
        ({"P1": np.ones(2), "P2": np.ones(3)}, "record P2: a tensor F64 of shape"),
        ({"P1": np.ones((2, 2))}, "expected one vector per accession"),
        ({"P1": np.ones(2, np.int64)}, "a tensor I64"),
        ({"P1": np.array([np.nan])}, "NaN or infinity"),
    ],
)
def test_tensors_that_are_no_embeddings_are_told(tmp_path, tensors, message):
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(SourceError, match=message):
        load_embeddings(tmp_path)


def test_no_pickle_is_read(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"\x80\x04\x95")
    with pytest.raises(SourceError, match="not a readable safetensors file"):
        load_embeddings(tmp_path)
    (tmp_path / "a.safetensors").rename(tmp_path / "a.pkl")
    with pytest.raises(SourceError, match="no Parquet or safetensors file"):
        load_embeddings(tmp_path)
