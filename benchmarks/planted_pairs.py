"""Pairs of proteins whose label follows, with some noise, from what their vectors hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["PlantedPairs", "planted_pairs"]

_DIMENSIONS = 8
_FLIPPED = 0.05


class PlantedPairs(NamedTuple):
    """Vectors, and pairs of rows with their classes; no protein of a test pair is in a train pair."""

    vectors: np.ndarray
    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def planted_pairs(
    train_pairs: int, width: int, proteins: int = 12_448, test_proteins: int = 4_000, seed: int = 0
) -> PlantedPairs:
    """Classes by the sign of a product of hidden coordinates, balanced, one in twenty flipped."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(proteins, _DIMENSIONS)).astype(np.float32)
    vectors = hidden @ rng.normal(size=(_DIMENSIONS, width)).astype(np.float32)
    for start in range(0, proteins, 1024):
        vectors[start : start + 1024] += rng.standard_normal(
            vectors[start : start + 1024].shape, dtype=np.float32
        )

    def draw(low: int, high: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        pairs = rng.integers(low, high, size=(count, 2))
        agreement = (hidden[pairs[:, 0], :2] * hidden[pairs[:, 1], :2]).sum(axis=1)
        labels = (agreement > 0) ^ (rng.random(count) < _FLIPPED)
        return pairs, labels.astype(np.int8)

    train = draw(test_proteins, proteins, train_pairs)
    return PlantedPairs(vectors, *train, *draw(0, test_proteins, 20_000))
