"""Algorithm 1 of the paper: an evaluation fold spread over the space of protein embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator

__all__ = ["partition"]

_CANCELLED = 1e-2
"""Share of the squared norms below which a squared distance has lost too many digits to cancellation."""


def partition(accessions: Sequence[str], vectors: np.ndarray, eval_size: int, seed: int) -> np.ndarray:
    """Choose the records of the evaluation fold.

    The first record is uniform; each further one is drawn from the rest with probability proportional to its
    squared Euclidean distance to the nearest record chosen so far, or uniformly when every one of the rest
    coincides with a chosen one. One step costs one product of the matrix with a vector.

    Parameters
    ----------
    accessions : sequence of str, length n
        Unique. The records are sorted by accession first, so the choice does not depend on their order.
    vectors : array_like, shape=(n, d), dtype=float32
        Protein embedding of each record, finite.
    eval_size : int
        Records to choose, 1 to n - 1.
    seed : int
        Seed of the run.

    Returns
    -------
    ndarray, shape=(n,), dtype=bool
        True for the evaluation fold, in the order of `accessions`.

    Raises
    ------
    GenoProtError
        If an accession occurs twice, a vector has a value that is not finite, the shapes disagree or
        `eval_size` is out of range.

    References
    ----------
    Wakim, Gupta et al., NeurIPS 2025 FM4LS workshop, Algorithm 1. The same draw seeds k-means++: Arthur and
    Vassilvitskii, SODA 2007.

    Examples
    --------
    >>> chosen = partition(["P1", "P2", "P3"], [[0.0], [0.0], [5.0]], 2, seed=0)
    >>> bool(chosen[2]), int(chosen.sum())
    (True, 2)
    """
    n = len(accessions)
    vectors = np.asarray(vectors, np.float32)
    _check(accessions, vectors, eval_size)
    order = np.array(sorted(range(n), key=accessions.__getitem__), np.int64)
    points = np.ascontiguousarray((vectors - vectors.mean(axis=0, dtype=np.float64))[order], np.float32)
    rng = generator(seed, "partition")

    distances = _Distances(points)
    chosen = np.zeros(n, bool)
    nearest = np.full(n, np.inf)
    latest = int(rng.integers(n))
    chosen[latest] = True
    for _ in range(eval_size - 1):
        distances.lower(nearest, latest)
        nearest[chosen] = 0.0
        latest = _draw(nearest, chosen, rng)
        chosen[latest] = True
    is_eval = np.empty(n, bool)
    is_eval[order] = chosen
    return is_eval


class _Distances:
    """Squared distances of points to one of them; exactly 0 for points that coincide."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = points
        self.norms = np.einsum("nd,nd->n", points, points, dtype=np.float64)

    def lower(self, nearest: np.ndarray, centre: int) -> None:
        """Lower `nearest` in place to the squared distances to one more centre."""
        point = self.points[centre]
        scale = self.norms + self.norms[centre]
        squared = scale - 2.0 * (self.points @ point)
        close = np.flatnonzero((squared < _CANCELLED * scale) & (nearest > 0.0))
        difference = self.points[close].astype(np.float64) - point
        squared[close] = np.einsum("nd,nd->n", difference, difference)
        np.minimum(nearest, np.maximum(squared, 0.0), out=nearest)


def _draw(weights: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> int:
    """Index drawn with probability proportional to its weight, which is 0 for chosen ones."""
    cumulated = np.cumsum(weights)
    total = cumulated[-1]
    if total <= 0.0:
        return int(rng.choice(np.flatnonzero(~chosen)))
    drawn = int(np.searchsorted(cumulated, rng.random() * total, side="right"))
    return drawn if drawn < len(weights) else int(np.flatnonzero(weights)[-1])


def _check(accessions: Sequence[str], vectors: np.ndarray, eval_size: int) -> None:
    n = len(accessions)
    if vectors.ndim != 2 or len(vectors) != n:
        raise GenoProtError(
            f"partition: expected one vector per record, found {n} records and shape {vectors.shape}"
        )
    repeated = sorted(name for name, count in Counter(accessions).items() if count > 1)
    if repeated:
        raise GenoProtError(f"partition: accession {repeated[0]} occurs more than once")
    if not 1 <= eval_size < n:
        raise GenoProtError(
            f"partition: an evaluation fold of {eval_size} of {n} records is not possible; give 1 to {n - 1}"
        )
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise GenoProtError(f"partition: the vector of {accessions[bad[0]]} has a value that is not finite")
