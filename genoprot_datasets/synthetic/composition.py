"""Amino-acid tendencies: each latent class of a gene tilts its residue frequencies along axes of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.alphabet import BACKGROUND

__all__ = ["CLASSES", "STRENGTHS", "Tendencies"]

CLASSES: Mapping[str, int] = MappingProxyType(
    {"location": 6, "clan": 6, "module": 4, "melanoma": 2, "disease": 3}
)
"""Latent classes of each kind that residue frequencies show. Their number does not grow with the genes."""

STRENGTHS: Mapping[str, float] = MappingProxyType(
    {"location": 0.30, "clan": 0.20, "module": 0.16, "melanoma": 0.05, "disease": 0.19}
)
"""Length of each kind's tilt: the relative standard deviation by which it changes residue frequencies."""


def _simplex(classes: int) -> np.ndarray:
    """Corners of a regular simplex around the origin at distance 1, shape (classes, classes - 1)."""
    corners = np.zeros((classes, classes - 1))
    for axis in range(1, classes):
        corners[:axis, axis - 1] = 1.0
        corners[axis, axis - 1] = -axis
        corners[:, axis - 1] /= np.sqrt(axis * (axis + 1))
    return corners * np.sqrt(classes / (classes - 1))


def _axes(count: int, rng: np.random.Generator) -> np.ndarray:
    """Random directions, orthonormal under the background frequencies, that change no total, (count, 20)."""
    root = np.sqrt(BACKGROUND)
    basis = [root]
    for candidate in rng.standard_normal((count, len(root))):
        for other in basis:
            candidate = candidate - (candidate @ other) * other
        basis.append(candidate / np.sqrt(candidate @ candidate))
    return np.array(basis[1:]) / root


class Tendencies:
    """Tilts of the residue frequencies, one set of orthogonal axes for each kind of latent class.

    Kinds do not disturb each other: to first order the frequencies of one kind's classes are the same
    whatever the classes of the other kinds are.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        axes = _axes(sum(number - 1 for number in CLASSES.values()), generator(seed, "synthetic", "axes"))
        self._tilts: dict[str, np.ndarray] = {}
        taken = 0
        for kind, number in CLASSES.items():
            own = axes[taken : taken + number - 1]
            self._tilts[kind] = STRENGTHS[kind] * _simplex(number) @ own
            taken += number - 1

    def frequencies(self, memberships: Mapping[str, np.ndarray]) -> np.ndarray:
        """Residue frequencies of genes.

        Parameters
        ----------
        memberships : mapping of str to ndarray, shape=(n, classes)
            Weight of every class of a kind in every gene; a row of zeros is no tendency.

        Returns
        -------
        ndarray, shape=(n, 20)
            Rows sum to 1.
        """
        logits = np.log(BACKGROUND)
        for kind, weights in memberships.items():
            logits = logits + weights @ self._tilts[kind]
        frequencies = np.exp(logits)
        return frequencies / frequencies.sum(axis=1, keepdims=True)
