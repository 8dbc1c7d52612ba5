"""Embeddings as they are used: one float32 matrix with an accession per row, checked."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.snapshots import parse_hub_id
from genoprot_evaluate.store.mapping import ordered_rows
from genoprot_evaluate.store.remote import fetch_embeddings
from genoprot_evaluate.store.runs import damaged_file, finished_run, run_configs
from genoprot_evaluate.store.tensors import read_tensors

__all__ = ["VECTOR_SUFFIXES", "EmbeddingTable", "load_embeddings"]

COLUMNS = ("accession", "embedding")
MOST_BYTES = 64_000_000_000
"""Bytes that the two columns of a file may take in memory."""

_SHOWN = 3


@dataclass(frozen=True, eq=False)
class EmbeddingTable:
    """Vectors of one encoder.

    Parameters
    ----------
    name : str
        Name of the encoder or configuration.
    accessions : list of str
        Sorted, each once.
    vectors : ndarray, shape=(n, dimension), dtype=float32
        Finite. Where there are many, they are mapped from a file; see `store.mapping`.
    run : dict
        Record of the run that wrote them; empty when they came from elsewhere.
    """

    name: str
    accessions: list[str]
    vectors: np.ndarray
    run: dict[str, Any] = field(default_factory=dict)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.vectors.shape[1]

    def __len__(self) -> int:
        return len(self.accessions)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {accession: row for row, accession in enumerate(self.accessions)}

    def rows(self, accessions: Sequence[str]) -> np.ndarray:
        """Rows of accessions in `vectors`.

        Parameters
        ----------
        accessions : sequence of str
            May repeat.

        Returns
        -------
        ndarray, shape=(len(accessions),), dtype=int64

        Raises
        ------
        GenoProtError
            If the table lacks some; the message says how many and names the first ones.
        """
        row_of = self._row_of
        rows = np.fromiter((row_of.get(a, -1) for a in accessions), dtype=np.int64, count=len(accessions))
        if rows.size and rows.min() < 0:
            absent = sorted({accessions[place] for place in np.flatnonzero(rows < 0)})
            raise GenoProtError(
                f"embeddings {self.name!r} lack {len(absent):,} of the accessions needed ({_some(absent)}); "
                "embed the whole dataset again"
            )
        return rows


def load_embeddings(source: Any, config: str | None = None, *, name: str | None = None) -> EmbeddingTable:
    """Read embeddings and check them.

    Parameters
    ----------
    source : path, str, mapping, tuple, Dataset or EmbeddingTable
        A folder written by `genoprot embed` or its sub-folder, any folder of Parquet files with the columns
        `accession` and `embedding` or of safetensors files with a tensor per accession, a Hub id of such a
        dataset (``USER/NAME``, ``USER/NAME:CONFIG`` or ``USER/NAME@REVISION:CONFIG``; only that
        configuration is fetched), a mapping from accession to vector, a pair ``(accessions, matrix)``, or a
        `datasets.Dataset` with the two columns.
    config : str, optional
        Configuration of a folder that holds several.
    name : str, optional
        Name of the table; that of the configuration or folder when left out.

    Returns
    -------
    EmbeddingTable

    Raises
    ------
    GenoProtError
        If nothing is there, a file is damaged, a column is missing, vectors differ in width or hold NaN or
        infinity, or an accession comes twice.

    Examples
    --------
    >>> table = load_embeddings({"P2": [1.0, 2.0], "P1": [3.0, 4.0]}, name="mine")
    >>> table.accessions, table.vectors[0].tolist(), table.rows(["P2"]).tolist()
    (['P1', 'P2'], [3.0, 4.0], [1])
    """
    if isinstance(source, EmbeddingTable):
        return source
    if isinstance(source, Mapping) and not _is_dataset(source):
        return _table(name or "embeddings", list(source), _matrix(list(source), list(source.values())))
    if isinstance(source, tuple) and len(source) == 2:
        accessions = [str(accession) for accession in source[0]]
        return _table(name or "embeddings", accessions, _matrix(accessions, source[1]))
    if _is_dataset(source):
        return _from_arrow(name or config or "embeddings", "the Dataset", _arrow_of(source))
    if isinstance(source, str | Path):
        return _from_folder(*_located(source, config), name)
    raise GenoProtError(
        f"embeddings of type {type(source).__name__}: give a folder, a Hub id, a mapping from accession to "
        "vector, a pair (accessions, matrix) or a Dataset"
    )


def _from_folder(folder: Path, config: str | None, name: str | None) -> EmbeddingTable:
    run = finished_run(folder)
    configs = run_configs(folder)
    if run is None and configs:
        if config is None and len(configs) > 1:
            raise SourceError(folder, f"holds several configurations, name one: {', '.join(configs)}")
        if config is not None and config not in configs:
            raise SourceError(folder, f"has no configuration {config!r}; it has {', '.join(configs)}")
        folder = folder / (config or configs[0])
        run = finished_run(folder)
    if run is None:
        paths = [
            path
            for path in sorted(folder.rglob("*"))
            if path.suffix in _READERS and not _hidden(path.relative_to(folder))
        ]
        if not paths:
            unfinished = any(folder.glob(".*.partial"))
            why = (
                "the run is not finished, run `genoprot embed` again"
                if unfinished
                else "no Parquet or safetensors file in it"
            )
            raise SourceError(folder, f"no embeddings here: {why}")
    else:
        if (fault := damaged_file(folder, run)) is not None:
            raise fault
        paths = [folder / file for file in sorted(run["files"])]
    if other := [path for path in paths if path.suffix not in _READERS]:
        raise SourceError(other[0], "neither Parquet nor safetensors, and nothing else is read")
    parts = [_READERS[path.suffix](path) for path in paths]
    for path, (_, vectors) in zip(paths, parts):
        if vectors.shape[1] != parts[0][1].shape[1]:
            raise SourceError(
                path, f"vectors of width {vectors.shape[1]}, but {parts[0][1].shape[1]} in {paths[0].name}"
            )
    accessions = [accession for part, _ in parts for accession in part]
    matrix = parts[0][1] if len(parts) == 1 else np.concatenate([vectors for _, vectors in parts])
    return _table(name or folder.name, accessions, matrix, run, where=str(folder))


def _read(path: Path) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
            size = sum(group.total_byte_size for group in groups)
            if size > MOST_BYTES:
                raise SourceError(path, f"{size:,} bytes of columns are more than {MOST_BYTES:,}")
            there = set(COLUMNS) <= set(file.schema_arrow.names)
            return file.read(list(COLUMNS)) if there else file.schema_arrow.empty_table()
    except (pa.ArrowException, OSError) as error:
        raise SourceError(path, f"not a readable Parquet file ({' '.join(str(error).split())})") from None


def _read_parquet(path: Path) -> tuple[list[str], np.ndarray]:
    return _columns(str(path), _read(path))


_READERS = {".parquet": _read_parquet, ".safetensors": read_tensors}

VECTOR_SUFFIXES = tuple(_READERS)
"""Endings of the files that vectors are read from."""


def _columns(where: str, table: pa.Table) -> tuple[list[str], np.ndarray]:
    missing = [column for column in COLUMNS if column not in table.column_names]
    if missing:
        raise SourceError(where, f"no column {', '.join(missing)}; it has {', '.join(table.column_names)}")
    accessions = [str(accession) for accession in table["accession"].to_pylist()]
    column = table["embedding"]
    kind = column.type
    if not (pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise SourceError(where, f"column embedding is {kind}, not a list of numbers")
    if column.null_count:
        row = next(row for row, value in enumerate(column) if not value.is_valid)
        raise SourceError(where, "no vector", record=accessions[row])
    if not len(table):
        raise SourceError(where, "no rows")
    widths = pc.list_value_length(column).to_numpy()
    if (widths != widths[0]).any():
        row = int(np.flatnonzero(widths != widths[0])[0])
        raise SourceError(
            where, f"a vector of width {widths[row]}, but {widths[0]} before it", record=accessions[row]
        )
    try:
        values = pc.list_flatten(column).to_numpy().astype(np.float32, copy=False)
    except (ValueError, TypeError, pa.ArrowException):
        raise SourceError(where, f"column embedding is {kind}, not a list of numbers") from None
    return accessions, values.reshape(len(table), widths[0])


def _from_arrow(name: str, where: str, table: pa.Table) -> EmbeddingTable:
    accessions, vectors = _columns(where, table)
    return _table(name, accessions, vectors, where=where)


def _matrix(accessions: list[str], vectors: Any) -> np.ndarray:
    try:
        return np.asarray(vectors, dtype=np.float32)
    except (ValueError, TypeError):
        widths = [np.size(vector) for vector in vectors]
        row = next((row for row, width in enumerate(widths) if width != widths[0]), None)
        if row is None:
            raise GenoProtError("embeddings are not numbers") from None
        raise GenoProtError(
            f"embedding of {accessions[row]} has width {widths[row]}, that of {accessions[0]} has {widths[0]}"
        ) from None


def _table(
    name: str,
    accessions: list[str],
    vectors: np.ndarray,
    run: dict[str, Any] | None = None,
    *,
    where: str | None = None,
) -> EmbeddingTable:
    where = where or f"embeddings {name!r}"
    if not accessions:
        raise SourceError(where, "no rows")
    if vectors.ndim != 2 or len(vectors) != len(accessions) or vectors.shape[1] == 0:
        raise SourceError(
            where,
            f"{len(accessions)} accessions and a matrix of shape {vectors.shape}; expected one row each",
        )
    order = np.argsort(np.array(accessions, dtype=object), kind="stable")
    ordered = [accessions[row] for row in order]
    twice = sorted({a for a, b in zip(ordered, ordered[1:]) if a == b})
    if twice:
        raise SourceError(where, f"{len(twice)} accessions come more than once ({_some(twice)})")
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if broken.size:
        names = _some(sorted(accessions[row] for row in broken))
        raise SourceError(where, f"NaN or infinity in the vectors of {broken.size} accessions ({names})")
    return EmbeddingTable(name, ordered, ordered_rows(vectors, order), run or {})


def _is_dataset(source: Any) -> bool:
    datasets = sys.modules.get("datasets")
    return datasets is not None and isinstance(source, (datasets.Dataset, datasets.DatasetDict))


def _arrow_of(dataset: Any) -> pa.Table:
    if isinstance(dataset, dict):
        if len(dataset) != 1:
            raise GenoProtError(f"embeddings have the splits {', '.join(dataset)}; give one of them")
        dataset = next(iter(dataset.values()))
    return dataset.with_format("arrow")[:]


def _located(source: str | Path, config: str | None) -> tuple[Path, str | None]:
    """Folder of embeddings and the configuration to read, from the disk or from the Hub."""
    folder = Path(source)
    if folder.is_dir():
        return folder, config
    wanted = parse_hub_id(source) if isinstance(source, str) else None
    if wanted is None:
        raise GenoProtError(f"embeddings {str(source)!r}: no such folder")
    return fetch_embeddings(wanted, config)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
