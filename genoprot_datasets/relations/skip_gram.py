"""The skip-gram model with negative sampling, in arithmetic that every processor does alike."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
from numba import njit

__all__ = ["train_skip_gram"]

_NEGATIVES = 5
"""Nodes drawn against each pair of a node and its context."""

_RATES = 0.025, 0.0001
"""Learning rate of the first and of the last walk; it falls linearly."""

_FREQUENT = 1e-3
"""Share of all steps above which a node's occurrences are thinned out."""

_LIMIT = 6.0
_CELLS = 1000
"""Cells of the table of the logistic function between -`_LIMIT` and `_LIMIT`; it is 0 and 1 beyond."""

_WALKS = 2048
"""Walks whose numbers are drawn at a time."""

_LANES = 16
_STRIDE = 8 * _LANES
"""Numbers of a vector in memory are a multiple of this many, the last ones zero."""


def train_skip_gram(
    walks: np.ndarray, nodes: int, dimension: int, window: int, epochs: int, rng: np.random.Generator
) -> np.ndarray:
    """Train a vector of each node of a graph on walks.

    The algorithm is that of word2vec: stochastic gradient descent, one pair of a node and its context after
    the other; five negative nodes for each, drawn with probability proportional to the power 3/4 of how often
    they occur; frequent nodes thinned out; windows of random width.

    The result is the same to the last bit on every processor and with every version of the compiler: numbers
    are added up in an order that is written down here, every sum and product is rounded to float32 by itself
    (the compiler does not contract them without leave), and nothing comes from a mathematical library whose
    last digit may differ. What is drawn is whole numbers.

    Parameters
    ----------
    walks : ndarray, shape=(w, steps), dtype=int32
        Nodes of each walk; every node occurs.
    nodes : int
    dimension : int
        Length of the vectors.
    window : int
        Largest distance along a walk at which two nodes are each other's context.
    epochs : int
        Passes over the walks.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape=(nodes, dimension), dtype=float32

    References
    ----------
    Mikolov, Sutskever, Chen, Corrado and Dean, "Distributed representations of words and phrases and their
    compositionality", NIPS 2013, and the authors' program word2vec, whose settings these are. The negative
    nodes are drawn by Walker's alias method from SplitMix64: Steele, Lea and Flood, OOPSLA 2014.

    Examples
    --------
    >>> walks = np.array([[0, 1, 0, 1], [2, 3, 2, 3]] * 50, np.int32)
    >>> train_skip_gram(walks, 4, dimension=8, window=2, epochs=1, rng=np.random.default_rng(0)).shape
    (4, 8)
    """
    counts = np.bincount(walks.ravel(), minlength=nodes)
    kept_below = _thinning(counts)
    columns = _alias_table(counts)
    logistic = _logistic_table()
    inputs = np.zeros((nodes, -(-dimension // _STRIDE) * _STRIDE), np.float32)
    outputs = np.zeros_like(inputs)
    inputs[:, :dimension] = (rng.random((nodes, dimension), np.float32) * 2 - 1) / np.float32(dimension)
    state = rng.integers(2**64, size=1, dtype=np.uint64)

    progress = np.arange(epochs * len(walks)) / (epochs * len(walks))
    rates = (_RATES[0] - (_RATES[0] - _RATES[1]) * progress).astype(np.float32)
    for epoch in range(epochs):
        for start in range(0, len(walks), _WALKS):
            block = walks[start : start + _WALKS]
            kept = rng.integers(2**32, size=block.shape, dtype=np.uint32) < kept_below[block]
            tokens, ends = block[kept], np.cumsum(kept.sum(axis=1))
            widths = rng.integers(1, window, size=len(tokens), endpoint=True)
            own = rates[epoch * len(walks) + start :][: len(block)]
            _descend(tokens, ends, widths, own, inputs, outputs, logistic, *columns, state)
    return inputs[:, :dimension].copy()


def _thinning(counts: np.ndarray) -> np.ndarray:
    """Of 2**32 equally likely numbers, how many keep an occurrence of each node."""
    share = _FREQUENT * counts.sum() / counts
    return (np.minimum(np.sqrt(share) + share, 1.0) * 2.0**32).astype(np.uint64)


def _alias_table(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walker's table of the nodes by the power 3/4 of their counts, whole numbers throughout.

    Returns
    -------
    kept : ndarray, shape=(nodes,), dtype=uint64
        Of 2**32 equally likely numbers, how many leave a column to its own node.
    other : ndarray, shape=(nodes,), dtype=uint64
        The node that gets the rest of the column.
    """
    weights = [math.isqrt(math.isqrt(count**3 << 64)) for count in counts.tolist()]
    full = sum(weights)
    heights = [weight * len(weights) for weight in weights]
    kept, other = [1 << 32] * len(weights), list(range(len(weights)))
    low = [node for node, height in enumerate(heights) if height < full]
    high = [node for node, height in enumerate(heights) if height >= full]
    while low and high:
        short, tall = low.pop(), high[-1]
        kept[short], other[short] = (heights[short] << 32) // full, tall
        heights[tall] -= full - heights[short]
        if heights[tall] < full:
            low.append(high.pop())
    return np.array(kept, np.uint64), np.array(other, np.uint64)


def _logistic_table() -> np.ndarray:
    """Logistic function in the middle of each cell, correctly rounded, float32."""
    with localcontext() as context:
        context.prec = 30
        places = [(Decimal(2 * cell + 1) / _CELLS - 1) * Decimal(_LIMIT) for cell in range(_CELLS)]
        return np.array([float(1 / (1 + (-place).exp())) for place in places]).astype(np.float32)


@njit
def _product(x, y, lanes):
    """Scalar product of two vectors whose length is a multiple of `_STRIDE`."""
    for k in range(_LANES):
        lanes[k] = np.float32(0.0)
    for block in range(len(x) // _STRIDE):
        a, b = x[_STRIDE * block :], y[_STRIDE * block :]
        for k in range(_LANES):
            first = a[k] * b[k] + a[k + 16] * b[k + 16]
            second = a[k + 32] * b[k + 32] + a[k + 48] * b[k + 48]
            third = a[k + 64] * b[k + 64] + a[k + 80] * b[k + 80]
            fourth = a[k + 96] * b[k + 96] + a[k + 112] * b[k + 112]
            lanes[k] += (first + second) + (third + fourth)
    for k in range(8):
        lanes[k] += lanes[k + 8]
    for k in range(4):
        lanes[k] += lanes[k + 4]
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])


@njit
def _descend(tokens, ends, widths, rates, inputs, outputs, logistic, kept, other, state):
    """Go through walks once, from a state of the random numbers to the next."""
    limit, cells_per_unit = np.float32(_LIMIT), np.float32(_CELLS / (2 * _LIMIT))
    columns, low_bits, half = np.uint64(len(kept)), np.uint64(0xFFFFFFFF), np.uint64(32)
    error = np.empty(inputs.shape[1], np.float32)
    lanes = np.empty(_LANES, np.float32)
    start = 0
    for walk in range(len(ends)):
        end, rate = ends[walk], rates[walk]
        for i in range(start, end):
            node = tokens[i]
            for j in range(max(start, i - widths[i]), min(end, i + widths[i] + 1)):
                if j == i:
                    continue
                x = inputs[tokens[j]]
                error[:] = np.float32(0.0)
                for drawn in range(_NEGATIVES + 1):
                    target, label = node, np.float32(1.0)
                    if drawn:
                        state[0] += np.uint64(0x9E3779B97F4A7C15)
                        bits = (state[0] ^ (state[0] >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                        bits ^= bits >> np.uint64(31)
                        column = ((bits >> half) * columns) >> half
                        if (bits & low_bits) >= kept[column]:
                            column = other[column]
                        target, label = np.int32(column), np.float32(0.0)
                        if target == node:
                            continue
                    y = outputs[target]
                    product = _product(x, y, lanes)
                    if product >= limit:
                        expected = np.float32(1.0)
                    elif product > -limit:
                        expected = logistic[int((product + limit) * cells_per_unit)]
                    else:
                        expected = np.float32(0.0)
                    step = (label - expected) * rate
                    for k in range(len(x)):
                        own = y[k]
                        error[k] += step * own
                        y[k] = own + step * x[k]
                for k in range(len(x)):
                    x[k] += error[k]
        start = end
