"""Proteins that both folds of a folder of several species have, and train examples without them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.matching import identity_bin
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.seeding import generator
from genoprot_datasets.tasks import get_task, matched_config

__all__ = ["SharedProteins", "find_shared_proteins", "unshared_examples"]

_FEWEST = 2
"""Examples of a class with which a task can still be asked."""


@dataclass(frozen=True)
class SharedProteins:
    """Proteins of which one record is in a train fold and another one in an eval fold.

    Parameters
    ----------
    sequences : int
        How many different proteins.
    across_species : int
        How many of these are in the train fold of one species and in the eval fold of another.
    train_accessions : frozenset of str
        Records of the train folds that have one.
    """

    sequences: int
    across_species: int
    train_accessions: frozenset[str]


def find_shared_proteins(parts: Iterable[PublishedDataset]) -> SharedProteins:
    """Look for proteins that are in the train fold of a species and in the eval fold of it or of another.

    Parameters
    ----------
    parts : iterable of PublishedDataset
        One for each species.

    Returns
    -------
    SharedProteins
    """
    holders: dict[str, dict[str, set[int]]] = {"train": {}, "eval": {}}
    accessions: dict[str, list[str]] = {}
    for number, part in enumerate(parts):
        table = part.sequences(["accession", "protein", "fold"])
        for accession, protein, fold in zip(*(table[name].to_pylist() for name in table.column_names)):
            holders[fold].setdefault(protein, set()).add(number)
            if fold == "train":
                accessions.setdefault(protein, []).append(accession)
    shared = holders["train"].keys() & holders["eval"].keys()
    across = sum(len(holders["train"][own] | holders["eval"][own]) > 1 for own in shared)
    return SharedProteins(
        len(shared), across, frozenset(name for protein in shared for name in accessions[protein])
    )


def unshared_examples(
    part: PublishedDataset, task: str, shared: Collection[str], *, matched: bool = False
) -> tuple[np.ndarray, dict[str, Any]]:
    """Train examples that are left without some records, with both classes equally large again.

    Of the class that loses less, examples are dropped at random until both are equally large; in an
    identity-matched variant within every bin of identity.

    Parameters
    ----------
    part : PublishedDataset
    task : str
    shared : collection of str
        Accessions of the records.
    matched : bool

    Returns
    -------
    kept : ndarray, shape=(k,), dtype=bool
        Whether each row of the train split is left.
    counts : dict
        Examples that were dropped ``with_identical`` proteins and ``to_balance``, and ``per_class``, left.

    Raises
    ------
    GenoProtError
        If fewer than two examples of a class are left.
    """
    table = part.task(task, "train", matched=matched)
    config = matched_config(task) if matched else task
    label = table["label"].to_numpy()
    names = pa.array(sorted(shared), pa.string())
    concerned = np.zeros(len(label), bool)
    for column in get_task(task).members:
        concerned |= pc.is_in(table[column], value_set=names).to_numpy()
    kept = ~concerned
    cells = identity_bin(table["identity"].to_numpy()) if matched else np.zeros(len(label), np.int64)
    rng = generator(part.manifest["seed"], "merge", config, str(part.manifest["species"]["taxon"]))
    for cell in np.unique(cells[concerned]):
        rows = [np.flatnonzero(kept & (cells == cell) & (label == value)) for value in (0, 1)]
        larger = max(rows, key=len)
        surplus = len(larger) - min(map(len, rows))
        kept[rng.choice(larger, surplus, replace=False)] = False
    left = int((kept & (label == 1)).sum())
    if left < _FEWEST:
        raise GenoProtError(
            f"{part.name}: {config} has {left} train examples per class without proteins of the eval folds, "
            f"and a task needs {_FEWEST}; merge without --drop-identical, or build without this task"
        )
    with_identical = int(concerned.sum())
    counts = {
        "with_identical": with_identical,
        "to_balance": int((~kept).sum()) - with_identical,
        "per_class": left,
    }
    return kept, counts
