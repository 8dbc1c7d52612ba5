"""Embeddings as they are used: one float32 matrix with an accession per row, checked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.snapshots import parse_hub_id
from genoprot_datasets.sources.accessions import bare_accession, is_accession
from genoprot_evaluate.store.mapping import gathered_rows
from genoprot_evaluate.store.parts import (
    Part,
    array_part,
    missing_shards,
    parquet_part,
    table_part,
    tensors_part,
)
from genoprot_evaluate.store.remote import fetch_embeddings
from genoprot_evaluate.store.runs import damaged_file, finished_run, run_configs

__all__ = ["VECTOR_SUFFIXES", "EmbeddingTable", "load_embeddings"]

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
                + (self.spelled_otherwise(absent) or "embed the whole dataset again")
            )
        return rows

    def spelled_otherwise(self, absent: Sequence[str]) -> str | None:
        """How accessions that the table lacks are spelled in it; None where they are not in it.

        Parameters
        ----------
        absent : sequence of str

        Examples
        --------
        >>> load_embeddings({"P04637.4": [1.0]}, name="mine").spelled_otherwise(["P38398", "P04637"])
        "P04637 is there as 'P04637.4'; name the vectors by the bare accession"
        """
        names = {bare_accession(name): name for name in self.accessions}
        for accession in absent:
            if accession in names:
                return f"{accession} is there as {names[accession]!r}; name the vectors by the bare accession"
        if not any(is_accession(name) for name in names):
            return f"its vectors are named {_some(self.accessions)}; name them by the accession"
        return None


def load_embeddings(source: Any, config: str | None = None, *, name: str | None = None) -> EmbeddingTable:
    """Read embeddings and check them.

    Parameters
    ----------
    source : path, str, mapping, tuple, Dataset or EmbeddingTable
        A folder written by `genoprot embed` or its sub-folder, any folder of Parquet files with the columns
        `accession` and `embedding` or of safetensors files with a tensor per accession, or one such file, a
        Hub id of such a
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
        accessions = _texts(source)
        return _of_rows(name or "embeddings", accessions, _matrix(accessions, list(source.values())))
    if isinstance(source, tuple) and len(source) == 2:
        accessions = _texts(source[0])
        return _of_rows(name or "embeddings", accessions, _matrix(accessions, source[1]))
    if _is_dataset(source):
        part = table_part("the Dataset", _arrow_of(source))
        return _table(name or config or "embeddings", [part], where=part.where)
    if isinstance(source, str | Path):
        if Path(source).is_file():
            return _from_file(Path(source), name)
        return _from_folder(*_located(source, config), name)
    raise GenoProtError(
        f"embeddings of type {type(source).__name__}: give a folder, a Hub id, a mapping from accession to "
        "vector, a pair (accessions, matrix) or a Dataset"
    )


def _from_file(path: Path, name: str | None) -> EmbeddingTable:
    if path.suffix not in _READERS:
        raise SourceError(path, "neither Parquet nor safetensors, and nothing else is read")
    return _table(name or path.stem, [_READERS[path.suffix](path)], where=str(path))


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
                else f"no Parquet or safetensors file in it{_instead(folder)}"
            )
            raise SourceError(folder, f"no embeddings here: {why}")
    else:
        if (fault := damaged_file(folder, run)) is not None:
            raise fault
        paths = [folder / file for file in sorted(run["files"])]
    if lost := missing_shards(paths):
        raise SourceError(folder, f"{lost[0]} is missing; the names of the others count it")
    if other := [path for path in paths if path.suffix not in _READERS]:
        raise SourceError(other[0], "neither Parquet nor safetensors, and nothing else is read")
    parts = [_READERS[path.suffix](path) for path in paths]
    for part in parts:
        if part.width != parts[0].width:
            raise SourceError(
                part.where,
                f"vectors of width {part.width}, but {parts[0].width} in {paths[0]}; where these are of "
                "several encoders, name the folder of one",
            )
    return _table(name or folder.name, parts, run, where=str(folder))


def _instead(folder: Path) -> str:
    """The files that are there, and what to make of them."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not names:
        return ""
    return f", only {_some(names)}; write a Parquet file with the columns accession and embedding"


_READERS = {".parquet": parquet_part, ".safetensors": tensors_part}

VECTOR_SUFFIXES = tuple(_READERS)
"""Endings of the files that vectors are read from."""


def _texts(accessions: Iterable[Any]) -> list[str]:
    texts = []
    for row, accession in enumerate(accessions):
        if not isinstance(accession, str):
            raise GenoProtError(f"row {row} of the embeddings is named {accession!r}, which is no accession")
        texts.append(str(accession))
    return texts


def _matrix(accessions: list[str], vectors: Any) -> np.ndarray:
    if isinstance(vectors, np.ndarray) and vectors.dtype.kind in "cSUmM":
        raise GenoProtError(f"embeddings are {vectors.dtype}, not real numbers")
    try:
        with np.errstate(over="ignore"):
            return np.asarray(vectors, dtype=np.float32)
    except (ValueError, TypeError):
        widths = [np.size(vector) for vector in vectors]
        row = next((row for row, width in enumerate(widths) if width != widths[0]), None)
        if row is None:
            raise GenoProtError("embeddings are not numbers") from None
        raise GenoProtError(
            f"embedding of {accessions[row]} has width {widths[row]}, that of {accessions[0]} has {widths[0]}"
        ) from None


def _of_rows(name: str, accessions: list[str], vectors: np.ndarray) -> EmbeddingTable:
    where = f"embeddings {name!r}"
    if not accessions:
        raise SourceError(where, "no rows")
    if vectors.ndim != 2 or len(vectors) != len(accessions):
        raise SourceError(
            where,
            f"{len(accessions)} accessions and a matrix of shape {vectors.shape}; expected one row each",
        )
    return _table(name, [array_part(where, accessions, vectors)], where=where)


def _table(
    name: str, parts: Sequence[Part], run: dict[str, Any] | None = None, *, where: str
) -> EmbeddingTable:
    """Table of the rows of all parts, of which no more than a block is in memory beside the result."""
    width = parts[0].width
    if width == 0:
        raise SourceError(where, "vectors of width 0")
    accessions = [accession for part in parts for accession in part.accessions]
    order = np.argsort(np.array(accessions, dtype=object), kind="stable")
    ordered = [accessions[row] for row in order]
    twice = sorted({a for a, b in zip(ordered, ordered[1:]) if a == b})
    if twice:
        raise SourceError(where, f"{len(twice)} accessions come more than once ({_some(twice)})")
    broken: list[str] = []

    def blocks() -> Iterator[np.ndarray]:
        start = 0
        for part in parts:
            for block in part.blocks():
                rows = np.flatnonzero(~np.isfinite(block).all(axis=1))
                broken.extend(accessions[start + row] for row in rows)
                yield block
                start += len(block)

    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    vectors = gathered_rows(blocks(), places, width)
    if broken:
        names = _some(sorted(broken))
        raise SourceError(
            where,
            f"NaN or infinity in the vectors of {len(broken)} accessions ({names}); float16 ends at 65,504, "
            "float32 at 3.4e38",
        )
    return EmbeddingTable(name, ordered, vectors, run or {})


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
        raise GenoProtError(f"embeddings {str(source)!r}: no such folder or file")
    return fetch_embeddings(wanted, config)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
