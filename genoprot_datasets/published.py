"""Reading a published GENO-PROT folder, from disk or from the Hub's cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.json_text import parse_json
from genoprot_datasets.schema import (
    ATTRIBUTES,
    ATTRIBUTES_CONFIG,
    FOLDS,
    INTERACTIONS,
    INTERACTIONS_CONFIG,
    SEQUENCES,
    SEQUENCES_CONFIG,
    TERMS,
    TERMS_CONFIG,
    task_schema,
)
from genoprot_datasets.snapshots import fetch_snapshot, parse_hub_id
from genoprot_datasets.tasks import TASKS, matched_config

__all__ = ["FATES_NAME", "MANIFEST_NAME", "PublishedDataset", "split_path"]

MANIFEST_NAME = "MANIFEST.json"

_MOST_BYTES = 1 << 26
"""Size up to which a table is sorted in one go."""

_ROWS_AT_A_TIME = 256
_FILES = ("*.parquet", MANIFEST_NAME)

FATES_NAME = "records.parquet"
"""File with the fate of every gene; it belongs to no configuration."""


def split_path(config: str, split: str) -> str:
    """Path of a split's Parquet file inside the published folder.

    Examples
    --------
    >>> split_path("ppi", "train")
    'ppi/train-00000-of-00001.parquet'
    """
    return f"{config}/{split}-00000-of-00001.parquet"


class PublishedDataset:
    """A published GENO-PROT folder.

    Parameters
    ----------
    folder : Path
        Folder that holds `MANIFEST.json`.
    name : str
        What the user called it: a path or a Hub id.

    Raises
    ------
    SourceError
        If the manifest is missing or not JSON.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        path = folder / MANIFEST_NAME
        if not path.is_file():
            raise SourceError(path, "not found; this folder was not written by `genoprot build`")
        try:
            self.manifest: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SourceError(path, f"not valid JSON ({error})") from None

    @classmethod
    def open(cls, name: str | Path, *, revision: str | None = None) -> PublishedDataset:
        """Open a local folder, or the snapshot of a Hub dataset repository.

        Parameters
        ----------
        name : str or Path
            A folder, absolute or relative to the working directory, or a Hub id such as
            ``llnl/geno-prot`` or ``llnl/geno-prot@REVISION``. A folder of that relative path wins.
        revision : str, optional
            Branch, tag or commit on the Hub.

        Raises
        ------
        GenoProtError
            If there is neither such a folder nor such a repository, the network is off and the repository is
            not in the cache, or `name` is no name at all.
        """
        if not isinstance(name, (str, Path)):
            raise GenoProtError(
                f"dataset of type {type(name).__name__}: give a folder written by `genoprot build` or a "
                "Hub id, such as 'llnl/geno-prot'"
            )
        folder = Path(name)
        if folder.is_dir():
            return cls(folder, str(name))
        wanted = parse_hub_id(name) if isinstance(name, str) else None
        if wanted is None or wanted.config is not None:
            raise GenoProtError(f"dataset {str(name)!r}: no such folder")
        snapshot = fetch_snapshot(
            wanted.repository, _FILES, f"dataset {name!r}", revision=revision or wanted.revision
        )
        return cls(snapshot, name)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the checksums of every Parquet file."""
        return self.manifest["fingerprint"]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that the folder holds, in the order of the paper."""
        return tuple(name for name in TASKS if name in self.manifest["tasks"])

    @property
    def matched_tasks(self) -> tuple[str, ...]:
        """Tasks that the folder also holds with the identities of both classes matched."""
        tasks = self.manifest["tasks"]
        return tuple(name for name in self.tasks if "eval" in tasks[name].get("matched", {}))

    def sequences(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Gene-protein records of both folds, sorted by accession.

        Parameters
        ----------
        columns : sequence of str, optional
            Columns to read; all of `schema.SEQUENCES` when left out.
        """
        wanted = list(columns) if columns is not None else SEQUENCES.names
        read = wanted if "accession" in wanted else ["accession", *wanted]
        parts = [self._read(SEQUENCES_CONFIG, fold, SEQUENCES, read) for fold in FOLDS]
        return _by_accession(pa.concat_tables(parts)).select(wanted)

    @property
    def has_identities(self) -> bool:
        """Whether pair tasks have the columns `identity` and `challenge`."""
        return self.manifest.get("options", {}).get("identities", True)

    def sequence_batches(self, columns: Sequence[str], *, rows: int = 64) -> Iterator[pa.RecordBatch]:
        """Gene-protein records a few at a time, in the order of the files, for work in little memory.

        Parameters
        ----------
        columns : sequence of str
            Columns of `schema.SEQUENCES`.
        rows : int
            Most records of a batch.

        Raises
        ------
        SourceError
            If a file is missing or damaged, or lacks a column.
        """
        schema = pa.schema([SEQUENCES.field(column) for column in columns])
        for fold in FOLDS:
            path = self.folder / split_path(SEQUENCES_CONFIG, fold)
            try:
                with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
                    missing = [column for column in columns if column not in file.schema_arrow.names]
                    if missing:
                        raise SourceError(path, f"no column {', '.join(missing)}")
                    for batch in file.iter_batches(rows, columns=list(columns)):
                        yield batch.select(list(columns)).cast(schema)
            except FileNotFoundError:
                raise SourceError(path, "not found") from None
            except (pa.ArrowInvalid, OSError) as error:
                raise SourceError(path, f"not a readable Parquet file ({error})") from None

    @property
    def has_several_species(self) -> bool:
        """Whether `genoprot merge` wrote the folder, and examples have the column `species`."""
        return "parts" in self.manifest

    def attributes(self) -> pa.Table:
        """What the labels follow from, with the columns of `schema.ATTRIBUTES`, sorted by accession."""
        parts = [self._read(ATTRIBUTES_CONFIG, fold, ATTRIBUTES, None) for fold in FOLDS]
        return pa.concat_tables(parts).sort_by("accession")

    def interactions(self, split: str) -> pa.Table:
        """Every positive pair of `ppi` of a fold, with the columns of `schema.INTERACTIONS`.

        Empty in a folder without `ppi`, and in one that was built before the table was published.
        """
        return self._optional(INTERACTIONS_CONFIG, split, INTERACTIONS)

    def terms(self, split: str) -> pa.Table:
        """Gene Ontology terms of the records of a fold, with the columns of `schema.TERMS`.

        Empty in a folder without `function`, and in one that was built before the table was published.
        """
        return self._optional(TERMS_CONFIG, split, TERMS)

    def task(self, name: str, split: str, *, matched: bool = False) -> pa.Table:
        """One split of a task, with the columns of `schema.task_schema`.

        Parameters
        ----------
        name : str
        split : {"train", "eval"}
        matched : bool
            Read the identity-matched variant of a pair task instead.

        Raises
        ------
        GenoProtError
            If the folder does not hold the task, or not its matched variant.
        """
        if name not in self.manifest["tasks"]:
            raise GenoProtError(f"dataset {self.name!r} has no task {name!r}; it has {', '.join(self.tasks)}")
        if matched and name not in self.matched_tasks:
            reason = self.manifest["tasks"][name].get("matched", {}).get("left_out", "not built with one")
            raise GenoProtError(f"dataset {self.name!r} has no identity-matched {name!r}: {reason}")
        config = matched_config(name) if matched else name
        schema = task_schema(
            TASKS[name], split, identities=self.has_identities, species=self.has_several_species
        )
        return self._read(config, split, schema, None)

    def _optional(self, config: str, split: str, schema: pa.Schema) -> pa.Table:
        if split_path(config, split) not in self.manifest["files"]:
            return schema.empty_table()
        return self._read(config, split, schema, None)

    def _read(self, config: str, split: str, schema: pa.Schema, columns: list[str] | None) -> pa.Table:
        path = self.folder / split_path(config, split)
        try:
            table = pq.read_table(path, columns=columns, memory_map=True)
        except FileNotFoundError:
            raise SourceError(path, "not found") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(path, f"not a readable Parquet file ({error})") from None
        wanted = columns if columns is not None else schema.names
        missing = [column for column in wanted if column not in table.column_names]
        if missing:
            raise SourceError(path, f"no column {', '.join(missing)}")
        return table.select(wanted).cast(pa.schema([schema.field(column) for column in wanted]))


def _by_accession(table: pa.Table) -> pa.Table:
    """Rows in the order of their accessions."""
    order = pc.sort_indices(table["accession"])
    if table.nbytes <= _MOST_BYTES:
        return table.take(order)
    # `take` would join the chunks of each column before it copies the rows, which takes twice the time and
    # memory, and `string` has no room for more than 2 GB of them.
    rows = order.to_numpy().astype(np.int64)
    parts = []
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        wanted = rows[start : start + _ROWS_AT_A_TIME]
        runs = np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1)
        parts.append(pa.concat_tables(table.slice(int(run[0]), len(run)) for run in runs).combine_chunks())
    return pa.concat_tables(parts)
