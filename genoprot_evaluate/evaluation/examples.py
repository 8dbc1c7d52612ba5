"""The examples of a task as arrays, independent of any encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.tasks import get_task

__all__ = ["Split", "TaskExamples", "read_examples"]


@dataclass(frozen=True, eq=False)
class Split:
    """Examples of one split, in the order of its file.

    Parameters
    ----------
    members : ndarray, shape=(examples, arity), dtype=int64
        Positions in the task's `accessions`.
    labels : ndarray, shape=(examples,), dtype=int8
        Classes, 0 or 1.
    sample : ndarray, shape=(examples,), dtype=int8, or None
        Evaluation sample; None in train.
    identity : ndarray, shape=(examples,), dtype=float32, or None
        Sequence identity of the pair as a fraction; None for single records.
    challenge : ndarray, shape=(examples,), dtype=bool, or None
        Whether identity and label disagree; None for single records.
    row : ndarray, shape=(examples,), dtype=int32
        Row of the split's file, from 0.
    """

    members: np.ndarray
    labels: np.ndarray
    sample: np.ndarray | None
    identity: np.ndarray | None
    challenge: np.ndarray | None
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray) -> Split:
        """Examples by their numbers."""
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Split(**{name: None if one is None else one[chosen] for name, one in columns.items()})


@dataclass(frozen=True, eq=False)
class TaskExamples:
    """Both splits of a task.

    Parameters
    ----------
    task : str
    accessions : pyarrow.StringArray
        Every accession that an example names, sorted.
    train, eval : Split
    matched : Split or None
        Eval pairs of the identity-matched variant of the task; None where the dataset has none.
    """

    task: str
    accessions: pa.StringArray
    train: Split
    eval: Split
    matched: Split | None = None

    def rows_in(self, accessions: Sequence[str]) -> np.ndarray:
        """Where the task's accessions are in another list.

        Parameters
        ----------
        accessions : sequence of str
            Without repeats.

        Returns
        -------
        ndarray, shape=(len(self.accessions),), dtype=int64
            Positions in `accessions`; -1 for those that are not there.
        """
        found = pc.index_in(self.accessions, value_set=pa.array(accessions, pa.string()))
        return found.fill_null(-1).to_numpy().astype(np.int64)

    def of_samples(self, samples: int | None) -> TaskExamples:
        """The examples with the first few eval samples only, also of matched pairs; None stands for all."""
        if samples is None:
            return self
        return replace(
            self,
            **{
                name: split.take(np.flatnonzero(split.sample < samples))
                for name in ("eval", "matched")
                if (split := getattr(self, name)) is not None
            },
        )

    def naming(self, positions: np.ndarray) -> tuple[int, int]:
        """How many train and eval examples name any of the accessions at some positions."""
        train, test = (
            int(np.isin(one.members, positions).any(axis=1).sum()) for one in (self.train, self.eval)
        )
        return train, test


def read_examples(
    published: PublishedDataset, task: str, only: Mapping[str, pa.Array | None] | None = None
) -> TaskExamples:
    """Read both splits of a task.

    Parameters
    ----------
    published : PublishedDataset
    task : str
    only : mapping of str to pyarrow.StringArray or None, optional
        By split, the accessions that its examples may name; an example with another member is left out.
        None lets all through.

    Raises
    ------
    GenoProtError
        If the dataset does not hold the task, a file cannot be read, or a label is neither 0 nor 1.
    """
    columns = get_task(task).members
    tables = {split: published.task(task, split) for split in FOLDS}
    if task in published.matched_tasks:
        tables["matched"] = published.task(task, "eval", matched=True)
    rows: dict[str, np.ndarray] = {}
    for split, table in tables.items():
        found = set(pc.unique(table["label"]).to_pylist())
        if not found <= {0, 1}:
            raise GenoProtError(f"task {task}, split {split}: labels are 0 or 1, found {sorted(found)}")
        rows[split] = np.arange(table.num_rows, dtype=np.int32)
        allowed = None if only is None else only["eval" if split == "matched" else split]
        if allowed is not None:
            kept = [pc.is_in(table[column], value_set=allowed).to_numpy() for column in columns]
            rows[split] = rows[split][np.all(kept, axis=0)]
            tables[split] = table.take(rows[split])
    named = [chunk for table in tables.values() for column in columns for chunk in table[column].chunks]
    accessions = pc.unique(pa.chunked_array(named, pa.string()))
    accessions = accessions.take(pc.sort_indices(accessions))
    splits = {split: _split(table, columns, accessions, rows[split]) for split, table in tables.items()}
    return TaskExamples(task, accessions, **splits)


def _split(table: pa.Table, columns: Sequence[str], accessions: pa.StringArray, row: np.ndarray) -> Split:
    positions = [pc.index_in(table[column], value_set=accessions).to_numpy() for column in columns]
    rest = {
        name: table[name].to_numpy() if name in table.column_names else None
        for name in ("sample", "identity", "challenge")
    }
    members = np.stack(positions, axis=1).astype(np.int64)
    return Split(members, table["label"].to_numpy(), row=row, **rest)
