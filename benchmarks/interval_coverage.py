"""How often intervals hold the truth and equal models are told apart, on simulated data."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from genoprot_evaluate.bootstrap import resample_means
from genoprot_evaluate.comparison import ALPHA, holm


class Fold(NamedTuple):
    """Eval examples of a task, whether a model is right on each, and how often it would be with others."""

    members: np.ndarray
    labels: np.ndarray
    right: np.ndarray
    sample: np.ndarray
    truth: float


def every_pair(proteins: int) -> np.ndarray:
    """All unordered pairs."""
    return np.stack(np.triu_indices(proteins, 1), axis=1)


def ten_samples(
    rng: np.random.Generator, labels: np.ndarray, per_class: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ten balanced samples, each drawn anew, and the sample of each."""
    rows, sample = [], []
    for number in range(10):
        for label in (0, 1):
            where = np.flatnonzero(labels == label)
            rows.append(rng.choice(where, min(per_class, len(where)), replace=False))
            sample.append(np.full(len(rows[-1]), number))
    return np.concatenate(rows), np.concatenate(sample)


def pairs(
    proteins: int,
    per_class: int,
    effect: float,
    *,
    positives: float = 0.4,
    rate: float = 0.7,
    hubs: int = 0,
) -> Callable[[np.random.Generator], Fold]:
    """Pairs on which answers are right with a rate that each protein moves up or down by an effect.

    With hubs, so many proteins are in a third of the pairs.
    """

    def drawn(rng: np.random.Generator) -> Fold:
        universe = every_pair(proteins)
        if hubs:
            busy = (universe < hubs).any(axis=1)
            of_hubs = np.flatnonzero(busy)[: per_class * 3]
            others = rng.choice(np.flatnonzero(~busy), 2 * len(of_hubs), replace=False)
            universe = universe[np.concatenate([of_hubs, others])]
        effects = effect * rng.choice([-1, 1], size=proteins)
        labels = (rng.random(len(universe)) < positives).astype(int)
        right = rng.random(len(universe)) < rate + effects[universe].sum(axis=1)
        rows, sample = ten_samples(rng, labels, per_class)
        return Fold(universe[rows], labels[rows], right[rows], sample, rate)

    return drawn


def records(
    count: int, per_class: int, *, positives: int | None = None, rates: tuple[float, float] = (0.7, 0.7)
) -> Callable[[np.random.Generator], Fold]:
    """Single records, right with a rate for each class; so many of them positive, or half by chance."""

    def drawn(rng: np.random.Generator) -> Fold:
        labels = (
            rng.integers(0, 2, count) if positives is None else (np.arange(count) < positives).astype(int)
        )
        right = rng.random(count) < np.array(rates)[labels]
        rows, sample = ten_samples(rng, labels, per_class)
        return Fold(rows[:, None], labels[rows], right[rows], sample, sum(rates) / 2)

    return drawn


def uneven(rng: np.random.Generator) -> Fold:
    """Ten samples of 10 to 170 pairs of 60 proteins, none in two, the larger ones right more often."""
    rates = np.linspace(0.55, 0.85, 10)
    sample = np.repeat(np.arange(10), np.linspace(10, 170, 10).astype(int))
    members = rng.permutation(every_pair(60))[: len(sample)]
    effects = 0.05 * rng.choice([-1, 1], size=60)
    labels = rng.integers(0, 2, len(sample))
    right = rng.random(len(sample)) < rates[sample] + effects[members].sum(axis=1)
    return Fold(members, labels, right, sample, 0.7)


FOLDS = {
    "60 proteins, 10 x 200 pairs, strong protein effects": pairs(60, 100, 0.1),
    "180 proteins, 10 x 300 pairs, no protein effects": pairs(180, 150, 0.0),
    "the same, weak effects": pairs(180, 150, 0.03),
    "the same, strong effects": pairs(180, 150, 0.1),
    "180 proteins, 10 x 2,000 pairs, strong effects": pairs(180, 1000, 0.1),
    "the same with 3% of all pairs positive, all of them in every sample": pairs(
        180, 1000, 0.1, positives=0.03
    ),
    "60 proteins, samples of 10 to 170 pairs": uneven,
    "100 proteins, 10 x 300 pairs, right in 97%": pairs(100, 150, 0.015, rate=0.97),
    "120 single records, 10 x 80": records(120, 40),
    "97 single records, 10 x 22, right in 97%": records(97, 11, rates=(0.97, 0.97)),
    "20 single records, 10 x 10, right in 90%": records(20, 5, rates=(0.9, 0.9)),
    "97 single records, 11 of them positive, 10 x 22": records(97, 11, positives=11, rates=(0.6, 0.8)),
    "30 proteins, 10 x 80 pairs, a tenth positive, strong effects": pairs(30, 40, 0.1, positives=0.1),
    "12 proteins, 10 x 40 pairs, strong effects": pairs(12, 20, 0.1),
    "150 proteins, 3 of them in a third of 10 x 200 pairs, strong effects": pairs(150, 100, 0.1, hubs=3),
    "150 proteins, 1 of them in a third of 10 x 100 pairs, strong effects": pairs(150, 50, 0.1, hubs=1),
}


def coverage(drawn: Callable[[np.random.Generator], Fold], sets: int, resamples: int) -> tuple[float, float]:
    """Shares of the sets whose interval holds the truth: this one, and that of plain percentiles."""
    rng = np.random.default_rng(0)
    ours = plain = 0
    for _ in range(sets):
        fold = drawn(rng)
        found = resample_means(
            fold.members, fold.labels, fold.right[None].astype(float), rng, resamples, sample=fold.sample
        )
        estimate = found.mean(0)
        low, high = np.quantile(found.replicates[0], [0.025, 0.975])
        ours += estimate.low <= fold.truth <= estimate.high
        plain += low <= fold.truth <= high
    return ours / sets, plain / sets


def told_apart(sets: int, resamples: int, models: int, better: float) -> tuple[float, float, float]:
    """Nine tasks, models that are equally good but for the first, which is better by so much.

    Returns
    -------
    tuple of float
        Share of the sets in which any two equal models are told apart on any task; the same of a single two
        of them; share of tasks and other models that the first one beats.
    """
    rng = np.random.default_rng(1)
    rates = np.full(models, 0.65)
    rates[0] += better
    equal = [(a, b) for a in range(1, models) for b in range(a + 1, models)]
    any_pair = one_pair = wins = 0.0
    for _ in range(sets):
        p: dict[tuple[int, int], list[float]] = {}
        for task in range(9):
            drawn = records(97, 30) if task == 8 else pairs(60, 50, 0.0)
            fold = drawn(rng)
            proteins = fold.members.max() + 1
            # What is hard is hard for all models, more or less.
            shared, own = (0.05 * rng.choice([-1, 1], size=(k, proteins)) for k in (1, models))
            keys, place = np.unique(np.column_stack([fold.members, fold.labels]), axis=0, return_inverse=True)
            moved = (shared + own)[:, keys[:, :-1]].sum(axis=2)
            right = rng.random(moved.shape) < rates[:, None] + moved
            values = right[:, place.reshape(-1)].astype(float)
            found = resample_means(fold.members, fold.labels, values, rng, resamples, sample=fold.sample)
            for a in range(models):
                for b in range(a + 1, models):
                    p.setdefault((a, b), []).append(found.difference(a, b).p)
        corrected = {pair: np.array(holm(values)) for pair, values in p.items()}
        any_pair += any((corrected[pair] < ALPHA).any() for pair in equal)
        one_pair += np.mean([(corrected[pair] < ALPHA).any() for pair in equal])
        wins += np.mean([(corrected[0, b] < ALPHA).mean() for b in range(1, models)])
    return any_pair / sets, one_pair / sets, wins / sets


def main() -> None:
    """Run the simulations and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1000, help="simulated sets of data; default: 1000")
    parser.add_argument("--resamples", type=int, default=400, help="of the proteins; default: 400")
    args = parser.parse_args()
    print("| simulated eval fold | this interval | plain percentile |\n|---|---|---|")
    for name, drawn in FOLDS.items():
        ours, plain = coverage(drawn, args.sets, args.resamples)
        print(f"| {name} | {100 * ours:.1f} | {100 * plain:.1f} |", flush=True)
    print("| the first is better by | two equal models are told apart | any of 10 | the first beats |")
    print("|---|---|---|---|")
    for better in (0.0, 0.05, 0.1):
        any_pair, one_pair, wins = told_apart(max(1, args.sets // 5), args.resamples, 6, better)
        print(
            f"| {100 * better:.0f} points | {100 * one_pair:.1f} | {100 * any_pair:.1f} | {100 * wins:.0f} |"
        )


if __name__ == "__main__":
    main()
