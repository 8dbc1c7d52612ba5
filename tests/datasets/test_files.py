"""Nothing half-written under a final name; same table, same bytes."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import atomic_file, atomic_folder, sha256_of, write_parquet_groups


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_folder_appears_whole(tmp_path):
    final = tmp_path / "a" / "b"
    with atomic_folder(final) as staging:
        (staging / "x").write_text("1")
        assert not final.exists()
    assert (final / "x").read_text() == "1"
    assert leftovers(tmp_path / "a") == []


def test_failure_keeps_the_old_folder(tmp_path):
    final = tmp_path / "b"
    final.mkdir()
    (final / "x").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(final) as staging:
        (staging / "x").write_text("new")
        raise KeyboardInterrupt
    assert (final / "x").read_text() == "old"
    assert leftovers(tmp_path) == []


def test_success_replaces_the_old_folder(tmp_path):
    final = tmp_path / "b"
    final.mkdir()
    (final / "gone").write_text("old")
    with atomic_folder(final) as staging:
        (staging / "x").write_text("new")
    assert [path.name for path in final.iterdir()] == ["x"]
    assert leftovers(tmp_path) == []


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "b").write_text("")
    with pytest.raises(GenoProtError, match="not a folder"), atomic_folder(tmp_path / "b"):
        pass


def test_file_appears_whole(tmp_path):
    with pytest.raises(ValueError, match="stop"), atomic_file(tmp_path / "f") as staging:
        staging.write_text("half")
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []
    with atomic_file(tmp_path / "f") as staging:
        staging.write_text("whole")
    assert (tmp_path / "f").read_text() == "whole"


def test_parquet_is_reproducible_and_checked(tmp_path):
    table = pa.table({"dna": ["A" * i for i in range(1000)], "b": ["x" * (i % 7) for i in range(1000)]})
    for name in ("one", "two"):
        groups = (table.slice(start, 300) for start in range(0, 1000, 300))
        write_parquet_groups(groups, table.schema, tmp_path / name)
    assert pq.read_table(tmp_path / "one") == table
    assert sha256_of(tmp_path / "one") == sha256_of(tmp_path / "two")
    metadata = pq.read_metadata(tmp_path / "one")
    assert metadata.num_row_groups == 4
    column = metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.has_offset_index
    assert "RLE_DICTIONARY" not in column.encodings
    assert "RLE_DICTIONARY" in metadata.row_group(0).column(1).encodings
    damaged = bytearray((tmp_path / "one").read_bytes())
    damaged[metadata.row_group(0).column(1).data_page_offset + 40] ^= 0xFF
    (tmp_path / "bad").write_bytes(damaged)
    with pytest.raises(OSError, match=r"CRC|ZSTD|Corrupt|checksum"):
        pq.read_table(tmp_path / "bad", page_checksum_verification=True)
