"""Bootstrap over proteins: how far a score would move with other proteins in the eval fold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special, stats

__all__ = ["LEVEL", "RESAMPLES", "Estimate", "ResampledMeans", "resample_means"]

RESAMPLES = 2000
"""Times that the proteins are drawn again."""

LEVEL = 0.95
"""Nominal coverage of an interval."""

_BLOCK = 4_000_000
_UNIT = 1 << 40
_FEW = 16
_NEAR = 1e-9


class Estimate(NamedTuple):
    """A mean or a difference of means with its interval.

    Parameters
    ----------
    value, low, high : float
    p : float
        Two-sided, of the hypothesis that the value is zero: 1 less the level of the widest interval that
        leaves zero out. It is at least 2 / (resamples + 1), and of a difference of few examples at
        least that of the exact sign test.
    error : float
        Standard error of the value.
    """

    value: float
    low: float
    high: float
    p: float
    error: float


@dataclass(frozen=True, eq=False)
class ResampledMeans:
    """Means of several series over the same examples, and the same after resampling the proteins.

    Parameters
    ----------
    means : ndarray, shape=(series,), dtype=float64
        Mean over the samples of the mean over the examples of a sample.
    replicates : ndarray, shape=(series, resamples), dtype=float64
    by_protein : ndarray, shape=(series, proteins), dtype=float64
        Sum of the deviations from the mean of the class over the examples of each protein, each times its
        share of the mean.
    by_example : ndarray, shape=(series, distinct examples), dtype=float64
        Deviation of each distinct example times its share of the mean.
    sums : ndarray, shape=(series, distinct examples), dtype=float64
        Values of each distinct example in whole units, added up over the times that it comes.
    arity : int
        Proteins in an example.
    """

    means: np.ndarray
    replicates: np.ndarray
    by_protein: np.ndarray
    by_example: np.ndarray
    sums: np.ndarray
    arity: int

    def mean(self, series: int, level: float = LEVEL) -> Estimate:
        """Mean of a series of values between 0 and 1, with an interval within them.

        It is taken on the scale of the log-odds, where a mean near 0 or 1 has as much room on one side as on
        the other. Where all values are 0, or all are 1, it is the exact one of as many independent examples
        as have no protein in common.
        """
        weights = np.zeros(len(self.means))
        weights[series] = 1.0
        found = self._combined(weights, level)
        room = found.value * (1 - found.value)
        if room < _NEAR:
            bound = ((1 - level) / 2) ** (self.arity / self.by_protein.shape[1])
            low, high = (bound, 1.0) if found.value > 0.5 else (0.0, 1 - bound)
            return found._replace(low=low, high=high)
        if found.error == 0.0:
            return found
        low, high = (special.logit(found.value) + (end - found.value) / room for end in found[1:3])
        return found._replace(low=float(special.expit(low)), high=float(special.expit(high)))

    def difference(self, first: int, second: int, level: float = LEVEL) -> Estimate:
        """Mean of one series less that of another, on the same resampled proteins.

        A few examples that differ, all in one direction, move no resample beyond zero, however often chance
        would give them. So where 16 distinct examples or fewer differ, the p-value is at least that of the
        exact sign test over them, each as large as its share, and an interval that this test does not allow
        to leave zero out reaches to it.
        """
        weights = np.zeros(len(self.means))
        weights[first], weights[second] = 1.0, -1.0
        found = self._combined(weights, level)
        differing = self.sums[first] - self.sums[second]
        differing = differing[differing != 0.0]
        if not 0 < len(differing) <= _FEW:
            return found
        exact = _sign_test(differing)
        if exact >= 1 - level:
            found = found._replace(low=min(found.low, 0.0), high=max(found.high, 0.0))
        return found._replace(p=max(found.p, exact))

    def _combined(self, weights: np.ndarray, level: float) -> Estimate:
        used = np.flatnonzero(weights)
        weights = weights[used]
        value = float(weights @ self.means[used])
        deviations = weights @ self.replicates[used]
        deviations = deviations - deviations.mean()
        spread = float(np.sqrt(np.square(deviations).mean()))
        error = self._standard_error(weights @ self.by_protein[used], weights @ self.by_example[used])
        if spread == 0.0 or error == 0.0:
            return Estimate(value, value, value, 1.0 if value == 0 else 2 / (len(deviations) + 1), 0.0)
        moved = value + deviations * (error / spread)
        low, high = np.quantile(moved, [(1 - level) / 2, (1 + level) / 2])
        beyond = min(int((moved <= 0).sum()), int((moved >= 0).sum()))
        p = min(1.0, 2 * (beyond + 1) / (len(moved) + 1))
        return Estimate(value, float(low), float(high), p, error)

    def _standard_error(self, by_protein: np.ndarray, by_example: np.ndarray) -> float:
        """Standard error of a mean whose examples depend on each other where they share a protein."""
        proteins = len(by_protein)
        shared, own = float(np.square(by_protein).sum()), float(np.square(by_example).sum())
        variance = shared if self.arity == 1 else max(shared - own, own) * proteins / (proteins - 1)
        few = stats.t.ppf(0.975, proteins - 1) / stats.norm.ppf(0.975)
        return few * math.sqrt(variance)


def resample_means(
    members: np.ndarray,
    labels: np.ndarray,
    values: np.ndarray,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    sample: np.ndarray | None = None,
) -> ResampledMeans | None:
    """Draw the proteins of a task again, with replacement, and take the means anew.

    The mean is that over samples of the mean over the examples of a sample, so an example of a small sample
    has a larger share of it. The weight of an example in a resample is the product of how often each of its
    proteins was drawn, times its share. Each class keeps its share of the mean, since the samples are
    balanced by design and not by the proteins. Shares are whole numbers of a unit, to 10 digits, so sums of
    whole values are exact and the same on every machine.

    Parameters
    ----------
    members : ndarray, shape=(examples, arity)
        Numbers of the proteins of each example; the same example may come several times, in any order of
        its proteins.
    labels : ndarray, shape=(examples,)
        Classes, 0 or 1.
    values : ndarray, shape=(series, examples)
        What is averaged, between 0 and 1.
    rng : numpy.random.Generator
    resamples : int
    sample : ndarray, shape=(examples,), dtype=integer, optional
        Sample of each example; all are of one when left out.

    Returns
    -------
    ResampledMeans or None
        None where there are fewer than three proteins, or half of the resamples lack a class. Other
        resamples that lack one are left out.

    References
    ----------
    Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007), for the product of weights, and
    that it overstates the variance; Aronow, Samii and Assenova, "Cluster-robust variance estimation for
    dyadic data", Political Analysis 23 (2015), for the variance to which its replicates are scaled.
    """
    proteins, local = np.unique(members, return_inverse=True)
    if len(proteins) < 3:
        return None
    keys = np.column_stack([np.sort(local.reshape(members.shape), axis=1), labels])
    distinct, inverse = np.unique(keys, axis=0, return_inverse=True)
    inverse, columns, classes = inverse.reshape(-1), distinct[:, :-1], distinct[:, -1]
    units = _units(np.zeros(len(labels), dtype=np.int64) if sample is None else sample)
    shares = np.bincount(inverse, weights=units, minlength=len(distinct))
    sums = np.stack([np.bincount(inverse, weights=units * row, minlength=len(distinct)) for row in values])
    means, replicates, by_example = 0.0, 0.0, np.zeros(sums.shape)
    complete = np.ones(resamples, dtype=bool)
    terms = np.vstack([shares, sums])
    present = np.unique(classes)
    totals = _weighted_sums(
        columns, np.vstack([terms * (classes == label) for label in present]), len(proteins), rng, resamples
    )
    for label, part in zip(present, np.split(totals, len(present), axis=1)):
        chosen = classes == label
        share = shares[chosen].sum() / shares.sum()
        mean = sums[:, chosen].sum(axis=1) / shares[chosen].sum()
        means = means + share * mean
        deviations = (sums[:, chosen] - mean[:, None] * shares[chosen]) / shares.sum()
        # They are taken from the mean of the class itself, which makes them too small by this factor.
        by_example[:, chosen] = deviations * math.sqrt(chosen.sum() / max(1, chosen.sum() - 1))
        complete &= part[:, 0] > 0
        replicates = replicates + share * (part[:, 1:] / np.maximum(part[:, :1], 1))
    if 2 * complete.sum() < resamples:
        return None
    by_protein = np.zeros((len(values), len(proteins)))
    for series, row in enumerate(by_example):
        for column in columns.T:
            by_protein[series] += np.bincount(column, weights=row, minlength=len(proteins))
    return ResampledMeans(means, replicates[complete].T, by_protein, by_example, sums, members.shape[1])


def _sign_test(differing: np.ndarray) -> float:
    """Two-sided exact p-value of a sum whose terms have either sign by chance."""
    signs = 1 - 2 * (np.arange(2 ** len(differing))[:, None] >> np.arange(len(differing)) & 1)
    return float((np.abs(signs @ differing) >= abs(differing.sum()) * (1 - 1e-12)).mean())


def _units(sample: np.ndarray) -> np.ndarray:
    """Share that each example has of the mean over samples, in whole numbers without a common divisor."""
    _, place, sizes = np.unique(sample, return_inverse=True, return_counts=True)
    units = np.rint(_UNIT / sizes).astype(np.int64)
    return (units // np.gcd.reduce(units))[place.reshape(-1)].astype(np.float64)


def _weighted_sums(
    columns: np.ndarray, terms: np.ndarray, proteins: int, rng: np.random.Generator, resamples: int
) -> np.ndarray:
    """Sums of terms over examples in every resample, shape=(resamples, len(terms))."""
    drawn = rng.integers(proteins, size=(resamples, proteins))
    parts = []
    step = max(1, _BLOCK // max(len(columns), proteins))
    for start in range(0, resamples, step):
        block = drawn[start : start + step]
        block = block + proteins * np.arange(len(block))[:, None]
        times = np.bincount(block.reshape(-1), minlength=block.size).reshape(block.shape).astype(np.float64)
        weights = times[:, columns[:, 0]]
        for column in columns.T[1:]:
            weights *= times[:, column]
        parts.append(weights @ terms.T)
    return np.concatenate(parts)
