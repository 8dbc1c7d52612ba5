"""The examples of a task: drawn, compared by identity, and turned into tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.balance import compare_classes, compare_degrees
from genoprot_datasets.identity import challenge_threshold, is_challenge, pair_identities
from genoprot_datasets.labels import TaskLabels
from genoprot_datasets.matching import MatchedDraw, TooFewMatches, draw_matched
from genoprot_datasets.relations import Dependency, FunctionSimilarity, PairRelation
from genoprot_datasets.sampling import PairDraw, RecordDraw, sample_pairs, sample_records
from genoprot_datasets.schema import FOLDS, task_schema
from genoprot_datasets.seeding import generator
from genoprot_datasets.tasks import EVAL_SAMPLES, TaskSpec, get_task

__all__ = ["WITHOUT_IDENTITIES", "TaskExamples", "add_identities", "draw_examples"]

WITHOUT_IDENTITIES = "built without identities"
"""Why a pair task has no identity-matched variant in a folder built with ``--no-identity``."""

_CANDIDATES = 5_000
"""Pairs of each class that are compared by identity in order to match the classes; a train split that has
more is matched within itself."""


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
    candidate_identity : dict of str to ndarray
        Of the candidates for matching, likewise.
    threshold : float or None
        Identity that separates the classes of the train split best.
    matched : dict of str to MatchedDraw
        Identity-matched samples by fold, for pair tasks, once `add_identities` has been called; empty where
        there are too few.
    unmatched : str
        Why there are no identity-matched samples, where there are none.
    similarity_threshold : dict of str to float
        Of `function`: the median similarity of each fold, above which a pair is positive.
    """

    task: TaskSpec
    labels: TaskLabels
    draws: dict[str, PairDraw | RecordDraw]
    identity: dict[str, np.ndarray] = field(default_factory=dict)
    challenge: dict[str, np.ndarray] = field(default_factory=dict)
    threshold: float | None = None
    candidate_identity: dict[str, np.ndarray] = field(default_factory=dict)
    matched: dict[str, MatchedDraw] = field(default_factory=dict)
    unmatched: str = WITHOUT_IDENTITIES
    similarity_threshold: dict[str, float] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The classes' sizes in a few words."""
        train, evaluation = (self.draws[fold].counts for fold in FOLDS)
        return f"{train.drawn:,} train, {EVAL_SAMPLES} x {evaluation.drawn:,} eval examples per class"

    def table(self, fold: str, accessions: Sequence[str]) -> pa.Table:
        """One split as it is published, with the columns of `schema.task_schema`."""
        draw = self.draws[fold]
        members = (draw.record,) if isinstance(draw, RecordDraw) else (draw.a, draw.b)
        columns: dict[str, Any] = {"label": draw.label, "sample": draw.sample}
        if self.identity:
            columns |= {"identity": self.identity[fold], "challenge": self.challenge[fold]}
        return self._table(fold, accessions, members, columns)

    def matched_table(self, fold: str, accessions: Sequence[str]) -> pa.Table:
        """One split of the identity-matched variant as it is published, with the same columns."""
        draw, pool = self.matched[fold], self.draws[fold].candidates
        label, identity = pool.label[draw.rows], self.candidate_identity[fold][draw.rows]
        challenge = is_challenge(identity, label, self.threshold)
        columns = {"label": label, "sample": draw.sample, "identity": identity, "challenge": challenge}
        return self._table(fold, accessions, (pool.a[draw.rows], pool.b[draw.rows]), columns)

    def _table(
        self,
        fold: str,
        accessions: Sequence[str],
        members: Sequence[np.ndarray],
        columns: Mapping[str, np.ndarray],
    ) -> pa.Table:
        names = np.asarray(accessions, dtype=object)
        schema = task_schema(self.task, fold, identities=bool(self.identity))
        named = dict(zip(self.task.members, (names[own] for own in members), strict=True))
        columns = {**named, **columns}
        return pa.table({name: columns[name] for name in schema.names}, schema=schema)

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
            if fold in self.similarity_threshold:
                facts[fold]["similarity_threshold"] = self.similarity_threshold[fold]
        facts["eval"]["samples"] = EVAL_SAMPLES
        if isinstance(self.labels.relation, PairRelation):
            for fold in FOLDS:
                draw = self.draws[fold]
                if self.identity:
                    facts[fold]["identity"] = compare_classes(self.identity[fold], draw.label)
                facts[fold]["degree"] = compare_degrees(
                    self.labels.relation.degree, np.stack([draw.a, draw.b], axis=1), draw.label
                )
            if self.identity:
                facts["challenge"] = {
                    "identity_threshold": self.threshold,
                    **{f"{fold}_share": float(self.challenge[fold].mean()) for fold in FOLDS},
                }
            facts["matched"] = self._matched_facts(self.labels.relation)
        return facts

    def _matched_facts(self, relation: PairRelation) -> dict[str, Any]:
        if not self.matched:
            return {"left_out": self.unmatched}
        facts: dict[str, Any] = {}
        for fold, draw in self.matched.items():
            pool, rows = self.draws[fold].candidates, draw.rows
            label, identity = pool.label[rows], self.candidate_identity[fold][rows]
            members = np.stack([pool.a[rows], pool.b[rows]], axis=1)
            facts[fold] = {
                "positive_candidates": int((pool.label == 1).sum()),
                "negative_candidates": int((pool.label == 0).sum()),
                "matched_per_class": draw.couples,
                "requested_per_class": draw.requested,
                "per_class": draw.drawn,
                "identity": compare_classes(identity, label),
                "degree": compare_degrees(relation.degree, members, label),
                "challenge_share": float(is_challenge(identity, label, self.threshold).mean()),
            }
        facts["eval"]["samples"] = EVAL_SAMPLES
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
    sizes = _sizes(task)
    draws: dict[str, PairDraw | RecordDraw] = {}
    thresholds: dict[str, float] = {}
    for fold in FOLDS:
        per_class, samples = sizes[fold]
        rng = generator(seed, "examples", name, fold)
        if isinstance(labels.relation, Dependency):
            draws[fold] = sample_records(labels.relation, folds[fold], per_class, samples, rng)
        else:
            draws[fold] = sample_pairs(
                labels.relation, folds[fold], per_class, samples, rng, candidates=_CANDIDATES
            )
        if isinstance(labels.relation, FunctionSimilarity):
            own = folds[fold]
            thresholds[fold] = labels.relation.threshold(own[labels.relation.annotated[own]])
    return TaskExamples(task, labels, draws, similarity_threshold=thresholds)


def _sizes(task: TaskSpec) -> dict[str, tuple[int, int | None]]:
    """Examples per class and sample, and the number of samples, of each fold."""
    return {"train": (task.train_per_class, None), "eval": (task.eval_per_class, EVAL_SAMPLES)}


def add_identities(built: Mapping[str, TaskExamples], proteins: Sequence[str], seed: int) -> int:
    """Fill in the identity of every pair, whether it is a challenge case, and the identity-matched samples.

    Parameters
    ----------
    built : mapping of str to TaskExamples
        Changed in place.
    proteins : sequence of str
        Protein of each record.
    seed : int

    Returns
    -------
    int
        Pairs that were compared, each as often as it is drawn; a pair that occurs several times is aligned
        once.
    """
    pairs = [examples for examples in built.values() if examples.task.arity == 2]
    places = [
        (store, fold, drawn)
        for examples in pairs
        for fold in FOLDS
        for store, drawn in (
            (examples.identity, examples.draws[fold]),
            (examples.candidate_identity, examples.draws[fold].candidates),
        )
    ]
    if not places:
        return 0
    identity = pair_identities(
        proteins,
        np.concatenate([drawn.a for _, _, drawn in places]),
        np.concatenate([drawn.b for _, _, drawn in places]),
    )
    start = 0
    for store, fold, drawn in places:
        store[fold] = identity[start : start + len(drawn.a)]
        start += len(drawn.a)
    for examples in pairs:
        labels = {fold: examples.draws[fold].label for fold in FOLDS}
        examples.threshold = float(challenge_threshold(examples.identity["train"], labels["train"]))
        for fold in FOLDS:
            examples.challenge[fold] = is_challenge(examples.identity[fold], labels[fold], examples.threshold)
        _match(examples, seed)
    return len(identity)


def _match(examples: TaskExamples, seed: int) -> None:
    """Draw the identity-matched samples of both folds, or say why there are none."""
    matched = {}
    for fold, (per_class, samples) in _sizes(examples.task).items():
        rng = generator(seed, "matched", examples.task.name, fold)
        identity, pool = examples.candidate_identity[fold], examples.draws[fold].candidates
        try:
            matched[fold] = draw_matched(identity, pool.label, per_class, samples, rng)
        except TooFewMatches as error:
            examples.unmatched = f"{fold}: {error}"
            return
    examples.matched = matched
