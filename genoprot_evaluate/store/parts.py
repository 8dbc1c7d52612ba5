"""Vectors from files and tables, a block of rows at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genoprot_datasets.errors import SourceError

__all__ = ["Part", "array_part", "block_rows", "missing_shards", "parquet_part", "table_part", "tensors_part"]

MOST_BYTES = 64_000_000_000
"""Bytes that the two columns of a file may take in memory."""

BLOCK_BYTES = 32_000_000
"""Bytes of vectors that are read at once."""

_SHOWN = 5

_COLUMNS = ("accession", "embedding")

_COUNTED = re.compile(r"(?P<stem>.*?)(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.\w+)")


class Part(NamedTuple):
    """Vectors of one file or table.

    Parameters
    ----------
    where : str
        Its name, for messages.
    accessions : list of str
    width : int
        Length of a vector.
    blocks : callable
        The vectors, by blocks of rows in the order of `accessions`, float32.
    """

    where: str
    accessions: list[str]
    width: int
    blocks: Callable[[], Iterator[np.ndarray]]


def block_rows(width: int) -> int:
    """Rows of a block of `BLOCK_BYTES`; one at least."""
    return max(1, BLOCK_BYTES // (4 * max(1, width)))


def missing_shards(paths: Sequence[Path]) -> list[str]:
    """Names of files that are not among some whose names count them, as ``x-00000-of-00003.parquet`` does.

    Examples
    --------
    >>> missing_shards([Path("e/x-00000-of-00003.parquet"), Path("e/x-00002-of-00003.parquet")])
    ['x-00001-of-00003.parquet']
    """
    groups: dict[tuple[str, str, str], set[int]] = {}
    for counted in filter(None, (_COUNTED.fullmatch(path.name) for path in paths)):
        groups.setdefault((counted["stem"], counted["count"], counted["suffix"]), set()).add(
            int(counted["number"])
        )
    missing = []
    for (stem, count, suffix), numbers in groups.items():
        first = int(int(count) in numbers)  # some count from one
        missing += [
            f"{stem}{number:05}-of-{count}{suffix}"
            for number in range(first, first + int(count))
            if number not in numbers
        ]
    return sorted(missing)


def array_part(where: str, accessions: list[str], vectors: np.ndarray) -> Part:
    """Rows of a matrix in memory."""

    def blocks() -> Iterator[np.ndarray]:
        step = block_rows(vectors.shape[1])
        for start in range(0, len(vectors), step):
            yield _float32(vectors[start : start + step])

    return Part(where, accessions, vectors.shape[1], blocks)


def table_part(where: str, table: pa.Table) -> Part:
    """Rows of an Arrow table with the columns `accession` and `embedding`.

    Raises
    ------
    SourceError
        If a column is missing or holds something else, or there are no rows.
    """
    _check_columns(where, table.schema)
    accessions = _accessions_of(where, table["accession"])
    column = table["embedding"]
    width = _width_of(where, accessions, column.slice(0, 1))

    def blocks() -> Iterator[np.ndarray]:
        chunks = pa.table({"embedding": column}).to_batches(max_chunksize=block_rows(width))
        yield from _checked_blocks(where, accessions, width, (batch.column(0) for batch in chunks))

    return Part(where, accessions, width, blocks)


def parquet_part(path: Path) -> Part:
    """Rows of a Parquet file; vectors are decoded a block at a time.

    Raises
    ------
    SourceError
        If it cannot be read, is too large, a column is missing or holds something else, or there are no rows.
    """
    where = str(path)
    try:
        with _opened(path) as file:
            _check_columns(where, file.schema_arrow)
            groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
            size = sum(group.total_byte_size for group in groups)
            if size > MOST_BYTES:
                raise SourceError(path, f"{size:,} bytes of columns are more than {MOST_BYTES:,}")
            accessions = _accessions_of(where, file.read(["accession"])["accession"])
            first = next(file.iter_batches(1, columns=["embedding"])).column(0)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None
    width = _width_of(where, accessions, first)
    if 4 * len(accessions) * width > MOST_BYTES:
        raise SourceError(
            path, f"{len(accessions):,} vectors of width {width:,} are more than {MOST_BYTES:,} bytes"
        )

    def blocks() -> Iterator[np.ndarray]:
        try:
            with _opened(path) as file:
                batches = file.iter_batches(block_rows(width), columns=["embedding"])
                yield from _checked_blocks(where, accessions, width, (batch.column(0) for batch in batches))
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from None

    return Part(where, accessions, width, blocks)


def tensors_part(path: Path) -> Part:
    """Vectors of a safetensors file: one-dimensional tensors named by accession.

    Raises
    ------
    SourceError
        If the file is not safetensors, or a tensor is not a vector of float16, float32 or float64 of the
        width of the first.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            accessions = sorted(file.keys())
            if not accessions:
                raise SourceError(path, "no tensors")
            shape = tuple(file.get_slice(accessions[0]).get_shape())
            for accession in accessions:
                tensor = file.get_slice(accession)
                found = tuple(tensor.get_shape())
                if len(found) != 1 or found != shape or tensor.get_dtype() not in ("F16", "F32", "F64"):
                    raise SourceError(
                        path,
                        f"a tensor {tensor.get_dtype()} of shape {found}; expected one vector per accession, "
                        "named by it, F16, F32 or F64, all of one length",
                        record=accession,
                    )
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error, "safetensors") from None

    def blocks() -> Iterator[np.ndarray]:
        step = block_rows(shape[0])
        try:
            with safe_open(path, framework="numpy") as file:
                for start in range(0, len(accessions), step):
                    names = accessions[start : start + step]
                    yield np.stack([_float32(file.get_tensor(name)) for name in names])
        except (SafetensorError, OSError) as error:
            raise _unreadable(path, error, "safetensors") from None

    return Part(str(path), accessions, shape[0], blocks)


def _float32(values: np.ndarray) -> np.ndarray:
    # What float32 cannot hold becomes infinity, which is refused with its accession.
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32)


def _opened(path: Path) -> pq.ParquetFile:
    # Without a buffer of its own size the compressed column of a whole row group is read at once.
    return pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)


def _unreadable(path: Path, error: Exception, kind: str = "Parquet") -> SourceError:
    return SourceError(path, f"not a readable {kind} file ({' '.join(str(error).split())})")


def _accessions_of(where: str, column: pa.ChunkedArray) -> list[str]:
    accessions = column.to_pylist()
    if not accessions:
        raise SourceError(where, "no rows")
    if None in accessions:
        raise SourceError(where, f"row {accessions.index(None)}, counted from 0, has no accession")
    return [str(accession) for accession in accessions]


def _check_columns(where: str, schema: pa.Schema) -> None:
    missing = [column for column in _COLUMNS if column not in schema.names]
    if missing:
        shown = ", ".join(schema.names[:_SHOWN]) + (", ..." if len(schema.names) > _SHOWN else "")
        raise SourceError(
            where,
            f"no column {', '.join(missing)}; it has {shown}; expected accession (of UniProt) and "
            "embedding (a list of numbers)",
        )
    kind = schema.field("embedding").type
    if not (
        (pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind))
        and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))
    ):
        raise SourceError(where, f"column embedding is {kind}, not a list of numbers")


def _width_of(where: str, accessions: Sequence[str], first: pa.Array | pa.ChunkedArray) -> int:
    if first.null_count:
        raise SourceError(where, "no vector", record=accessions[0])
    return pc.list_value_length(first)[0].as_py()


def _checked_blocks(
    where: str, accessions: Sequence[str], width: int, columns: Iterator[pa.Array]
) -> Iterator[np.ndarray]:
    """Vectors of a column of lists, once it is known that they all have one width."""
    start = 0
    for column in columns:
        if column.null_count:
            row = start + int(np.flatnonzero(pc.is_null(column).to_numpy(zero_copy_only=False))[0])
            raise SourceError(where, "no vector", record=accessions[row])
        widths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        if (widths != width).any():
            row = int(np.flatnonzero(widths != width)[0])
            raise SourceError(
                where,
                f"a vector of width {widths[row]}, but {width} before it",
                record=accessions[start + row],
            )
        yield _float32(pc.list_flatten(column).to_numpy(zero_copy_only=False)).reshape(len(column), width)
        start += len(column)
