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

_PENDING = 64
"""Chosen records whose distances to all others are computed at a time, in one product of matrices."""

_REFUSALS = 64
"""Refused draws in a row after which the weights are brought up to date."""

_ROWS = 2048
"""Records per block of that product."""

_EXACT = 4096
"""Differences of vectors that are held at a time."""


def partition(
    accessions: Sequence[str],
    vectors: np.ndarray,
    eval_size: int,
    seed: int,
    *,
    groups: Sequence[str] | None = None,
) -> np.ndarray:
    """Choose the records of the evaluation fold.

    The first record is uniform; each further one is drawn from the rest with probability proportional to its
    squared Euclidean distance to the nearest record chosen so far, or uniformly when every one of the rest
    coincides with a chosen one. The draws are exactly those of the loop that updates all distances in every
    step, at less cost: a record is drawn by the distances as they were some steps ago, which are upper
    bounds, and kept with the probability that its distance now has to the bound. All distances are brought up
    to date every 64 steps by one product of matrices.

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
    groups : sequence of str, length n, optional
        Records of the same group stay together: only the first of them by accession takes part in the draws,
        and the others follow it. The fold then exceeds `eval_size` by less than the size of a group.

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
    leaders, follows, sizes = _leaders([accessions[k] if groups is None else groups[k] for k in order])
    points = vectors[order[leaders]]
    points = np.ascontiguousarray(points - points.mean(axis=0, dtype=np.float64), np.float32)
    rng = generator(seed, "partition")

    chosen = np.zeros(len(leaders), bool)
    nearest = _Nearest(points)
    latest = int(rng.integers(len(leaders)))
    chosen[latest] = True
    size = sizes[latest]
    while size < eval_size:
        nearest.add(latest)
        latest = nearest.draw(chosen, rng)
        chosen[latest] = True
        size += sizes[latest]
    if size == n:
        raise GenoProtError(
            f"partition: an evaluation fold of {eval_size} in whole groups takes all {n} records"
        )
    is_eval = np.empty(n, bool)
    is_eval[order] = chosen[follows]
    return is_eval


def _leaders(groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First record of each group, the place among these of every record's group, and the groups' sizes."""
    first: dict[str, int] = {}
    leader = np.array([first.setdefault(group, k) for k, group in enumerate(groups)], np.int64)
    return np.unique(leader, return_inverse=True, return_counts=True)


class _Nearest:
    """Squared distances of points to the nearest of the centres, exactly 0 for points that coincide with one.

    The latest centres are `_pending`: they lower `_bounds` only when `_settle` is called.
    """

    def __init__(self, points: np.ndarray) -> None:
        self._points = points
        self._norms = np.einsum("nd,nd->n", points, points, dtype=np.float64)
        self._bounds = np.full(len(points), np.inf)
        self._cumulated = self._bounds
        self._pending: list[int] = []

    def add(self, centre: int) -> None:
        """Take one more centre in."""
        self._pending.append(centre)
        if len(self._pending) == _PENDING or np.isinf(self._cumulated[-1]):
            self._settle()

    def draw(self, chosen: np.ndarray, rng: np.random.Generator) -> int:
        """Index drawn with probability proportional to the squared distance, among those not chosen."""
        refused = 0
        while self._cumulated[-1] > 0.0:
            drawn = self._draw_by_bounds(rng)
            if not self._pending:
                return drawn
            if rng.random() * self._bounds[drawn] < self._squared(np.array([drawn]))[0]:
                return drawn
            refused += 1
            if refused == _REFUSALS:
                self._settle()
        return int(rng.choice(np.flatnonzero(~chosen)))

    def _draw_by_bounds(self, rng: np.random.Generator) -> int:
        total = self._cumulated[-1]
        drawn = int(np.searchsorted(self._cumulated, rng.random() * total, side="right"))
        return drawn if drawn < len(self._bounds) else int(np.flatnonzero(self._bounds)[-1])

    def _settle(self) -> None:
        """Lower the bounds to the squared distances."""
        for start in range(0, len(self._points), _ROWS):
            rows = np.arange(start, min(start + _ROWS, len(self._points)))
            self._bounds[rows] = self._squared(rows)
        self._pending = []
        self._cumulated = np.cumsum(self._bounds)

    def _squared(self, rows: np.ndarray) -> np.ndarray:
        """Squared distances of some points to their nearest centres."""
        centres = np.array(self._pending)
        scale = self._norms[rows, None] + self._norms[centres]
        squared = scale - 2.0 * (self._points[rows] @ self._points[centres].T)
        cancelled = np.argwhere((squared < _CANCELLED * scale) & (self._bounds[rows, None] > 0.0))
        for start in range(0, len(cancelled), _EXACT):
            row, column = cancelled[start : start + _EXACT].T
            difference = self._points[rows[row]].astype(np.float64) - self._points[centres[column]]
            squared[row, column] = np.einsum("nd,nd->n", difference, difference)
        return np.minimum(self._bounds[rows], np.maximum(squared.min(axis=1), 0.0))


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
