"""Tables beside a record, read as their schema has them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.parquet as pq

from genoprot_datasets.errors import SourceError

__all__ = ["UNVERSIONED", "VERSION_KEY", "read_columns"]


VERSION_KEY = b"genoprot_schema_version"
"""Where a schema's metadata say the version of its layout."""

UNVERSIONED = "none"
"""What stands for the version of a file that says none."""

_NONE: Mapping[str, Collection[str]] = MappingProxyType({})


def read_columns(path: Path, schema: pa.Schema, older: Mapping[str, Collection[str]] = _NONE) -> pa.Table:
    """Read the columns of a schema from a Parquet file, which may have others.

    Parameters
    ----------
    path : Path
    schema : pyarrow.Schema
        Its metadata say the version of its layout.
    older : mapping of str to collection of str
        By older version that is read too: columns that its files lack, which are null then.

    Returns
    -------
    pyarrow.Table
        Of this schema.

    Raises
    ------
    SourceError
        If the file cannot be read, is of another version, lacks a column, or has one of another type.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        version, found = (
            (own.metadata or {}).get(VERSION_KEY, UNVERSIONED.encode()).decode(errors="replace")[:20]
            for own in (schema, table.schema)
        )
        if found not in (version, *older):
            known = ", ".join([*older, version])
            raise SourceError(path, f"schema version {found}; this version of genoprot reads {known}")
        lacking = older.get(found, ())
        missing = [name for name in schema.names if name not in table.column_names and name not in lacking]
        if missing:
            raise SourceError(path, f"no column {', '.join(missing)}")
        # A file that other software wrote again has lost its version, not its columns.
        for name in set(lacking).difference(table.column_names):
            table = table.append_column(schema.field(name), pa.nulls(len(table), schema.field(name).type))
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SourceError(path, f"not a readable Parquet file ({' '.join(str(error).split())})") from None
