"""Genes on which tumour cells strongly depend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["STRONG_EFFECT", "Dependency", "strong_dependency"]

STRONG_EFFECT = -0.5
"""DepMap gene effect below which a dependency is called strong."""


@dataclass(frozen=True)
class Dependency:
    """A yes/no label of single records.

    Parameters
    ----------
    annotated : ndarray, shape=(n,), dtype=bool
        Records with a measured effect.
    positive : ndarray, shape=(n,), dtype=bool
        Records with a strong dependency; a subset of `annotated`.
    """

    annotated: np.ndarray
    positive: np.ndarray


def strong_dependency(effects: np.ndarray, threshold: float = STRONG_EFFECT) -> Dependency:
    """Label records by their mean gene effect over the tumour's cell lines.

    Parameters
    ----------
    effects : array_like, shape=(n,), dtype=float64
        Mean effect of each record's gene; NaN where it was not measured. 0 is the median of genes that cells
        do not need, -1 that of genes that all cells need.
    threshold : float
        Effects strictly below it are positive.

    Examples
    --------
    >>> strong_dependency([-1.2, -0.5, float("nan")]).positive.tolist()
    [True, False, False]
    """
    effects = np.asarray(effects, np.float64)
    annotated = ~np.isnan(effects)
    return Dependency(annotated, annotated & (np.nan_to_num(effects) < threshold))
