"""Checks that a result record says what its predictions say, before it is shown to anybody."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.comparison import compare_models
from genoprot_evaluate.ensembles import ENSEMBLES, normalised_weights
from genoprot_evaluate.evaluation.cells import Fit, score_fit
from genoprot_evaluate.evaluation.stored import stored_examples
from genoprot_evaluate.leaderboard.differences import TOLERANCE, differences
from genoprot_evaluate.leaderboard.further import faults_of_further
from genoprot_evaluate.leaderboard.submissions import Submission, read_submission
from genoprot_evaluate.results import FURTHER_NAME, PREDICTIONS_NAME, ResultRecord

__all__ = ["add_arguments", "run", "validate_record"]

MOST_PRINTED = 50
"""Differences of a record that `run` prints unless asked for all; a wrong seed alone makes thousands."""

_FROM_PREDICTIONS = ("accuracy", "auroc", "auprc", "mcc", "brier", "calibration_error", "eval_examples")
_FROM_PREDICTIONS += ("unanswered",)
_OF_PAIRS = ("challenge_accuracy", "challenge_examples", "identity_bins")


def validate_record(path: str | Path, dataset: str | Path | PublishedDataset | None = None) -> list[str]:
    """Compute the scores of a record again from the predictions beside it.

    Computed again are accuracy, AUROC, AUPRC, MCC, Brier score and calibration error of each cell, the
    intervals, the comparisons, the gains of encoders, the votes of the five ensembles, and, where identities
    lie beside the predictions, the accuracies on challenge pairs and by identity; from the further
    predictions, where they lie beside the record, identity-matched accuracies, those of further seeds, the
    validation accuracies of encoders, how much the order of a pair matters, and what combinations learned.
    What training decides does not follow from what is kept, and is not checked.

    Parameters
    ----------
    path : str or Path
        Folder written by `genoprot evaluate`, or its `results.json`.
    dataset : str, Path or PublishedDataset, optional
        The dataset that the record names: then fingerprint, examples, labels, identities and validation folds
        are compared too.

    Returns
    -------
    list of str
        What is wrong, one line each; empty when the record holds.

    Raises
    ------
    GenoProtError
        If the record or the predictions cannot be read at all: no JSON, another schema version, values of
        the wrong type or out of range, no predictions.
    """
    submission = read_submission(path)
    if submission.predictions is None:
        raise SourceError(
            submission.path.parent / PREDICTIONS_NAME,
            "not found; a record is checked against its predictions",
        )
    published = dataset
    if dataset is not None and not isinstance(dataset, PublishedDataset):
        published = PublishedDataset.open(dataset)
    return list(_faults(submission, published))


def _faults(submission: Submission, published: PublishedDataset | None) -> Iterator[str]:
    record, predictions = submission.record, submission.predictions
    if published is not None and published.fingerprint != record.dataset["fingerprint"]:
        yield (
            f"dataset: the record has fingerprint {record.dataset['fingerprint'][:12]}, "
            f"{published.name} has {published.fingerprint[:12]}"
        )
        return
    sound = True
    named = [predictions["task"], *(() if submission.further is None else (submission.further["task"],))]
    for task in sorted(set().union(*(pc.unique(column).to_pylist() for column in named))):
        if task not in record.scores:
            yield f"{task}: there are predictions, but the record has no such task"
            sound = False
    for task in record.tasks:
        found = list(_faults_of_task(submission, task, published))
        sound = sound and not found
        yield from found
    if sound:
        yield from _faults_of_comparisons(record, predictions)


def _faults_of_task(submission: Submission, task: str, published: PublishedDataset | None) -> Iterator[str]:
    record, predictions, further = submission.record, submission.predictions, submission.further
    rows = predictions.filter(pc.equal(predictions["task"], task))
    by_model = {
        name: rows.filter(pc.equal(rows["model"], name)).sort_by("row")
        for name in pc.unique(rows["model"]).to_pylist()
    }
    scored = {name for name, score in record.scores[task].items() if score.status == "OK"}
    for name in sorted(scored ^ by_model.keys()):
        has = "a score but no predictions" if name in scored else "predictions but no score"
        yield f"{task}, {name}: {has}"
    named = sorted(scored & by_model.keys())
    if not named:
        return
    try:
        examples = stored_examples(record, task, by_model[named[0]], published)
    except GenoProtError as error:
        yield f"{task}: {error}"
        return
    first = _key(by_model[named[0]])
    for name in named:
        if not _key(by_model[name]).equals(first):
            yield f"{task}, {name}: its examples or labels are not those of {named[0]}"
            return
    known = published is not None or examples.eval.identity is not None
    checked = _FROM_PREDICTIONS + (_OF_PAIRS if known else ())
    fits = {name: _fit(by_model[name]) for name in named}
    impossible = {name: _impossible(fits[name], record.models[name].kind) for name in named}
    yield from (f"{task}, {name}: {fault}" for name, fault in impossible.items() if fault is not None)
    if any(impossible.values()):
        return
    for name in named:
        fit = fits[name]
        if fit.probability is not None and not _agree(fit):
            yield f"{task}, {name}: a predicted class is not the one that its probability gives"
        again = asdict(score_fit(examples, fit))
        given = asdict(record.scores[task][name])
        yield from (
            f"{task}, {name}: {place}"
            for key in checked
            for place in differences(given[key], again[key], key)
        )
    yield from _faults_of_ensembles(record, task, fits)
    if further is not None:
        known = published is not None
        yield from faults_of_further(record, task, fits, examples, further, with_dataset=known)


def _key(table: pa.Table) -> pa.Table:
    return table.select(["row", "sample", "accession_a", "accession_b", "identity", "challenge", "label"])


def _fit(table: pa.Table) -> Fit:
    column = table["probability"]
    none = column.null_count == len(column)
    return Fit("OK", None, None if none else column.to_numpy(), table["predicted"].to_numpy())


def _impossible(fit: Fit, kind: str) -> str | None:
    """Which value no model of a kind gives."""
    asked = kind == "language-model"
    if fit.probability is None and not asked:
        return "its predictions have no probabilities"
    if asked and not np.isin(fit.predicted, (-1, 0, 1)).all():
        return "an answer is none of -1, 0 and 1"
    if fit.probability is None:
        return None
    known = fit.probability[fit.predicted >= 0] if asked else fit.probability
    if not ((known >= 0) & (known <= 1)).all():
        return "a probability is not between 0 and 1"
    return None


def _agree(fit: Fit) -> bool:
    """Whether the classes are those that the probabilities give, and both are lacking together."""
    lacking = np.isnan(fit.probability)
    return np.array_equal(fit.predicted, np.where(lacking, -1, fit.probability > 0.5))


def _faults_of_ensembles(record: ResultRecord, task: str, fits: dict[str, Fit]) -> Iterator[str]:
    """Whether each vote follows from the members' probabilities and validation accuracies."""
    votes = [name for name in ENSEMBLES if name in fits]
    ensemble = record.ensembles.get(task)
    if not votes:
        return
    if ensemble is None or not ensemble.members:
        yield f"{task}: {', '.join(votes)} have scores, but the record names no members"
        return
    lacking = sorted(set(ensemble.members) - fits.keys())
    if lacking:
        yield f"{task}: ensemble members without predictions: {', '.join(lacking)}"
        return
    accuracies = np.array([record.scores[task][name].validation_accuracy or 0 for name in ensemble.members])
    weights = dict(zip(ensemble.members, normalised_weights(accuracies).tolist()))
    yield from (f"{task}: {place}" for place in differences(dict(ensemble.weights), weights, "weights"))
    probabilities = np.stack([fits[name].probability for name in ensemble.members])
    for name in votes:
        vote = ENSEMBLES[name](probabilities, accuracies)
        same = np.array_equal(vote.label, fits[name].predicted)
        if not same or np.abs(vote.score - fits[name].probability).max() > TOLERANCE:
            yield f"{task}, {name}: it is not what the members {', '.join(ensemble.members)} give"


def _faults_of_comparisons(record: ResultRecord, predictions: pa.Table) -> Iterator[str]:
    try:
        again = compare_models(record, predictions)
    except GenoProtError as error:
        yield str(error)
        return
    for task in record.tasks:
        for name, score in record.scores[task].items():
            given, found = (
                interval and asdict(interval)
                for interval in (score.interval, again.scores[task][name].interval)
            )
            yield from (f"{task}, {name}: {place}" for place in differences(given, found, "interval"))
        for name in ("comparisons", "gains"):
            given, found = ([asdict(one) for one in getattr(r, name).get(task, ())] for r in (record, again))
            yield from (f"{task}: {place}" for place in differences(given, found, name))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot validate-record`."""
    parser.add_argument("records", nargs="+", metavar="RESULTS", help="folders of results, or results.json")
    parser.add_argument(
        "--dataset",
        metavar="DIR",
        help="folder or Hub id of the dataset, to compare examples and labels with",
    )
    parser.add_argument(
        "--all", action="store_true", help=f"print every difference, not the first {MOST_PRINTED} of a record"
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot validate-record`; the exit status is 1 where a record does not hold."""
    dataset = None if args.dataset is None else PublishedDataset.open(args.dataset)
    wrong = 0
    for path in args.records:
        faults = validate_record(path, dataset)
        for fault in faults if args.all else faults[:MOST_PRINTED]:
            print(f"{path}: {fault}")
        if len(faults) > MOST_PRINTED and not args.all:
            print(f"{path}: and {len(faults) - MOST_PRINTED:,} more; --all prints them")
        if not faults:
            print(f"{path}: holds; its scores follow from the predictions beside it{_on_trust(path)}")
        wrong += bool(faults)
    return 1 if wrong else 0


def _on_trust(path: str | Path) -> str:
    """What could not be computed again where there are no further predictions."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    if (folder / FURTHER_NAME).is_file():
        return ""
    return (
        f"; without {FURTHER_NAME} validation accuracies, those of identity-matched pairs and further seeds, "
        "the weight of order, and combinations are taken on trust"
    )
