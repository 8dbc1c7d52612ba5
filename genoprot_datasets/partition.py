"""Algorithm 1 of the paper: an evaluation fold spread over the space of protein embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator

__all__ = ["partition"]

_PENDING = 64
"""Chosen records whose distances to all others are computed at a time, in one product of matrices."""

_REFUSALS = 64
"""Refused draws in a row after which the weights are brought up to date."""

_ROWS = 2048
"""Records per block of that product."""

_MANTISSA = 53
"""Bits of the integers that float64 holds without gaps."""

_SUM = 62
"""Bits of the largest sum of squared distances, which is an int64."""


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

    The choice is the same on every processor. The vectors are rounded once, to multiples of a power of two
    so large that a squared distance has less than 2**53 squares of it, and all of them together less than
    2**62. From then on everything is whole numbers: these are exact in float64 in whichever order they are
    added up, and so are the draws. For 12,448 vectors of 1,024 numbers this step is 2**-18 of the largest
    deviation from the middle of a coordinate's range, rounded up to a power of two, and for 100,000 of them
    2**-16; a float16, in which UniProt publishes its vectors, has 11 bits.

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
    points = _whole(vectors[order[leaders]])
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


def _whole(vectors: np.ndarray) -> np.ndarray:
    """Vectors as whole numbers of steps from the middle, float64; see `partition`."""
    n, dimension = vectors.shape
    middle = (vectors.min(axis=0).astype(np.float64) + vectors.max(axis=0)) / 2.0
    points = vectors - middle
    exponent = int(np.frexp(np.abs(points).max())[1])
    # A difference of two coordinates has up to 2 * 2**bits steps.
    bits = (min(_MANTISSA, _SUM - n.bit_length()) - 2 - (dimension - 1).bit_length()) // 2
    points *= 2.0 ** (bits - exponent)
    return np.rint(points, out=points)


class _Nearest:
    """Squared distances of points of whole numbers to the nearest of the centres, as int64.

    The latest centres are pending: they lower `_bounds` only when `_settle` is called.
    """

    def __init__(self, points: np.ndarray) -> None:
        self._points = points
        self._norms = np.einsum("nd,nd->n", points, points)
        self._bounds = np.full(len(points), np.iinfo(np.int64).max)
        self._cumulated: np.ndarray | None = None
        self._centres = np.empty((_PENDING, points.shape[1]))
        self._of_centres = np.empty(_PENDING)
        self._pending = 0

    def add(self, centre: int) -> None:
        """Take one more centre in."""
        self._centres[self._pending] = -2.0 * self._points[centre]
        self._of_centres[self._pending] = self._norms[centre]
        self._pending += 1
        if self._pending == _PENDING or self._cumulated is None:
            self._settle()

    def draw(self, chosen: np.ndarray, rng: np.random.Generator) -> int:
        """Index drawn with probability proportional to the squared distance, among those not chosen."""
        refused = 0
        while self._cumulated[-1] > 0:
            place = rng.integers(self._cumulated[-1])
            drawn = int(np.searchsorted(self._cumulated, place, side="right"))
            if not self._pending:
                return drawn
            if rng.integers(self._bounds[drawn]) < self._squared(slice(drawn, drawn + 1))[0]:
                return drawn
            refused += 1
            if refused == _REFUSALS:
                self._settle()
        return int(rng.choice(np.flatnonzero(~chosen)))

    def _settle(self) -> None:
        """Lower the bounds to the squared distances."""
        for start in range(0, len(self._points), _ROWS):
            rows = slice(start, start + _ROWS)
            self._bounds[rows] = self._squared(rows)
        self._pending = 0
        self._cumulated = np.cumsum(self._bounds)

    def _squared(self, rows: slice) -> np.ndarray:
        """Squared distances of some points to their nearest centres."""
        squared = self._points[rows] @ self._centres[: self._pending].T
        squared += self._of_centres[: self._pending]
        nearest = squared.min(axis=1) + self._norms[rows]
        return np.minimum(self._bounds[rows], nearest.astype(np.int64))


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
