"""Tables beside a record, read as their schema has them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from genoprot_datasets.errors import SourceError

__all__ = ["VERSION_KEY", "read_columns"]


VERSION_KEY = b"genoprot_schema_version"
"""Where a schema's metadata say the version of its layout, if it has one."""


def read_columns(path: Path, schema: pa.Schema) -> pa.Table:
    """Read the columns of a schema from a Parquet file, which may have others.

    Parameters
    ----------
    path : Path
    schema : pyarrow.Schema

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
        table = pq.read_table(path)
        version, found = ((own.metadata or {}).get(VERSION_KEY, b"none") for own in (schema, table.schema))
        if found != version:
            words = [one.decode(errors="replace")[:20] for one in (found, version)]
            raise SourceError(path, f"schema version {words[0]}; this version reads {words[1]}")
        missing = [name for name in schema.names if name not in table.column_names]
        if missing:
            raise SourceError(path, f"no column {', '.join(missing)}")
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SourceError(path, f"not a readable Parquet file ({' '.join(str(error).split())})") from None
