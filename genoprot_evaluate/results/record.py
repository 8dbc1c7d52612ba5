"""The result record and its files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_file, write_parquet
from genoprot_datasets.json_text import parse_json
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.results.cells import (
    KINDS,
    STATUSES,
    Combination,
    CombinedRecord,
    Comparison,
    Dropped,
    Ensemble,
    Gain,
    Score,
    ScoredModel,
)
from genoprot_evaluate.results.decoding import Misfit, decode
from genoprot_evaluate.results.further import FURTHER, FURTHER_NAME
from genoprot_evaluate.results.predictions import PREDICTIONS, PREDICTIONS_NAME

__all__ = [
    "RECORD_NAME",
    "SCHEMA_VERSION",
    "ResultRecord",
    "check_folder",
    "read_record",
    "write_record",
]

SCHEMA_VERSION = 4
"""Version of the layout of `results.json`.

Each version has more keys than the one before and no other meaning for any of them.
"""

_READABLE = (1, 2, 3, 4)

RECORD_NAME = "results.json"


@dataclass(frozen=True)
class ResultRecord:
    """What one run of the evaluation found.

    Parameters
    ----------
    dataset : mapping
        `name`, `fingerprint`, `genes` and `folds` (genes per fold) of the dataset; `train_species` and
        `eval_species` (NCBI taxon ids) where the examples were confined to some; `eval_samples`, how many of
        the samples count, the first ones, where not all of them do.
    seed : int
    head : mapping
        Every choice of the heads' training, as `heads.HeadConfig.to_dict` gives it; empty where no head was
        trained.
    versions : mapping of str to str
        Versions of the software that the numbers depend on.
    models : mapping of str to ScoredModel
    scores : mapping of str to mapping of str to Score
        By task and model; every task has every model.
    ensembles : mapping of str to Ensemble
        By task.
    comparisons : mapping of str to tuple of Comparison
        By task: every two models that have predictions, each two once.
    combinations : mapping of str to Combination
        By task; tasks without members are not there.
    gains : mapping of str to tuple of Gain
        By task: every encoder that has predictions, with every ensemble.
    dropped : mapping of str to Dropped
        By task; tasks that are scored on all their examples are not there.
    combined_from : tuple of CombinedRecord
        Records whose predictions it was combined from; empty for a record of one run.
    schema_version : int
    """

    dataset: Mapping[str, Any]
    seed: int
    head: Mapping[str, Any]
    versions: Mapping[str, str]
    models: Mapping[str, ScoredModel]
    scores: Mapping[str, Mapping[str, Score]]
    ensembles: Mapping[str, Ensemble]
    comparisons: Mapping[str, tuple[Comparison, ...]] = field(default_factory=dict)
    combinations: Mapping[str, Combination] = field(default_factory=dict)
    gains: Mapping[str, tuple[Gain, ...]] = field(default_factory=dict)
    dropped: Mapping[str, Dropped] = field(default_factory=dict)
    combined_from: tuple[CombinedRecord, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of the record, in the order of the paper."""
        return tuple(task for task in TASKS if task in self.scores)

    def models_of(self, kind: str) -> tuple[str, ...]:
        """Names of the models of one kind, sorted."""
        return tuple(sorted(name for name, model in self.models.items() if model.kind == kind))

    def __repr__(self) -> str:
        # A record has thousands of numbers; `tables.format_scores` shows those that matter.
        counts = ", ".join(
            f"{len(names)} {kind}{'s' * (len(names) != 1)}"
            for kind in KINDS
            if (names := self.models_of(kind))
        )
        return (
            f"<ResultRecord of {self.dataset['name']}, seed {self.seed}: {', '.join(self.tasks)}; {counts}>"
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values."""
        return json.loads(self.to_json())

    def to_json(self) -> str:
        """The record as JSON: keys sorted, floats to the last digit; the same record, the same text."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str | Path = RECORD_NAME) -> ResultRecord:
        """The inverse of `to_json`; of a record of an older version too.

        What an older version does not hold takes its default, and the record is one of the present version.

        Parameters
        ----------
        text : str
        source : str or Path
            Where the text is from, for messages.

        Raises
        ------
        SourceError
            If the text is not JSON, of another schema version, or a value is missing, unknown or cannot
            be; the message names its place in the record.
        """
        try:
            raw = parse_json(text)
        except ValueError as error:
            raise SourceError(source, f"not valid JSON ({error})") from None
        found = raw.get("schema_version") if isinstance(raw, dict) else None
        if type(found) is not int or found not in _READABLE:
            known = ", ".join(map(str, _READABLE))
            raise SourceError(source, f"schema_version is {found!r}; this version of genoprot reads {known}")
        try:
            older = found < SCHEMA_VERSION
            record = decode(raw | {"schema_version": SCHEMA_VERSION}, cls, "record", defaults=older)
            for fault in _faults(record):
                raise Misfit(fault)
        except Misfit as misfit:
            raise SourceError(source, str(misfit)) from None
        return record


_DATASET = {"name": str, "fingerprint": str, "genes": int, "folds": Mapping[str, int]}


def _faults(record: ResultRecord) -> Iterator[str]:
    """What is wrong with a record whose values are of the right types, one line each."""
    for key, hint in _DATASET.items():
        if key not in record.dataset:
            yield f"record.dataset: key {key!r} is missing"
        decode(record.dataset[key], hint, f"record.dataset.{key}")
    for key in ("train_species", "eval_species"):
        decode(record.dataset.get(key, []), tuple[int, ...], f"record.dataset.{key}")
    decode(record.dataset.get("eval_samples"), int | None, "record.dataset.eval_samples")
    if record.seed < 0:
        yield f"record.seed: expected 0 or more, found {record.seed}"
    counted = {"record.dataset.genes": record.dataset["genes"]}
    for name, model in record.models.items():
        counted[f"record.models.{name}.dimension"] = model.dimension
        counted[f"record.models.{name}.parameters"] = model.parameters
        if model.kind not in KINDS:
            yield f"record.models.{name}: kind {model.kind!r} is none of {KINDS}"
        if (model.kind == "language-model") != (model.asked is not None):
            yield f"record.models.{name}: kind {model.kind!r} with {'no ' * (model.asked is None)}survey"
    for where, count in counted.items():
        if count is not None and count < 0:
            yield f"{where}: expected 0 or more, found {count}"
    for key in ("scores", "comparisons", "ensembles", "combinations", "gains", "dropped"):
        for task in sorted(getattr(record, key).keys() - TASKS.keys()):
            yield f"record.{key}: no such task as {task!r}"
    for task, cells in record.scores.items():
        where = f"record.scores.{task}"
        for name in sorted(record.models.keys() ^ cells.keys()):
            yield f"{where}: no {'cell for model' if name in record.models else 'such model as'} {name!r}"
        for name, score in cells.items():
            yield from (f"{where}.{name}: {fault}" for fault in _faults_of(score))
    for task, gains in record.gains.items():
        for name in sorted({name for gain in gains for name in (gain.encoder, gain.ensemble)}):
            if name not in record.models:
                yield f"record.gains.{task}: no such model as {name!r}"
    for task, pairs in record.comparisons.items():
        named = {name for pair in pairs for name in (pair.first, pair.second)}
        for name in sorted(named - set(record.models)):
            yield f"record.comparisons.{task}: no such model as {name!r}"


def _faults_of(score: Score) -> Iterator[str]:
    if score.status not in STATUSES:
        yield f"status {score.status!r} is none of {STATUSES}"
    if (score.status == "OK") != (score.reason is None):
        yield f"status {score.status} with reason {score.reason!r}"
    if (score.status == "OK") != (score.accuracy is not None):
        yield f"status {score.status} with {'no ' * (score.accuracy is None)}accuracy"
    shares = [score.validation_accuracy, score.challenge_accuracy, score.matched_accuracy]
    shares += [entry.accuracy for entry in score.identity_bins]
    if score.accuracy is not None:
        shares += [score.accuracy.mean, *score.accuracy.samples]
        if score.accuracy.std is not None and score.accuracy.std < 0:
            yield f"a standard deviation of {score.accuracy.std}"
    if score.interval is not None:
        shares += [score.interval.low, score.interval.high]
    for share in shares:
        if share is not None and not 0 <= share <= 1:
            yield f"an accuracy of {share}, expected 0 to 1"


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


def write_record(
    record: ResultRecord, predictions: pa.Table, out: str | Path, further: pa.Table | None = None
) -> Path:
    """Write `results.json`, `predictions.parquet` and `further-predictions.parquet` to a folder.

    The record is written last and an older one is taken away before its predictions are replaced, so a
    record always lies beside its own predictions.

    Parameters
    ----------
    record : ResultRecord
    predictions : pyarrow.Table
        With the columns of `PREDICTIONS`.
    out : str or Path
        Made when it is not there; other files in it are left alone.
    further : pyarrow.Table, optional
        With the columns of `FURTHER`.

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
    with (
        atomic_file(final) as staged_record,
        atomic_file(out / PREDICTIONS_NAME) as staged_predictions,
        atomic_file(out / FURTHER_NAME) as staged_further,
    ):
        write_parquet(predictions.cast(PREDICTIONS), staged_predictions)
        write_parquet((FURTHER.empty_table() if further is None else further).cast(FURTHER), staged_further)
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
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError as error:
        raise SourceError(path, f"not a result record ({error})") from None
    return ResultRecord.from_json(text, path)
