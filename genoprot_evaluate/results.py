"""The result record: what one run of the evaluation found, and the only source of every table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_file, write_parquet
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.statistics import Summary

__all__ = [
    "KINDS",
    "PREDICTIONS",
    "PREDICTIONS_NAME",
    "RECORD_NAME",
    "SCHEMA_VERSION",
    "STATUSES",
    "Ensemble",
    "ResultRecord",
    "Score",
    "ScoredModel",
    "check_folder",
    "read_record",
    "write_record",
]

SCHEMA_VERSION = 1
"""Version of the layout of `results.json`."""

RECORD_NAME = "results.json"
PREDICTIONS_NAME = "predictions.parquet"

KINDS = ("encoder", "ensemble", "baseline")
"""Kinds of model, in the order in which tables show them."""

STATUSES = ("OK", "N/A", "ERROR")
"""Scored; does not apply, for a reason; failed, for a reason."""

PREDICTIONS = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("sample", pa.int8(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("label", pa.int8(), nullable=False),
        pa.field("predicted", pa.int8(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
    ]
)
"""Predictions: one row per task, model and eval example.

`row` counts the rows of the task's eval split from 0; `label` is the true class, `predicted` the model's;
`probability` is that of class 1, for an ensemble its score.
"""


@dataclass(frozen=True)
class ScoredModel:
    """A model in the record.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    title : str
        Name for people.
    modality : str or None
        ``dna``, ``protein`` or ``both``; None where the model reads no sequence or it is not known.
    dimension : int or None
        Width of its vectors; None where it has none.
    """

    kind: str
    title: str
    modality: str | None = None
    dimension: int | None = None


@dataclass(frozen=True)
class Score:
    """What one model reached on one task.

    Parameters
    ----------
    status : str
        One of `STATUSES`.
    reason : str or None
        Why the status is not ``OK``.
    accuracy, auroc, mcc : Summary or None
        Over the eval samples.
    validation_accuracy : float or None
        On the validation fold; None for ensembles.
    challenge_accuracy : float or None
        Over the challenge pairs of all samples together; None where there are none.
    challenge_examples, train_examples, eval_examples : int or None
        Examples in all samples together, those of the validation fold counted with train.
    epochs : int or None
        Epochs that the head was trained for; None without a head.
    """

    status: str
    reason: str | None = None
    accuracy: Summary | None = None
    auroc: Summary | None = None
    mcc: Summary | None = None
    validation_accuracy: float | None = None
    challenge_accuracy: float | None = None
    challenge_examples: int | None = None
    train_examples: int | None = None
    eval_examples: int | None = None
    epochs: int | None = None


@dataclass(frozen=True)
class Ensemble:
    """Who votes in the ensembles of one task.

    Parameters
    ----------
    members : tuple of str
    weights : mapping of str to float
        Weights of weighted voting; they add up to 1.
    left_out : mapping of str to str
        Members that have no predictions for the task, and why.
    """

    members: tuple[str, ...]
    weights: Mapping[str, float]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ResultRecord:
    """What one run of the evaluation found.

    Parameters
    ----------
    dataset : mapping
        `name`, `fingerprint`, `genes` and `folds` (genes per fold) of the dataset.
    seed : int
    head : mapping
        Every choice of the heads' training, as `heads.HeadConfig.to_dict` gives it.
    versions : mapping of str to str
        Versions of the software that the numbers depend on.
    models : mapping of str to ScoredModel
    scores : mapping of str to mapping of str to Score
        By task and model; every task has every model.
    ensembles : mapping of str to Ensemble
        By task.
    schema_version : int
    """

    dataset: Mapping[str, Any]
    seed: int
    head: Mapping[str, Any]
    versions: Mapping[str, str]
    models: Mapping[str, ScoredModel]
    scores: Mapping[str, Mapping[str, Score]]
    ensembles: Mapping[str, Ensemble]
    schema_version: int = SCHEMA_VERSION

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of the record, in the order of the paper."""
        return tuple(task for task in TASKS if task in self.scores)

    def models_of(self, kind: str) -> tuple[str, ...]:
        """Names of the models of one kind, sorted."""
        return tuple(sorted(name for name, model in self.models.items() if model.kind == kind))

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        return json.loads(self.to_json())

    def to_json(self) -> str:
        """The record as JSON: keys sorted, floats to the last digit; the same record, the same text."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str | Path = RECORD_NAME) -> ResultRecord:
        """The inverse of `to_json`.

        Parameters
        ----------
        text : str
        source : str or Path
            Where the text is from, for messages.

        Raises
        ------
        SourceError
            If the text is not JSON, of another schema version, or a key is missing or unknown.
        """
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise SourceError(source, f"not valid JSON ({error})") from None
        found = raw.get("schema_version") if isinstance(raw, dict) else None
        if found != SCHEMA_VERSION:
            raise SourceError(
                source, f"schema_version is {found!r}; this version of genoprot reads {SCHEMA_VERSION}"
            )
        reader = _Reader(source)
        values = reader.keys_of(raw, cls, "record")
        for key, read in (
            ("models", reader.model),
            ("scores", reader.scores),
            ("ensembles", reader.ensemble),
        ):
            entries = reader.mapping(raw[key], key)
            values[key] = {name: read(entry, f"{key}.{name}") for name, entry in entries.items()}
        return cls(**values)


@dataclass(frozen=True)
class _Reader:
    """Checks keys while a record is read; messages name the file and the key."""

    source: str | Path

    def mapping(self, raw: Any, where: str) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise SourceError(self.source, f"{where}: expected an object, found {type(raw).__name__}")
        return raw

    def keys_of(self, raw: Any, kind: type, where: str) -> dict[str, Any]:
        expected = {entry.name for entry in fields(kind)}
        found = set(self.mapping(raw, where))
        for name in sorted(expected - found):
            raise SourceError(self.source, f"{where}: key {name!r} is missing")
        for name in sorted(found - expected):
            raise SourceError(self.source, f"{where}: unknown key {name!r}")
        return dict(raw)

    def model(self, raw: Any, where: str) -> ScoredModel:
        values = self.keys_of(raw, ScoredModel, where)
        if values["kind"] not in KINDS:
            raise SourceError(self.source, f"{where}: kind {values['kind']!r} is none of {KINDS}")
        return ScoredModel(**values)

    def scores(self, raw: Any, where: str) -> dict[str, Score]:
        cells = self.mapping(raw, where)
        return {name: self.score(cell, f"{where}.{name}") for name, cell in cells.items()}

    def score(self, raw: Any, where: str) -> Score:
        values = self.keys_of(raw, Score, where)
        if values["status"] not in STATUSES:
            raise SourceError(self.source, f"{where}: status {values['status']!r} is none of {STATUSES}")
        for name in ("accuracy", "auroc", "mcc"):
            if values[name] is not None:
                summary = self.keys_of(values[name], Summary, f"{where}.{name}")
                values[name] = Summary(**summary | {"samples": tuple(summary["samples"])})
        return Score(**values)

    def ensemble(self, raw: Any, where: str) -> Ensemble:
        values = self.keys_of(raw, Ensemble, where)
        return Ensemble(**values | {"members": tuple(values["members"])})


def check_folder(out: str | Path) -> Path:
    """Path of a folder of results that is there or can be made.

    Raises
    ------
    GenoProtError
        If `out` is a file.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise GenoProtError(f"{out}: exists and is not a folder")
    return out


def write_record(record: ResultRecord, predictions: pa.Table, out: str | Path) -> Path:
    """Write `results.json` and `predictions.parquet` to a folder.

    The record is written last and an older one is taken away before its predictions are replaced, so a
    record always lies beside its own predictions.

    Parameters
    ----------
    record : ResultRecord
    predictions : pyarrow.Table
        With the columns of `PREDICTIONS`.
    out : str or Path
        Made when it is not there; other files in it are left alone.

    Returns
    -------
    Path
        The written `results.json`.

    Raises
    ------
    GenoProtError
        If `out` is a file.
    """
    out = check_folder(out)
    final = out / RECORD_NAME
    with atomic_file(final) as staged_record, atomic_file(out / PREDICTIONS_NAME) as staged_predictions:
        write_parquet(predictions.cast(PREDICTIONS), staged_predictions)
        staged_record.write_text(record.to_json(), encoding="utf-8")
        final.unlink(missing_ok=True)
    return final


def read_record(path: str | Path) -> ResultRecord:
    """Read a result record from `results.json` or the folder that holds it.

    Raises
    ------
    SourceError
        If there is no record, or it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        path = path / RECORD_NAME
    if not path.is_file():
        raise SourceError(path, "not found; `genoprot evaluate --out FOLDER` writes it")
    return ResultRecord.from_json(path.read_text(encoding="utf-8"), path)
