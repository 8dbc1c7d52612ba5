"""Races the similarity of function of all pairs of proteins against two loops over pairs.

Both peers compute the project's similarity. The first takes the cosines of the two proteins' terms anew for
every pair. The second is organised like ``mgeneSim`` of the R package GOSemSim: the similarities of all terms
to each other are computed once and kept as one matrix, and for every pair of proteins the part that belongs
to their terms is taken out of it and combined. A loop goes through the pairs among the sampled proteins, and
its time is extrapolated to all pairs; the matrix of terms is computed in full and its time is added once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from racing import clocked, in_child

from genoprot_datasets.relations import FunctionSimilarity

PROTEINS, TERMS, DIMENSION = 12_448, 12_000, 150


def annotations(proteins: int, terms: int) -> tuple[np.ndarray, list[list[int]]]:
    """Term vectors, and term sets whose sizes and popularity have long tails; about 11 terms a protein."""
    rng = np.random.default_rng(0)
    popularity = np.cumsum(np.arange(1, terms + 1) ** -0.7)
    sizes = np.minimum(1 + rng.poisson(rng.gamma(1.0, 10.0, size=proteins)), 80)
    sets = [np.unique(np.searchsorted(popularity, rng.random(k) * popularity[-1])).tolist() for k in sizes]
    return rng.normal(size=(terms, DIMENSION)).astype(np.float32), sets


def all_pairs(proteins: int, terms: int, sampled: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Seconds on the wall and of processors for all pairs, and the similarities among the sampled ones."""
    vectors, sets = annotations(proteins, terms)

    def work() -> np.ndarray:
        relation = FunctionSimilarity(vectors, sets)
        kept = np.full((len(sampled), len(sampled)), np.nan, np.float32)
        for start, block in relation.similarity(np.arange(proteins)):
            here = np.flatnonzero((sampled >= start) & (sampled < start + len(block)))
            later = np.flatnonzero(sampled >= start)
            kept[np.ix_(here, later)] = block[np.ix_(sampled[here] - start, sampled[later] - start)]
        return kept

    return clocked(work)


def pair_loop(proteins: int, terms: int, sampled: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Seconds for the pairs among the sampled proteins, one pair at a time, and their similarities."""
    vectors, sets = annotations(proteins, terms)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [units[sets[k]] for k in sampled]

    def work() -> np.ndarray:
        kept = np.full((len(rows), len(rows)), np.nan)
        for i in range(len(rows)):
            for j in range(i + 1, len(rows)):
                cosines = rows[i] @ rows[j].T
                kept[i, j] = min(cosines.max(axis=1).mean(), cosines.max(axis=0).mean())
        return kept

    return clocked(work)


def term_matrix_loop(
    proteins: int, terms: int, sampled: np.ndarray
) -> tuple[tuple[float, float], tuple[float, float], np.ndarray]:
    """Seconds for the matrix of all terms, for the pairs as in `pair_loop`, and the pairs' similarities."""
    vectors, sets = annotations(proteins, terms)

    def all_terms() -> np.ndarray:
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return units @ units.T

    *of_matrix, matrix = clocked(all_terms)
    rows = [np.array(sets[k]) for k in sampled]

    def work() -> np.ndarray:
        kept = np.full((len(rows), len(rows)), np.nan)
        for i in range(len(rows)):
            for j in range(i + 1, len(rows)):
                scores = matrix[np.ix_(rows[i], rows[j])]
                kept[i, j] = min(scores.max(axis=1).mean(), scores.max(axis=0).mean())
        return kept

    *of_pairs, kept = clocked(work)
    return of_matrix, of_pairs, kept


def main() -> None:
    """Run the race and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--proteins", type=int, default=PROTEINS)
    parser.add_argument("--sampled", type=int, default=500, help="proteins whose pairs the loops go through")
    args = parser.parse_args()

    sampled = np.sort(np.random.default_rng(1).choice(args.proteins, args.sampled, replace=False))
    (*ours, similarities), peak = in_child(all_pairs, args.proteins, TERMS, sampled)
    (*of_loop, by_pair), loop_peak = in_child(pair_loop, args.proteins, TERMS, sampled)
    (of_matrix, of_rest, by_matrix), matrix_peak = in_child(term_matrix_loop, args.proteins, TERMS, sampled)
    above = np.triu_indices(args.sampled, 1)
    pairs, gone_through = args.proteins * (args.proteins - 1) // 2, len(above[0])
    print(f"genoprot, {pairs:,} pairs: {_told(ours)}, peak {peak / 1e9:.2f} GB")
    for name, once, part, theirs, taken in (
        ("loop over pairs", (0.0, 0.0), of_loop, by_pair, loop_peak),
        ("matrix of terms, then loop", of_matrix, of_rest, by_matrix, matrix_peak),
    ):
        difference = float(np.abs(similarities[above] - theirs[above]).max())
        assert difference < 1e-6
        whole = [first + rest * pairs / gone_through for first, rest in zip(once, part)]
        ratios = [peer / own for peer, own in zip(whole, ours)]
        print(f"{name}, extrapolated to as many: {_told(whole)}, peak {taken / 1e9:.2f} GB")
        print(f"  {_told(once)} once, and {_told(part)} for {gone_through:,} pairs")
        print(f"  largest difference of these {difference:.1e}")
        print("  ratio {:.0f}, of processor time {:.0f}".format(*ratios))


def _told(seconds: Sequence[float]) -> str:
    return "{:.2f} s, {:.2f} s of processors".format(*seconds)


if __name__ == "__main__":
    main()
