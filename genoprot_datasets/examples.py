"""The examples of a task: drawn, compared by identity, and turned into tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.identity import challenge_threshold, is_challenge, pair_identities
from genoprot_datasets.labels import TaskLabels
from genoprot_datasets.relations import Dependency
from genoprot_datasets.sampling import PairDraw, RecordDraw, sample_pairs, sample_records
from genoprot_datasets.schema import FOLDS, task_schema
from genoprot_datasets.seeding import generator
from genoprot_datasets.tasks import EVAL_SAMPLES, TaskSpec, get_task

__all__ = ["TaskExamples", "add_identities", "draw_examples"]


@dataclass
class TaskExamples:
    """Examples of one task in both folds.

    Attributes
    ----------
    task : TaskSpec
    labels : TaskLabels
    draws : dict of str to PairDraw or RecordDraw
        By fold.
    identity, challenge : dict of str to ndarray
        By fold, for pair tasks, once `add_identities` has been called.
    threshold : float or None
        Identity that separates the classes of the train split best.
    """

    task: TaskSpec
    labels: TaskLabels
    draws: dict[str, PairDraw | RecordDraw]
    identity: dict[str, np.ndarray] = field(default_factory=dict)
    challenge: dict[str, np.ndarray] = field(default_factory=dict)
    threshold: float | None = None

    @property
    def summary(self) -> str:
        """The classes' sizes in a few words."""
        train, evaluation = (self.draws[fold].counts for fold in FOLDS)
        return f"{train.drawn:,} train, {EVAL_SAMPLES} x {evaluation.drawn:,} eval examples per class"

    def table(self, fold: str, accessions: Sequence[str]) -> pa.Table:
        """One split as it is published, with the columns of `schema.task_schema`."""
        draw = self.draws[fold]
        names = np.asarray(accessions, dtype=object)
        positions = (draw.record,) if isinstance(draw, RecordDraw) else (draw.a, draw.b)
        columns: dict[str, Any] = {
            column: names[position] for column, position in zip(self.task.members, positions, strict=True)
        }
        columns["label"] = draw.label
        if fold == "eval":
            columns["sample"] = draw.sample
        if self.task.arity == 2:
            columns["identity"] = self.identity[fold]
            columns["challenge"] = self.challenge[fold]
        return pa.table(columns, schema=task_schema(self.task, fold))

    def facts(self) -> dict[str, Any]:
        """Counts for the manifest."""
        facts: dict[str, Any] = {"labels": dict(self.labels.facts)}
        for fold in FOLDS:
            counts = self.draws[fold].counts
            facts[fold] = {
                "records_annotated": counts.annotated,
                "positives_available": counts.positives,
                "negatives_available": counts.negatives,
                "requested_per_class": counts.requested,
                "per_class": counts.drawn,
            }
        facts["eval"]["samples"] = EVAL_SAMPLES
        if self.task.arity == 2:
            facts["challenge"] = {
                "identity_threshold": self.threshold,
                **{f"{fold}_share": float(self.challenge[fold].mean()) for fold in FOLDS},
            }
        return facts


def draw_examples(name: str, labels: TaskLabels, folds: Mapping[str, np.ndarray], seed: int) -> TaskExamples:
    """Draw the train examples and the evaluation samples of a task.

    Parameters
    ----------
    name : str
        Task.
    labels : TaskLabels
    folds : mapping of str to ndarray of int64
        Positions of each fold's records, ascending.
    seed : int

    Returns
    -------
    TaskExamples

    Raises
    ------
    TooFewExamples
        If a class of a fold has fewer than two examples.
    """
    task = get_task(name)
    sizes = {"train": (task.train_per_class, None), "eval": (task.eval_per_class, EVAL_SAMPLES)}
    draws: dict[str, PairDraw | RecordDraw] = {}
    for fold in FOLDS:
        per_class, samples = sizes[fold]
        rng = generator(seed, "examples", name, fold)
        if isinstance(labels.relation, Dependency):
            draws[fold] = sample_records(labels.relation, folds[fold], per_class, samples, rng)
        else:
            draws[fold] = sample_pairs(labels.relation, folds[fold], per_class, samples, rng)
    return TaskExamples(task, labels, draws)


def add_identities(built: Mapping[str, TaskExamples], proteins: Sequence[str]) -> int:
    """Fill in the identity of every pair and whether it is a challenge case.

    Parameters
    ----------
    built : mapping of str to TaskExamples
        Changed in place.
    proteins : sequence of str
        Protein of each record.

    Returns
    -------
    int
        Examples that were compared; a pair that occurs in several of them is aligned once.
    """
    places = [(examples, fold) for examples in built.values() if examples.task.arity == 2 for fold in FOLDS]
    if not places:
        return 0
    a = np.concatenate([examples.draws[fold].a for examples, fold in places])
    b = np.concatenate([examples.draws[fold].b for examples, fold in places])
    identity = pair_identities(proteins, a, b)
    start = 0
    for examples, fold in places:
        stop = start + len(examples.draws[fold].a)
        examples.identity[fold] = identity[start:stop]
        start = stop
    for examples in {id(examples): examples for examples, _ in places}.values():
        examples.threshold = float(
            challenge_threshold(examples.identity["train"], examples.draws["train"].label)
        )
        for fold in FOLDS:
            examples.challenge[fold] = is_challenge(
                examples.identity[fold], examples.draws[fold].label, examples.threshold
            )
    return len(identity)
