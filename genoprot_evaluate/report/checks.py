"""What a record must be before anything is drawn from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.results import ResultRecord, read_record

__all__ = ["complete_record"]

_DATASET = {"name": str, "fingerprint": str, "genes": int, "folds": Mapping[str, int]}


def complete_record(path: str | Path) -> ResultRecord:
    """Read a record that may come from anybody, and make sure that it can be shown.

    Parameters
    ----------
    path : str or Path
        Folder written by `genoprot evaluate`, or its `results.json`.

    Returns
    -------
    ResultRecord
        With one task and one model at least, a cell for every pair of them, numbers that are finite and
        accuracies between 0 and 1.

    Raises
    ------
    SourceError
        If there is no such record; the message names the place in the record and what was found there.
    """
    try:
        record = read_record(path)
    except (TypeError, ValueError) as error:
        raise SourceError(path, f"not a result record ({error})") from None
    for fault in _faults(record):
        raise SourceError(path, fault)
    return record


def _faults(record: ResultRecord) -> Iterator[str]:
    """What is wrong with a record, one line each; checks rely on those before them."""
    yield from _misfits(record, ResultRecord, "record")
    for key, hint in _DATASET.items():
        if key not in record.dataset:
            yield f"record.dataset: key {key!r} is missing"
        yield from _misfits(record.dataset[key], hint, f"record.dataset.{key}")
    if not record.tasks or not record.models:
        yield "the record holds no scores"
    for task in record.tasks:
        where = f"record.scores.{task}"
        for name in sorted(record.models.keys() ^ record.scores[task].keys()):
            yield f"{where}: no {'cell for model' if name in record.models else 'such model as'} {name!r}"
        for name, score in record.scores[task].items():
            if (score.status == "OK") != (score.reason is None):
                yield f"{where}.{name}: status {score.status} with reason {score.reason!r}"
            samples = score.accuracy.samples if score.accuracy else ()
            for share in (score.accuracy and score.accuracy.mean, score.validation_accuracy, *samples):
                if share is not None and not 0 <= share <= 1:
                    yield f"{where}.{name}: an accuracy of {share}, expected 0 to 1"
            if score.accuracy and score.accuracy.std is not None and score.accuracy.std < 0:
                yield f"{where}.{name}: a standard deviation of {score.accuracy.std}"


def _misfits(value: Any, hint: Any, where: str) -> Iterator[str]:
    """Places at which a value is not what its annotation says."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if value is None and NoneType in kinds:
        return
    kind = kinds[0]
    origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(value, kind):
        hints = get_type_hints(kind)
        for field in fields(kind):
            yield from _misfits(getattr(value, field.name), hints[field.name], f"{where}.{field.name}")
    elif origin is Mapping and isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _misfits(entry, get_args(kind)[1], f"{where}.{key}")
    elif origin is tuple and isinstance(value, tuple):
        for number, entry in enumerate(value):
            yield from _misfits(entry, get_args(kind)[0], f"{where}.{number}")
    elif not _is_plain(value, kind):
        yield f"{where}: expected {getattr(kind, '__name__', kind)}, found {value!r:.60}"


def _is_plain(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if kind in (int, float):
        known = (int, float) if kind is float else int
        return isinstance(value, known) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(kind, type) and isinstance(value, kind)
