"""Files and folders that appear under their final name only when they are whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from genoprot_datasets.errors import GenoProtError

__all__ = ["atomic_file", "atomic_folder", "sha256_of", "write_parquet", "write_parquet_groups"]

_PARQUET = {
    "compression": "zstd",
    "write_page_checksum": True,
    "write_page_index": True,
    "use_content_defined_chunking": True,
}

_UNREPEATED = frozenset({"dna", "protein"})
"""Columns whose long values hardly ever repeat, so that a dictionary of them only costs time."""


@contextmanager
def atomic_folder(final: str | Path) -> Iterator[Path]:
    """Fill a temporary sibling of a folder and give it the final name at the end.

    A folder that already has the final name is replaced; when the body fails or is interrupted it stays
    as it was and the temporary one is removed.

    Parameters
    ----------
    final : str or Path
        The folder's final name; its parents are made.

    Yields
    ------
    Path
        The temporary folder to write to.

    Raises
    ------
    GenoProtError
        If `final` exists and is not a folder.
    """
    final = Path(final)
    if final.exists() and not final.is_dir():
        raise GenoProtError(f"{final}: exists and is not a folder")
    final.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{final.name}.", suffix=".partial", dir=final.parent))
    try:
        staging.chmod(0o755)
        yield staging
        if final.exists():
            retired = Path(tempfile.mkdtemp(prefix=f".{final.name}.", suffix=".old", dir=final.parent))
            os.replace(final, retired)
            os.replace(staging, final)
            shutil.rmtree(retired)
        else:
            os.replace(staging, final)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def atomic_file(final: str | Path) -> Iterator[Path]:
    """Write a temporary sibling of a file and give it the final name at the end.

    Parameters
    ----------
    final : str or Path
        The file's final name; its parents are made.

    Yields
    ------
    Path
        The temporary file to write to.
    """
    final = Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=".partial", dir=final.parent)
    os.close(handle)
    staging = Path(name)
    try:
        staging.chmod(0o644)
        yield staging
        os.replace(staging, final)
    finally:
        staging.unlink(missing_ok=True)


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as handle:
        digest = hashlib.sha256()
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_parquet(table: pa.Table, path: str | Path, *, row_group_size: int = 100_000) -> None:
    """Write a table as the Hub likes it: zstd, page checksums and index, content-defined chunks.

    The same table gives the same bytes.

    Parameters
    ----------
    table : pyarrow.Table
    path : str or Path
        Written in place; use it inside `atomic_folder` or `atomic_file`.
    row_group_size : int
        Rows per row group.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=row_group_size, **_PARQUET)


def write_parquet_groups(tables: Iterable[pa.Table], schema: pa.Schema, path: str | Path) -> None:
    """Write tables one after the other into one file, each a row group, as `write_parquet` does.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        Of the same schema; one is in memory at a time.
    schema : pyarrow.Schema
    path : str or Path
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    coded = [name for name in schema.names if name not in _UNREPEATED]
    with pq.ParquetWriter(path, schema, use_dictionary=coded, **_PARQUET) as writer:
        for table in tables:
            writer.write_table(table)
