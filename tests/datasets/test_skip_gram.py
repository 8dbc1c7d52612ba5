"""The skip-gram model."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from genoprot_datasets.relations import skip_gram
from genoprot_datasets.relations.skip_gram import train_skip_gram


def walks_of(nodes: int, number: int, steps: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    walks = np.minimum(rng.geometric(0.2, size=(number, steps)) - 1, nodes - 1).astype(np.int32)
    walks[:, 0] = np.arange(number) % nodes
    return walks


def trained(walks: np.ndarray, nodes: int, **settings) -> np.ndarray:
    settings = {"dimension": 12, "window": 3, "epochs": 2} | settings
    return train_skip_gram(walks, nodes, rng=np.random.default_rng(5), **settings)


@pytest.mark.parametrize("dimension", [12, 130])
def test_compiled_is_to_the_bit_what_the_interpreter_computes(monkeypatch, dimension):
    """A float32 of numpy is rounded after every operation, and nothing is reordered."""
    walks = walks_of(9, 9, 6)
    compiled = trained(walks, 9, dimension=dimension)
    for name in ("_product", "_descend"):
        monkeypatch.setattr(skip_gram, name, getattr(skip_gram, name).py_func)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(compiled, trained(walks, 9, dimension=dimension))


def test_sums_and_products_are_not_contracted():
    trained(walks_of(9, 9, 6), 9)
    for code in skip_gram._descend.inspect_asm().values():
        assert "_descend" in code
        assert re.findall(r"\bv?fn?m(?:add|sub|la|ls)\w*", code) == []


def test_against_gradients_in_double_precision(monkeypatch):
    """The formula of word2vec, written down plainly, for the same draws."""
    monkeypatch.setattr(skip_gram, "_FREQUENT", 0.2)
    walks = walks_of(6, 30, 8)
    settings = {"dimension": 5, "window": 2, "epochs": 3}
    found = trained(walks, 6, **settings)
    rng = np.random.default_rng(5)
    counts = np.bincount(walks.ravel())
    kept_below, columns = skip_gram._thinning(counts), skip_gram._alias_table(counts)
    logistic = skip_gram._logistic_table().astype(np.float64)
    inputs = (rng.random((6, 5), np.float32) * 2.0 - 1.0) / 5.0
    outputs = np.zeros((6, 5))
    state = int(rng.integers(2**64, dtype=np.uint64))

    def bits() -> int:
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        mixed = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
        return mixed ^ (mixed >> 31)

    def negative() -> int:
        drawn = bits()
        column = (drawn >> 32) * 6 >> 32
        return column if drawn % 2**32 < int(columns[0][column]) else int(columns[1][column])

    for epoch in range(3):
        kept = rng.integers(2**32, size=walks.shape, dtype=np.uint32) < kept_below[walks]
        widths = iter(rng.integers(1, 2, size=int(kept.sum()), endpoint=True).tolist())
        for number, (walk, own) in enumerate(zip(walks, kept)):
            rate = 0.025 - (0.025 - 0.0001) * (epoch * 30 + number) / 90
            nodes = walk[own].tolist()
            for i, node in enumerate(nodes):
                width = next(widths)
                for j in range(max(0, i - width), min(len(nodes), i + width + 1)):
                    if j == i:
                        continue
                    x, error = inputs[nodes[j]], np.zeros(5)
                    for target in (node, *(k for k in (negative() for _ in range(5)) if k != node)):
                        expected = logistic[int((x @ outputs[target] + 6.0) * 1000 / 12)]
                        step = rate * ((target == node) - expected)
                        error += step * outputs[target]
                        outputs[target] += step * x
                    inputs[nodes[j]] += error
    np.testing.assert_allclose(found, inputs, rtol=0, atol=1e-5)
    assert np.abs(found - (np.random.default_rng(5).random((6, 5), np.float32) * 2 - 1) / 5).max() > 0.5


def test_negative_nodes_have_the_power_three_quarters():
    counts = np.array([1, 5, 100_000, 3, 70, 2_000_000_000])
    kept, other = (column.tolist() for column in skip_gram._alias_table(counts))
    height: Counter[int] = Counter()
    for column, (own, rest) in enumerate(zip(kept, other)):
        assert 0 <= own <= 2**32
        height[column] += own
        height[rest] += 2**32 - own
    found = np.array([height[node] for node in range(6)]) / (6 * 2**32)
    np.testing.assert_allclose(found, counts**0.75 / (counts**0.75).sum(), rtol=1e-4, atol=2**-31)


def test_frequent_nodes_are_thinned_out():
    counts = np.array([1_000_000, 1_000, 999, 1])
    share = counts / counts.sum() / 1e-3
    expected = np.minimum(1.0, (np.sqrt(share) + 1.0) / share)
    np.testing.assert_allclose(skip_gram._thinning(counts) / 2**32, expected, atol=1e-9)


def test_logistic_function():
    cells = np.arange(1000)
    expected = 1.0 / (1.0 + np.exp(-((cells + 0.5) / 1000 * 12.0 - 6.0)))
    table = skip_gram._logistic_table()
    assert table.dtype == np.float32
    np.testing.assert_allclose(table, expected, rtol=2.0**-24)
