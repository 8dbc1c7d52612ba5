"""Whether as many examples of each class exist as the manifest says, by the published attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from scipy import sparse

from genoprot_datasets.audit.attributes import SHARED, membership
from genoprot_datasets.audit.examples import Check
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS

__all__ = ["COUNTS", "check_counts", "told_counts"]

COUNTS = ("records_annotated", "positives_available", "negatives_available")
"""Counts of a task and fold in the manifest."""

_ROWS = 512


def check_counts(
    published: PublishedDataset, attributes: pa.Table, fold: np.ndarray, species: np.ndarray
) -> Iterator[Check]:
    """Count the annotated records and the examples of both classes that exist in each fold.

    Parameters
    ----------
    published : PublishedDataset
    attributes : pyarrow.Table
        With the columns of `schema.ATTRIBUTES`, a row for each record.
    fold, species : ndarray, shape=(n,), dtype=int64
        Position in `schema.FOLDS` of each record's fold, and its taxon id.

    Yields
    ------
    Check
        For each task that the attributes alone determine, over all species.
    """
    parts = published.manifest.get("parts", {"": published.manifest}).values()
    for task in published.tasks:
        if task not in SHARED and task != "melanoma":
            continue
        matrix = membership(attributes[task])[0] if task in SHARED else None
        effects = attributes["gene_effect"].to_numpy()
        for number, split in enumerate(FOLDS):
            found, stated = [], []
            for part in parts:
                if task not in part["tasks"]:
                    continue
                own = (fold == number) & (species == part["species"]["taxon"])
                threshold = part["tasks"][task]["labels"].get("effect_threshold")
                found.append(_pairs(matrix[own]) if matrix is not None else _records(effects[own], threshold))
                stated.append([part["tasks"][task][split][count] for count in COUNTS])
            yield told_counts(f"{task}/{split}", found, stated)


def told_counts(where: str, found: Sequence[Sequence[int]], stated: Sequence[Sequence[int]]) -> Check:
    """Compare the counts of each species with those of the manifest, which are `COUNTS`."""
    detail = "{:,} annotated records, {:,} positive and {:,} negative examples"
    told = detail.format(*map(sum, zip(*found)))
    if found != stated:
        told += "; the manifest states " + detail.format(*map(sum, zip(*stated)))
    return Check(f"{where}: as many examples exist as the manifest says", found == stated, told)


def _pairs(matrix: sparse.csr_array) -> list[int]:
    """Records with a value, and pairs of them with and without one in common."""
    matrix = matrix[np.diff(matrix.indptr) > 0]
    size = matrix.shape[0]
    transposed = matrix.T.tocsr()
    both_ways = sum((matrix[k : k + _ROWS] @ transposed).nnz for k in range(0, size, _ROWS))
    # Every record shares with itself, and every pair is there in both orders.
    positives = (both_ways - size) // 2
    return [size, positives, size * (size - 1) // 2 - positives]


def _records(effects: np.ndarray, threshold: float) -> list[int]:
    measured = effects[~np.isnan(effects)]
    positives = int((measured < threshold).sum())
    return [len(measured), positives, len(measured) - positives]
