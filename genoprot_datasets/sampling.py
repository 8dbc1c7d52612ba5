"""Balanced examples of a task, drawn uniformly within each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.relations.base import PairRelation
from genoprot_datasets.relations.dependency import Dependency

__all__ = [
    "Candidates",
    "DrawCounts",
    "PairDraw",
    "RecordDraw",
    "TooFewExamples",
    "sample_pairs",
    "sample_records",
]

_FEWEST = 2
"""Examples of a class with which a task can still be asked."""


@dataclass(frozen=True)
class DrawCounts:
    """What there was to draw from, and what was drawn.

    Parameters
    ----------
    annotated : int
        Records that carry the attribute.
    positives, negatives : int
        Examples of each class that exist among them: records, or unordered pairs.
    requested, drawn : int
        Examples per class and sample that were asked for, and that were drawn.
    """

    annotated: int
    positives: int
    negatives: int
    requested: int
    drawn: int


@dataclass(frozen=True)
class Candidates:
    """Distinct pairs of each class, of which the identity-matched samples are drawn.

    Parameters
    ----------
    a, b : ndarray, shape=(c,), dtype=int64
        Positions of the two records; which of them is `a` is random.
    label : ndarray, shape=(c,), dtype=int8
        The classes need not be equally large.
    """

    a: np.ndarray
    b: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class PairDraw:
    """Pairs of records, in random order within each sample.

    Parameters
    ----------
    a, b : ndarray, shape=(k,), dtype=int64
        Positions of the two records; which of them is `a` is random.
    label : ndarray, shape=(k,), dtype=int8
        1 for positive pairs, 0 for negative ones, equally many in each sample.
    sample : ndarray, shape=(k,), dtype=int8
        Sample that the pair belongs to, ascending; 0 everywhere when there is one only.
    counts : DrawCounts
    candidates : Candidates
    """

    a: np.ndarray
    b: np.ndarray
    label: np.ndarray
    sample: np.ndarray
    counts: DrawCounts
    candidates: Candidates


@dataclass(frozen=True)
class RecordDraw:
    """Single records, in random order within each sample.

    Parameters
    ----------
    record : ndarray, shape=(k,), dtype=int64
        Positions of the records.
    label, sample : ndarray, shape=(k,), dtype=int8
    counts : DrawCounts
        As in `PairDraw`.
    """

    record: np.ndarray
    label: np.ndarray
    sample: np.ndarray
    counts: DrawCounts


class TooFewExamples(GenoProtError):
    """A class with fewer than two examples, so that the task cannot be asked.

    Parameters
    ----------
    counts : DrawCounts
        What there was.
    """

    def __init__(self, counts: DrawCounts) -> None:
        super().__init__(
            f"{counts.annotated} annotated records give {counts.positives} positive and {counts.negatives} "
            f"negative examples; a task needs at least {_FEWEST} of each"
        )
        self.counts = counts


def sample_pairs(
    relation: PairRelation,
    members: np.ndarray,
    per_class: int,
    samples: int | None,
    rng: np.random.Generator,
    candidates: int = 0,
) -> PairDraw:
    """Draw as many positive as negative pairs among the annotated records of a fold.

    Each class of each sample is uniform without replacement, and samples are independent of each other.
    Where a class has fewer pairs than `per_class`, both classes get that many. Pairs are drawn by their
    rank within their class, and neither the negatives nor all the positives are ever listed.

    Parameters
    ----------
    relation : PairRelation
    members : ndarray, shape=(m,), dtype=int64
        Positions of the fold's records, ascending and unique; those not annotated are left out here.
    per_class : int
        Pairs to draw per class and sample.
    samples : int or None
        Independent samples; None for a single one.
    rng : numpy.random.Generator
    candidates : int
        Pairs to draw besides per class, as many as there are where there are fewer. A single sample that
        has as many is its own candidates.

    Returns
    -------
    PairDraw

    Raises
    ------
    TooFewExamples
        If a class has fewer than two pairs.

    Examples
    --------
    >>> from genoprot_datasets.relations import SharedAttribute
    >>> from genoprot_datasets.seeding import generator
    >>> relation = SharedAttribute([{"x"}, {"x", "y"}, {"y"}, {"z"}])
    >>> draw = sample_pairs(relation, np.arange(4), 100, None, generator(0, "pfam"))
    >>> draw.counts
    DrawCounts(annotated=4, positives=2, negatives=4, requested=100, drawn=2)
    """
    members = np.asarray(members, np.int64)
    members = members[relation.annotated[members]]
    m = len(members)
    pairs = m * (m - 1) // 2
    positives = relation.count_positives(members)
    counts = _counts(m, positives, pairs - positives, per_class)
    # A stream of its own, so that the samples do not depend on how many candidates are drawn.
    (other,) = rng.spawn(1)
    label, sample, ranks = _draw_ranks(counts, samples, rng)
    drawn = len(label)
    reused = samples is None and counts.drawn >= candidates
    if not reused:
        more, more_ranks = _draw_candidate_ranks(counts, candidates, other)
        label, ranks = np.concatenate([label, more]), np.concatenate([ranks, more_ranks])

    codes = np.empty(len(ranks), np.int64)
    codes[label == 1], codes[label == 0] = relation.pairs_of_ranks(
        members, ranks[label == 1], ranks[label == 0]
    )
    swapped = np.concatenate([rng.random(drawn), other.random(len(codes) - drawn)]) < 0.5
    low, high = members[codes // m], members[codes % m]
    a, b = np.where(swapped, high, low), np.where(swapped, low, high)
    own = slice(None) if reused else slice(drawn, None)
    pool = Candidates(a[own], b[own], label[own])
    return PairDraw(a[:drawn], b[:drawn], label[:drawn], sample, counts, pool)


def sample_records(
    dependency: Dependency,
    members: np.ndarray,
    per_class: int,
    samples: int | None,
    rng: np.random.Generator,
) -> RecordDraw:
    """Draw as many positive as negative records of a fold; see `sample_pairs`."""
    members = np.asarray(members, np.int64)
    members = members[dependency.annotated[members]]
    positive = dependency.positive[members]
    counts = _counts(len(members), int(positive.sum()), int((~positive).sum()), per_class)
    label, sample, ranks = _draw_ranks(counts, samples, rng)
    record = np.empty(len(ranks), np.int64)
    for value, group in ((1, members[positive]), (0, members[~positive])):
        record[label == value] = group[ranks[label == value]]
    return RecordDraw(record, label, sample, counts)


def _counts(annotated: int, positives: int, negatives: int, requested: int) -> DrawCounts:
    counts = DrawCounts(annotated, positives, negatives, requested, min(requested, positives, negatives))
    if min(positives, negatives) < _FEWEST:
        raise TooFewExamples(counts)
    return counts


def _draw_ranks(
    counts: DrawCounts, samples: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, sample numbers and ranks within the class, shuffled within each sample."""
    number = 1 if samples is None else samples
    labels = np.repeat(np.array([1, 0], np.int8), counts.drawn)
    label, ranks = [], []
    for _ in range(number):
        drawn = [
            rng.choice(size, counts.drawn, replace=False, shuffle=False)
            for size in (counts.positives, counts.negatives)
        ]
        order = rng.permutation(len(labels))
        label.append(labels[order])
        ranks.append(np.concatenate(drawn)[order])
    sample = np.repeat(np.arange(number, dtype=np.int8), len(labels))
    return np.concatenate(label), sample, np.concatenate(ranks)


def _draw_candidate_ranks(
    counts: DrawCounts, candidates: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the candidates, and their ranks within the class."""
    ranks = [
        rng.choice(size, min(candidates, size), replace=False, shuffle=False)
        for size in (counts.positives, counts.negatives)
    ]
    labels = np.repeat(np.array([1, 0], np.int8), [len(own) for own in ranks])
    return labels, np.concatenate(ranks)
