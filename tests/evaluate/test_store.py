"""Embeddings on disk: shards and finished runs."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.store import (
    Staging,
    commit_run,
    finished_run,
    load_embeddings,
    plan_shards,
    run_configs,
    run_key,
    runs,
    write_card,
)

ACCESSIONS = [f"P{number:04d}" for number in range(10)]


def vectors_of(rows, width=3):
    return np.random.default_rng(0).standard_normal((rows, width)).astype(np.float32)


def write_run(out, name="mine", vectors=None, records=4):
    """A finished run of `ACCESSIONS`, through the same steps as `embed`."""
    vectors = vectors_of(len(ACCESSIONS)) if vectors is None else vectors
    staging = Staging(out / f".{name}.partial")
    shards = plan_shards(np.arange(len(ACCESSIONS)) % 7, records=records)
    for index, positions in enumerate(shards):
        staging.write(index, vectors[positions], {"pieces": len(positions)})
    record = {
        "schema_version": 1,
        "key": run_key({"name": name}),
        "view": "protein",
        "dataset": {"name": "tiny/geno-prot", "fingerprint": "0"},
        "encoder": {"readout": "mean", "licence": ""},
    }
    folder = commit_run(out, name, record, {}, pa.array(ACCESSIONS), shards, staging)
    write_card(out, staging)
    staging.remove()
    return folder


@given(st.lists(st.integers(1, 500), min_size=1, max_size=80), st.integers(1, 9), st.integers(1, 900))
def test_shards_hold_every_record_once_within_their_bounds(lengths, records, residues):
    shards = plan_shards(np.array(lengths), records=records, residues=residues)
    assert sorted(np.concatenate(shards)) == list(range(len(lengths)))
    for shard in shards:
        assert len(shard) <= records
        assert sum(lengths[position] for position in shard) <= residues or len(shard) == 1
    order = [lengths[position] for shard in shards for position in shard]
    assert order == sorted(order, reverse=True)


def test_a_shard_counts_only_when_it_is_whole(tmp_path):
    staging = Staging(tmp_path / "staging")
    vectors = vectors_of(4)
    staging.write(2, vectors, {"chunked": 1, "pieces": 9}, {"seconds": 0.5})
    shard = staging.find(2)
    assert shard.counts == {"chunked": 1, "pieces": 9}
    assert shard.measured == {"seconds": 0.5}
    assert np.array_equal(staging.vectors(2), vectors)
    assert staging.find(1) is None
    assert staging.fault(1) is None
    path = tmp_path / "staging" / "00002.npy"
    whole = path.read_bytes()
    for damage in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        path.write_bytes(damage)
        assert staging.find(2) is None
        assert "damaged" in staging.fault(2)
    path.unlink()
    assert staging.find(2) is None
    assert "missing" in staging.fault(2)
    path.write_bytes(whole)
    assert staging.find(2) == shard
    (tmp_path / "staging" / "00002.json").write_text("{")
    assert staging.find(2) is None
    assert "not the record of a shard" in staging.fault(2)
    for aside in ("00002.npy", "00002.npy.2"):
        staging.set_aside(2, tmp_path / "aside")
        assert (tmp_path / "aside" / aside).read_bytes() == whole
        assert staging.fault(2) is None
        path.write_bytes(whole)


def test_a_finished_run_is_read_back_bit_by_bit(tmp_path):
    vectors = vectors_of(len(ACCESSIONS))
    folder = write_run(tmp_path / "out", vectors=vectors)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "mine"]
    for source in (tmp_path / "out", str(folder)):
        table = load_embeddings(source)
        assert (table.name, table.dimension, len(table)) == ("mine", 3, 10)
        assert table.accessions == ACCESSIONS
        assert np.array_equal(table.vectors, vectors)
        assert table.run["rows"] == 10
    assert load_embeddings(table) is table


def test_many_rows_go_to_several_files_of_the_same_content(tmp_path, monkeypatch):
    write_run(tmp_path / "one")
    monkeypatch.setattr(runs, "FILE_VALUES", 12)
    folder = write_run(tmp_path / "three")
    assert [path.name for path in sorted(folder.glob("*.parquet"))] == [
        f"train-{number:05d}-of-00003.parquet" for number in range(3)
    ]
    one, three = load_embeddings(tmp_path / "one"), load_embeddings(tmp_path / "three")
    assert np.array_equal(one.vectors, three.vectors)
    assert one.accessions == three.accessions


def test_several_configurations_live_in_one_folder(tmp_path):
    write_run(tmp_path, "b")
    write_run(tmp_path, "a", vectors=vectors_of(10, width=5))
    assert run_configs(tmp_path) == ("a", "b")
    card = (tmp_path / "README.md").read_text()
    assert "config_name: a" in card
    assert "path: b/*.parquet" in card
    assert load_embeddings(tmp_path, "a").dimension == 5
    with pytest.raises(SourceError, match="several configurations, name one: a, b"):
        load_embeddings(tmp_path)
    with pytest.raises(SourceError, match="no configuration 'c'; it has a, b"):
        load_embeddings(tmp_path, "c")


def test_the_folder_loads_with_datasets(tmp_path):
    import datasets

    write_run(tmp_path / "out", "a")
    write_run(tmp_path / "out", "b", vectors=vectors_of(10, width=5))
    loaded = datasets.load_dataset(str(tmp_path / "out"), "b", cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].column_names == ["accession", "embedding"]
    expected = load_embeddings(tmp_path / "out", "b")
    for source in (loaded, loaded["train"]):
        assert np.array_equal(load_embeddings(source).vectors, expected.vectors)


def test_a_finished_run_that_was_damaged_later_is_named(tmp_path):
    folder = write_run(tmp_path)
    (path,) = folder.glob("*.parquet")
    whole = bytearray(path.read_bytes())
    whole[50] ^= 1
    path.write_bytes(whole)
    with pytest.raises(SourceError, match=f"{path.name}: damaged"):
        load_embeddings(tmp_path)
    path.unlink()
    with pytest.raises(SourceError, match=r"not found, though run\.json lists it"):
        load_embeddings(tmp_path)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "schema_version": 99}))
    with pytest.raises(SourceError, match="schema version 99; this version reads 1"):
        finished_run(folder)
    (folder / "run.json").write_text("[")
    with pytest.raises(SourceError, match="not the record of a run"):
        load_embeddings(tmp_path)
