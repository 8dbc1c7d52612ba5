"""Races Algorithm 1 against scikit-learn's k-means++ seeding, and against the paper's own loop."""

from __future__ import annotations

import argparse

import numpy as np
from racing import clocked, in_child
from scipy.stats import ks_2samp

from genoprot_datasets.partition import partition

RECORDS, DIMENSION, EVAL_SIZE = 12_448, 1_024, 4_000
SMALL_RECORDS, SMALL_EVAL_SIZE = 600, 150


def vectors_of(records: int, dimension: int) -> np.ndarray:
    """Vectors in families of very different sizes, as embeddings of proteins are."""
    rng = np.random.default_rng(0)
    families = rng.zipf(1.6, size=records) % (records // 4)
    centres = rng.normal(size=(records // 4, dimension))
    return (centres[families] + 0.5 * rng.normal(size=(records, dimension))).astype(np.float32)


def papers_loop(vectors: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Positions chosen by recomputing all distances to all chosen ones in every step."""
    rng = np.random.default_rng(seed)
    points = vectors.astype(np.float64)
    chosen = [int(rng.integers(len(points)))]
    while len(chosen) < size:
        squared = np.stack([((points - points[k]) ** 2).sum(axis=1) for k in chosen]).min(axis=0)
        chosen.append(int(rng.choice(len(points), p=squared / squared.sum())))
    return np.array(chosen)


def scikit_learn(vectors: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Positions chosen by the same draws in scikit-learn."""
    from sklearn.cluster import kmeans_plusplus

    return kmeans_plusplus(vectors.astype(np.float64), size, n_local_trials=1, random_state=seed)[1]


def own(vectors: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Positions chosen by this project."""
    accessions = [f"P{k:05d}" for k in range(len(vectors))]
    return np.flatnonzero(partition(accessions, vectors, size, seed))


CONTENDERS = {"genoprot": own, "scikit-learn": scikit_learn, "paper's loop": papers_loop}


def contest(name: str, records: int, dimension: int, size: int) -> tuple[float, float, np.ndarray]:
    """Seconds on the wall and of processors that a contender took, and the positions it chose."""
    vectors = vectors_of(records, dimension)
    return clocked(CONTENDERS[name], vectors, size, 0)


def left_over(vectors: np.ndarray, chosen: np.ndarray) -> float:
    """Mean squared distance to the nearest chosen record: what the choice is meant to make small."""
    squared = ((vectors[:, None].astype(np.float64) - vectors[None, chosen]) ** 2).sum(axis=2)
    return float(squared.min(axis=1).mean())


def agreement(runs: int) -> float:
    """p-value of the two contenders leaving equally much over, on a small case over many seeds."""
    vectors = vectors_of(150, 8)
    both = [
        [left_over(vectors, choose(vectors, 30, seed)) for seed in range(runs)]
        for choose in (own, scikit_learn)
    ]
    return float(ks_2samp(*both).pvalue)


def main() -> None:
    """Run the race and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--eval-size", type=int, default=EVAL_SIZE)
    parser.add_argument("--seeds", type=int, default=300, help="of the comparison of distributions")
    args = parser.parse_args()

    p_value = agreement(args.seeds)
    print(f"same distribution: Kolmogorov-Smirnov p {p_value:.3f} over {args.seeds} seeds on a small case")
    assert p_value > 0.001
    for names, size in (
        (("genoprot", "scikit-learn"), (args.records, DIMENSION, args.eval_size)),
        (("genoprot", "paper's loop"), (SMALL_RECORDS, DIMENSION, SMALL_EVAL_SIZE)),
    ):
        seconds, used = {}, {}
        print(f"{size[0]:,} x {size[1]:,}, {size[2]:,} chosen")
        for name in names:
            (seconds[name], used[name], chosen), peak = in_child(contest, name, *size)
            assert len(np.unique(chosen)) == size[2]
            times = f"{seconds[name]:9.2f} s, {used[name]:.2f} s of processors"
            print(f"  {name:<14}{times}, peak {peak / 1e9:.2f} GB")
        ratios = (of[names[1]] / of[names[0]] for of in (seconds, used))
        print("  ratio {:.1f}, of processor time {:.1f}".format(*ratios))


if __name__ == "__main__":
    main()
