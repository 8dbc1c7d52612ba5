"""The protein vectors of both folds in the plane."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from genoprot_datasets.errors import GenoProtError

__all__ = ["PROJECTIONS", "project"]

PROJECTIONS = ("auto", "umap", "pca", "none")
"""UMAP where umap-learn is installed and else principal components; either; or no projection."""

_PER_CELL = 10
"""Records of the smaller fold that a cell of the plane holds on average, in which records are counted."""


def project(vectors: np.ndarray, fold: np.ndarray, method: str = "auto") -> dict[str, Any] | None:
    """Project vectors to the plane and compare how the folds lie in it.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d), dtype=float32
    fold : ndarray, shape=(n,), dtype=int64
        0 for train, 1 for eval.
    method : str
        One of `PROJECTIONS`.

    Returns
    -------
    dict or None
        ``method``; ``points``, n rows of two coordinates from 0 to 1; ``density_r``, Pearson's correlation of
        the shares of both folds over those of ``cells`` by ``cells`` equal parts of the plane that hold a
        record. None for ``none``,
        and for fewer than ten records.

    Raises
    ------
    GenoProtError
        If UMAP is asked for and not installed.
    """
    installed = importlib.util.find_spec("umap") is not None
    if method == "umap" and not installed:
        raise GenoProtError("UMAP needs umap-learn; install geno-prot[audit], or take --projection pca")
    if method == "none" or len(vectors) < 10:
        return None
    if method == "umap" or (method == "auto" and installed):
        name, points = "UMAP", _umap(vectors)
    else:
        name, points = "first two principal components", _principal(vectors)
    points = (points - points.min(axis=0)) / np.maximum(np.ptp(points, axis=0), 1e-12)
    cells = max(2, round((np.bincount(fold, minlength=2).min() / _PER_CELL) ** 0.5))
    cell = np.minimum((points * cells).astype(int), cells - 1) @ np.array([cells, 1])
    counts = np.stack([np.bincount(cell[fold == k], minlength=cells**2) for k in (0, 1)])
    shares = counts[:, counts.any(axis=0)] / counts.sum(axis=1, keepdims=True)
    varied = shares.shape[1] > 1 and (np.ptp(shares, axis=1) > 0).all()
    return {
        "method": name,
        "cells": cells,
        "density_r": float(np.corrcoef(shares)[0, 1]) if varied else None,
        "points": np.round(points, 4).tolist(),
    }


def _umap(vectors: np.ndarray) -> np.ndarray:
    import warnings

    from umap import UMAP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        neighbours = min(15, len(vectors) - 1)
        return (
            UMAP(n_neighbors=neighbours, random_state=0, n_jobs=1).fit_transform(vectors).astype(np.float64)
        )


def _principal(vectors: np.ndarray) -> np.ndarray:
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    values, axes = np.linalg.eigh(centred.T @ centred)
    largest = axes[:, np.argsort(values)[::-1][:2]]
    # An axis has no sign of its own: the coordinate of largest size is made positive.
    largest *= np.sign(largest[np.abs(largest).argmax(axis=0), [0, 1]])
    return centred @ largest
