"""Whether the labels follow from the published attributes, and what both folds have of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from genoprot_datasets.audit.examples import Check, Examples

__all__ = ["SHARED", "check_annotation", "family_overlap", "fold_shares"]

SHARED = ("pfam", "subcellular", "anatomical", "pathway", "drug", "disease")
"""Tasks whose pairs are positive when they share an entry of the column of that name."""


def check_annotation(
    examples: Examples, task: str, attributes: pa.Table, go_terms: np.ndarray, effect_threshold: float | None
) -> Iterator[Check]:
    """Compare the labels of one split with the attributes of the members.

    Parameters
    ----------
    examples : Examples
        All members are known.
    task : str
    attributes : pyarrow.Table
        With the columns of `schema.ATTRIBUTES`, a row for each record.
    go_terms : ndarray, shape=(n,), dtype=int64
        Number of terms of each record.
    effect_threshold : float or None
        Of `melanoma`.

    Yields
    ------
    Check
        That every member carries the attribute; and that the labels follow, where the attributes determine
        them: `recomputed` compares those of `ppi` and `function`.
    """
    where = f"{examples.config}/{examples.split}"
    positive = examples.label == 1
    if task in SHARED:
        annotated = attributes[task].combine_chunks().value_lengths().fill_null(0).to_numpy() > 0
        follows = _share(membership(attributes[task])[0], examples.members) == positive
    elif task == "melanoma":
        effects = attributes["gene_effect"].to_numpy()
        annotated = ~np.isnan(effects)
        follows = (effects[examples.members[:, 0]] < effect_threshold) == positive
    elif task == "ppi":
        annotated, follows = attributes["interactions"].is_valid().to_numpy(), None
    else:
        annotated, follows = go_terms > 0, None
    bare = int((~annotated[examples.members]).any(axis=1).sum())
    yield Check(f"{where}: all members carry the attribute", not bare, f"{bare:,} examples without")
    if follows is not None:
        wrong = int((~follows).sum())
        yield Check(f"{where}: labels follow from the attributes", not wrong, f"{wrong:,} do not")


def membership(column: pa.ChunkedArray) -> tuple[sparse.csr_array, list[str]]:
    """Records by the values of a list column, 1 where the record has the value, and the values."""
    lists = column.combine_chunks()
    sizes = lists.value_lengths().fill_null(0).to_numpy()
    encoded = lists.flatten().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    ones = np.ones(len(encoded), np.int32)
    matrix = sparse.csr_array((ones, encoded.indices.to_numpy(), indptr), shape=(len(lists), len(names)))
    return matrix, names


def _share(matrix: sparse.csr_array, members: np.ndarray) -> np.ndarray:
    """Whether the two records of each pair have a value in common."""
    found = np.empty(len(members), bool)
    for start in range(0, len(members), 20_000):
        part = members[start : start + 20_000]
        common = matrix[part[:, 0]].multiply(matrix[part[:, 1]]).sum(axis=1)
        found[start : start + len(part)] = np.asarray(common).ravel() > 0
    return found


def family_overlap(
    attributes: pa.Table, fold: np.ndarray, evaluation: Mapping[str, Examples]
) -> dict[str, Any]:
    """Pfam families that both folds have.

    Parameters
    ----------
    attributes : pyarrow.Table
    fold : ndarray, shape=(n,), dtype=int64
        0 for train, 1 for eval.
    evaluation : mapping of str to Examples
        Eval splits by task.

    Returns
    -------
    dict
        Families in ``train``, ``eval`` and ``both``; the share ``eval_records`` of the eval records with a
        family that have one of the train fold, and by task the share ``eval_examples`` of the examples whose
        every member does.
    """
    matrix, names = membership(attributes["pfam"])
    held = [np.asarray(matrix[fold == k].sum(axis=0)).ravel() > 0 for k in (0, 1)]
    known = np.asarray(matrix @ held[0].astype(np.int32)).ravel() > 0
    with_family = np.asarray(matrix.sum(axis=1)).ravel() > 0
    asked = (fold == 1) & with_family
    return {
        "families": len(names),
        "train": int(held[0].sum()),
        "eval": int(held[1].sum()),
        "both": int((held[0] & held[1]).sum()),
        "eval_records": float(known[asked].mean()) if asked.any() else None,
        "eval_examples": {
            task: float(known[split.members].all(axis=1).mean()) for task, split in evaluation.items()
        },
    }


def fold_shares(column: pa.ChunkedArray, fold: np.ndarray) -> dict[str, Any]:
    """Shares of the annotated records of each fold that have each value of a list column.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of list of string, length n
    fold : ndarray, shape=(n,), dtype=int64

    Returns
    -------
    dict
        ``values``, how many there are; ``r``, Pearson's correlation of the shares, None where one fold's are
        all equal; ``points``, (train share, eval share, value), the most frequent first.
    """
    matrix, names = membership(column)
    annotated = np.asarray(matrix.sum(axis=1)).ravel() > 0
    shares = np.array(
        [
            np.asarray(matrix[fold == k].sum(axis=0)).ravel() / max(1, int(annotated[fold == k].sum()))
            for k in (0, 1)
        ]
    )
    varied = len(names) > 1 and (np.ptp(shares, axis=1) > 0).all()
    order = sorted(range(len(names)), key=lambda k: (-shares[:, k].sum(), names[k]))
    return {
        "values": len(names),
        "r": float(np.corrcoef(shares)[0, 1]) if varied else None,
        "points": [(round(shares[0, k], 5), round(shares[1, k], 5), names[k]) for k in order],
    }
