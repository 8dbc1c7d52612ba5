"""Result records as they are handed in: a record, its predictions where they lie beside it, a label."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.results import (
    FURTHER_NAME,
    PREDICTIONS_NAME,
    RECORD_NAME,
    ResultRecord,
    read_further,
    read_predictions,
    read_record,
)

__all__ = ["LARGEST_RECORD", "Submission", "read_submissions"]

LARGEST_RECORD = 64 << 20
"""Bytes of the largest `results.json` that is read; records come from strangers."""

LARGEST_PREDICTIONS = 1 << 30
"""Bytes of the largest file of predictions that is read."""

MOST_PREDICTIONS = 20_000_000
"""Rows of a file of predictions that are read at most; a small file can unpack to any number."""


@dataclass(frozen=True, eq=False)
class Submission:
    """A record that was handed in.

    Parameters
    ----------
    label : str
        Letters, digits, ``.``, ``_`` and ``-``; no two submissions of a leaderboard have the same.
    path : Path
        The record's file.
    record : ResultRecord
    predictions : pyarrow.Table or None
        With the columns of `results.PREDICTIONS`; None where none lie beside the record.
    further : pyarrow.Table or None
        With the columns of `results.FURTHER`; None where none lie beside the record.
    """

    label: str
    path: Path
    record: ResultRecord
    predictions: pa.Table | None
    further: pa.Table | None = None


def read_submissions(paths: Iterable[str | Path]) -> list[Submission]:
    """Read records and the predictions beside them.

    Parameters
    ----------
    paths : iterable of str or Path
        Folders written by `genoprot evaluate`, or JSON files of records.

    Returns
    -------
    list of Submission
        By label. A label is the name of the file, or of its folder where the file has the usual name;
        where several have the same, they are numbered in the order of their paths.

    Raises
    ------
    GenoProtError
        If there are none, or a record is missing, too large or cannot be read.
    """
    files = {Path(path) / RECORD_NAME if Path(path).is_dir() else Path(path) for path in paths}
    if not files:
        raise GenoProtError("no result records; name folders written by `genoprot evaluate`")
    found: dict[str, Submission] = {}
    for path in sorted(files):
        label = base = _label(path)
        number = 1
        while label in found:
            number += 1
            label = f"{base}-{number}"
        found[label] = read_submission(path, label)
    return [found[label] for label in sorted(found)]


def read_submission(path: str | Path, label: str | None = None) -> Submission:
    """Read one record and the predictions beside it; see `read_submissions`."""
    path = Path(path)
    if path.is_dir():
        path = path / RECORD_NAME
    tables = [path.parent / name for name in (PREDICTIONS_NAME, FURTHER_NAME)]
    _refuse_large(path, LARGEST_RECORD)
    for table in tables:
        _refuse_large(table, LARGEST_PREDICTIONS)
    record = read_record(path)
    if not record.tasks or not record.models:
        raise SourceError(path, "the record holds no scores")
    for table in tables:
        if table.is_file():
            _refuse_many(table)
    predictions = read_predictions(tables[0]) if tables[0].is_file() else None
    return Submission(label or _label(path), path, record, predictions, read_further(tables[1]))


def _refuse_large(path: Path, most: int) -> None:
    if path.is_file() and path.stat().st_size > most:
        raise SourceError(path, f"{path.stat().st_size:,} bytes; expected {most:,} at most")


def _refuse_many(path: Path) -> None:
    try:
        rows = pq.read_metadata(path).num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(path, f"not a readable Parquet file ({error})") from None
    if rows > MOST_PREDICTIONS:
        raise SourceError(path, f"{rows:,} rows; expected {MOST_PREDICTIONS:,} at most")


def _label(path: Path) -> str:
    name = path.absolute().parent.name if path.name == RECORD_NAME else path.stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "record"
