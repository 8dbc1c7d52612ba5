"""Examples and fits of a task, from the predictions that lie beside a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.evaluation.cells import Fit, HeldOut
from genoprot_evaluate.evaluation.examples import Split, TaskExamples, read_examples
from genoprot_evaluate.evaluation.inputs import examples_without
from genoprot_evaluate.evaluation.species import accessions_of_species
from genoprot_evaluate.results import FURTHER_NAME, ResultRecord, Results

__all__ = ["Answers", "answers_of", "pooled_validation", "stored_examples", "stored_fits"]


class Answers(NamedTuple):
    """What one head says of the examples of a part of the further predictions."""

    row: np.ndarray
    label: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray

    def same_examples(self, row: np.ndarray, label: np.ndarray) -> bool:
        """Whether these are the answers to some examples."""
        return np.array_equal(self.row, row) and np.array_equal(self.label, label)


def answers_of(further: pa.Table, part: str, seed: int, model: str) -> Answers:
    """Answers of one model from the further predictions of a task; empty where there are none."""
    for name, value in (("model", model), ("part", part), ("seed", seed)):
        further = further.filter(pc.equal(further[name], value))
    return Answers(*(further[name].to_numpy() for name in Answers._fields))


def pooled_validation(answers: Mapping[str, Answers]) -> tuple[dict[str, HeldOut], np.ndarray, np.ndarray]:
    """Train examples on which any of several models was stopped.

    Parameters
    ----------
    answers : mapping of str to Answers
        Of the validation fold, by model.

    Returns
    -------
    dict of str to HeldOut
        By model; `rows` are numbers of the pooled examples.
    row, label : ndarray, shape=(k,)
        Rows of the train split, rising, and classes of the pooled examples.

    Raises
    ------
    GenoProtError
        If two models have different labels for an example.
    """
    row = np.unique(np.concatenate([np.empty(0, np.int32), *(one.row for one in answers.values())]))
    places = {name: np.searchsorted(row, one.row) for name, one in answers.items()}
    label = np.zeros(len(row), dtype=np.int8)
    for name, one in answers.items():
        label[places[name]] = one.label
    for name, one in answers.items():
        if not np.array_equal(label[places[name]], one.label):
            raise GenoProtError(
                f"{name}: the labels of its validation fold are not those of the other members"
            )
    held_out = {name: HeldOut(places[name], one.probability) for name, one in answers.items()}
    return held_out, row, label


def stored_examples(
    record: ResultRecord, task: str, answers: pa.Table, published: PublishedDataset | None = None
) -> TaskExamples:
    """Eval examples of a task that one model of a record has answered.

    Parameters
    ----------
    record : ResultRecord
    task : str
    answers : pyarrow.Table
        Predictions of the model for the task, by row.
    published : PublishedDataset, optional
        The dataset of the record, with which the examples are compared; all splits are those of the dataset
        then. Without it there are no train examples.

    Raises
    ------
    GenoProtError
        If they are no examples, or not those of the dataset.
    """
    columns = [answers[name] for name in ("accession_a", "accession_b")[: TASKS[task].arity]]
    if any(column.null_count for column in columns):
        raise GenoProtError("an example lacks an accession")
    row, labels, sample = (answers[name].to_numpy() for name in ("row", "label", "sample"))
    if np.any(np.diff(row) <= 0):
        raise GenoProtError("a row of the eval split comes twice")
    identity, challenge = (_whole(answers, name) for name in ("identity", "challenge"))
    if published is None:
        names = pa.array(sorted(set().union(*(column.to_pylist() for column in columns))), pa.string())
        members = np.stack([pc.index_in(column, value_set=names).to_numpy() for column in columns], axis=1)
        split = Split(members, labels, sample, identity, challenge, row)
        return TaskExamples(task, names, split.take(np.empty(0, dtype=np.int64)), split)
    if task not in published.tasks:
        raise GenoProtError(f"{published.name} has no such task")
    species = {fold: record.dataset.get(f"{fold}_species", ()) for fold in FOLDS}
    only = accessions_of_species(published, species)
    examples = read_examples(published, task, only).of_samples(record.dataset.get("eval_samples"))
    if task in record.dropped:
        gone = set().union(*record.dropped[task].lacking.values())
        examples = examples_without(published, examples, only, gone)
    expected = [examples.accessions.take(pa.array(column)) for column in examples.eval.members.T]
    same = np.array_equal(row, examples.eval.row) and all(
        column.combine_chunks().equals(names) for column, names in zip(columns, expected)
    )
    if not same:
        raise GenoProtError(f"its examples are not those of {published.name}")
    for title, own, known in (
        ("labels", labels, examples.eval.labels),
        ("samples", sample, examples.eval.sample),
        ("identities", identity, examples.eval.identity),
        ("challenge pairs", challenge, examples.eval.challenge),
    ):
        if own is not None and (known is None or not np.array_equal(own, known)):
            raise GenoProtError(f"its {title} are not those of {published.name}")
    return examples


def stored_fits(
    results: Results, task: str, encoders: Sequence[str]
) -> tuple[TaskExamples | None, dict[str, Fit]]:
    """Fits of encoders to a task, as far as votes depend on them.

    Parameters
    ----------
    results : Results
    task : str
    encoders : sequence of str

    Returns
    -------
    TaskExamples or None
        The eval and identity-matched examples, and of train those on which an encoder was stopped; None
        where no model has predictions.
    dict of str to Fit
        By encoder.

    Raises
    ------
    GenoProtError
        If predictions are not those of the record, or there are none of the validation fold.
    """
    cells = results.record.scores[task]
    predictions, further = (
        table.filter(pc.equal(table["task"], task)) for table in (results.predictions, results.further)
    )
    scored = sorted(name for name, score in cells.items() if score.status == "OK")
    fits = {name: Fit(cells[name].status, cells[name].reason) for name in encoders}
    if not scored:
        return None, fits
    examples = stored_examples(
        results.record, task, predictions.filter(pc.equal(predictions["model"], scored[0])).sort_by("row")
    )
    voting = [name for name in encoders if name in scored]
    held_out = {name: answers_of(further, "validation", 0, name) for name in voting}
    matched = {name: answers_of(further, "matched", 0, name) for name in voting}
    for name in voting:
        wanted = cells[name].matched_examples or 0
        if not len(held_out[name].row) or len(matched[name].row) != wanted:
            raise GenoProtError(
                f"{FURTHER_NAME} beside the record lacks what {name!r} says of the validation fold or the "
                f"identity-matched pairs of {task}, and combinations need it; evaluate it again"
            )
    pooled, row, label = pooled_validation(held_out)
    for name in voting:
        own = predictions.filter(pc.equal(predictions["model"], name)).sort_by("row")
        if not np.array_equal(own["row"].to_numpy(), examples.eval.row):
            raise GenoProtError(f"the predictions of {name!r} on {task} are not those of the record")
        fits[name] = Fit(
            "OK",
            probability=own["probability"].to_numpy(),
            predicted=own["predicted"].to_numpy(),
            validation_accuracy=cells[name].validation_accuracy,
            held_out=pooled[name],
            matched=matched[name].probability if cells[name].matched_examples is not None else None,
        )
    asked = next((one for one in matched.values() if len(one.row)), None)
    known = TaskExamples(
        task,
        examples.accessions,
        _without_members(row, label),
        examples.eval,
        None if asked is None else _without_members(asked.row, asked.label),
    )
    return known, fits


def _whole(answers: pa.Table, name: str) -> np.ndarray | None:
    """A column that every example has or none."""
    column = answers[name]
    if column.null_count == len(column):
        return None
    if column.null_count:
        raise GenoProtError(f"an example lacks its {name}")
    return column.to_numpy()


def _without_members(row: np.ndarray, label: np.ndarray) -> Split:
    """A split of which rows and labels are known."""
    return Split(np.empty((len(row), 0), dtype=np.int64), label, None, None, None, row)
