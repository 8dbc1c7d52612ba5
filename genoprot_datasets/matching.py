"""Pairs drawn so that positives and negatives have the same distribution of sequence identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoprot_datasets.errors import GenoProtError

__all__ = ["BINS_PER_UNIT", "MatchedDraw", "TooFewMatches", "draw_matched", "identity_bin"]

BINS_PER_UNIT = 100
"""Bins of identity between 0 and 1; identity 1 has one of its own."""

_FEWEST = 2
"""Matched pairs of a class with which a task can still be asked."""

_ROUNDING = 1e-5
"""More bins than a float32 is off by at an edge, fewer than the step of identities over 36,000 residues."""


@dataclass(frozen=True)
class MatchedDraw:
    """Candidates chosen so that every sample has equally many of both classes in every bin of identity.

    Parameters
    ----------
    rows : ndarray, shape=(k,), dtype=int64
        Rows of the candidates, in random order within each sample.
    sample : ndarray, shape=(k,), dtype=int8
        Ascending; 0 everywhere when there is one sample only.
    couples : int
        Pairs of either class that could be matched, of which the samples are drawn.
    requested, drawn : int
        Pairs per class and sample that were asked for, and that were drawn.
    """

    rows: np.ndarray
    sample: np.ndarray
    couples: int
    requested: int
    drawn: int


class TooFewMatches(GenoProtError):
    """Fewer than two pairs of each class with the same identity."""


def identity_bin(identity: np.ndarray) -> np.ndarray:
    """Bin of each identity: k for identities from k/100 to below (k + 1)/100.

    Parameters
    ----------
    identity : array_like, shape=(k,), dtype=float32
        0 to 1.

    Returns
    -------
    ndarray, shape=(k,), dtype=int64

    Examples
    --------
    >>> identity_bin(np.array([0.0, 0.0999, 0.29, 1.0], np.float32)).tolist()
    [0, 9, 29, 100]
    """
    return np.floor(np.asarray(identity, np.float64) * BINS_PER_UNIT + _ROUNDING).astype(np.int64)


def draw_matched(
    identity: np.ndarray,
    label: np.ndarray,
    per_class: int,
    samples: int | None,
    rng: np.random.Generator,
) -> MatchedDraw:
    """Draw balanced samples with equally many positives and negatives in every bin of identity.

    Within a bin the candidates of the larger class are thinned at random to the number of the smaller
    one, which couples every positive that is left with a negative. Samples are drawn from the couples,
    uniformly without replacement and independently of each other. Where there are fewer couples than
    `per_class`, every sample has all of them.

    Parameters
    ----------
    identity : ndarray, shape=(c,), dtype=float32
        Of each candidate.
    label : ndarray, shape=(c,), dtype=int8
        0 or 1.
    per_class : int
        Pairs to draw per class and sample.
    samples : int or None
        Independent samples; None for a single one.
    rng : numpy.random.Generator

    Returns
    -------
    MatchedDraw

    Raises
    ------
    TooFewMatches
        If fewer than two couples can be formed.

    Examples
    --------
    >>> from genoprot_datasets.seeding import generator
    >>> identity = np.array([0.101, 0.302, 0.303, 0.109, 0.305, 0.307, 0.9])
    >>> draw = draw_matched(identity, np.array([1, 1, 1, 0, 0, 0, 0]), 2, None, generator(0))
    >>> draw.couples, draw.drawn, len(draw.rows), 6 in draw.rows
    (3, 2, 4, False)
    """
    bins = identity_bin(identity)
    couples = [np.empty((0, 2), np.int64)]
    order = rng.permutation(len(bins))
    for value in np.intersect1d(bins[label == 1], bins[label == 0]):
        inside = order[bins[order] == value]
        positive, negative = inside[label[inside] == 1], inside[label[inside] == 0]
        size = min(len(positive), len(negative))
        couples.append(np.stack([positive[:size], negative[:size]], axis=1))
    matched = np.concatenate(couples)
    if len(matched) < _FEWEST:
        raise TooFewMatches(
            f"of {int((label == 1).sum()):,} positive and {int((label == 0).sum()):,} negative pairs "
            f"{len(matched)} of each class can be matched by identity; a task needs at least {_FEWEST}"
        )
    drawn = min(per_class, len(matched))
    number = 1 if samples is None else samples
    rows = [
        rng.permutation(matched[rng.choice(len(matched), drawn, replace=False)].ravel())
        for _ in range(number)
    ]
    sample = np.repeat(np.arange(number, dtype=np.int8), 2 * drawn)
    return MatchedDraw(np.concatenate(rows), sample, len(matched), per_class, drawn)
