"""Examples of a published folder as positions of records, and the rules that they keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.identity import is_challenge, pair_identities
from genoprot_datasets.matching import identity_bin
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.seeding import generator
from genoprot_datasets.tasks import EVAL_SAMPLES, get_task, matched_config

__all__ = ["Check", "Examples", "check_examples", "check_identities", "check_matching", "read_examples"]

_REALIGNED = 200
"""Pairs per task and split whose identity is computed again."""


@dataclass(frozen=True)
class Check:
    """A rule and whether it holds.

    Parameters
    ----------
    name : str
    passed : bool
    detail : str
        What was counted.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Examples:
    """Examples of one split of a task.

    Parameters
    ----------
    config, split : str
    members : ndarray, shape=(k, arity), dtype=int64
        Positions of the records among all of them; -1 for an accession that is not there.
    label : ndarray, shape=(k,), dtype=int8
    sample : ndarray, shape=(k,), dtype=int8
        0 everywhere in the train split.
    identity : ndarray, shape=(k,), dtype=float32, or None
    challenge : ndarray, shape=(k,), dtype=bool, or None
        None for tasks about single records, and in a folder built without identities.
    """

    config: str
    split: str
    members: np.ndarray
    label: np.ndarray
    sample: np.ndarray
    identity: np.ndarray | None
    challenge: np.ndarray | None

    def codes(self, records: int) -> np.ndarray:
        """One number per example, the same for both orders of a pair."""
        ordered = np.sort(self.members, axis=1)
        return ordered[:, 0] * (records + 1) + ordered[:, -1]


def read_examples(
    published: PublishedDataset, task: str, split: str, accessions: pa.Array, *, matched: bool = False
) -> Examples:
    """Read one split of a task, or of its identity-matched variant.

    Parameters
    ----------
    published : PublishedDataset
    task : str
    split : {"train", "eval"}
    accessions : pyarrow.Array of string
        Accession of each record.
    matched : bool

    Returns
    -------
    Examples
    """
    table = published.task(task, split, matched=matched)
    members = [
        pc.fill_null(pc.index_in(table[column], value_set=accessions), -1).to_numpy()
        for column in get_task(task).members
    ]
    pair = len(members) == 2
    return Examples(
        config=matched_config(task) if matched else task,
        split=split,
        members=np.stack(members, axis=1).astype(np.int64),
        label=table["label"].to_numpy(),
        sample=table["sample"].to_numpy() if split == "eval" else np.zeros(table.num_rows, np.int8),
        identity=table["identity"].to_numpy() if pair and published.has_identities else None,
        challenge=table["challenge"].to_numpy() if pair and published.has_identities else None,
    )


def check_examples(
    examples: Examples, fold: np.ndarray, threshold: float | np.ndarray | None
) -> Iterator[Check]:
    """Balance, duplicates, contradictions and membership of one split of a task.

    Parameters
    ----------
    examples : Examples
    fold : ndarray, shape=(n,), dtype=int64
        Position in `schema.FOLDS` of each record's fold.
    threshold : float, ndarray or None
        Identity threshold of the challenge cases that the manifest states; one for each example where there
        are several species.

    Yields
    ------
    Check
    """
    where = f"{examples.config}/{examples.split}"
    label, sample, codes = examples.label, examples.sample, examples.codes(len(fold))
    samples = EVAL_SAMPLES if examples.split == "eval" else 1

    other = int((~np.isin(label, (0, 1))).sum())
    counts = np.array([[np.sum((sample == s) & (label == v)) for v in (0, 1)] for s in range(samples)])
    odd = sorted(set(sample.tolist()) - set(range(samples)))
    balanced = bool((counts == counts[0, 0]).all() and counts[0, 0] > 0)
    yield Check(
        f"{where}: classes balanced in every sample",
        balanced and not other and not odd,
        f"{samples} x {counts[0, 0]:,} per class"
        if balanced and not other and not odd
        else f"per sample {counts.tolist()}, {other} other labels, other samples {odd}",
    )

    twice = len(codes) - len(np.unique(np.stack([sample.astype(np.int64), codes]), axis=1).T)
    itself = (
        int((examples.members[:, 0] == examples.members[:, 1]).sum()) if examples.members.shape[1] == 2 else 0
    )
    yield Check(
        f"{where}: no example twice in a sample, no record paired with itself",
        not twice and not itself,
        f"{twice:,} repeated, {itself:,} with itself",
    )

    contradicted = len(np.intersect1d(codes[label == 1], codes[label == 0]))
    yield Check(f"{where}: one label per example", not contradicted, f"{contradicted:,} with both labels")

    unknown = int((examples.members < 0).any(axis=1).sum())
    strangers = (examples.members >= 0) & (fold[examples.members] != FOLDS.index(examples.split))
    foreign = int(strangers.any(axis=1).sum())
    yield Check(
        f"{where}: all members are records of the fold",
        not unknown and not foreign,
        f"{unknown:,} examples with unknown accessions, {foreign:,} with records of the other fold",
    )

    if examples.identity is not None:
        bad = int((~((examples.identity >= 0) & (examples.identity <= 1))).sum())
        differ = int((is_challenge(examples.identity, label, threshold) != examples.challenge).sum())
        yield Check(
            f"{where}: challenge cases follow from the identities",
            not bad and not differ,
            f"{bad:,} identities outside 0 to 1, {differ:,} flags that differ",
        )


def check_species(examples: Examples, species: np.ndarray) -> Check:
    """Count the pairs that join two species.

    Parameters
    ----------
    examples : Examples
    species : ndarray, shape=(n,), dtype=int64
        Taxon id of each record.

    Returns
    -------
    Check
    """
    taxa = species[examples.members]
    mixed = int((taxa != taxa[:, :1]).any(axis=1).sum())
    return Check(f"{examples.config}/{examples.split}: no pair joins two species", not mixed, f"{mixed:,} do")


def check_matching(examples: Examples) -> Check:
    """Count positives and negatives in every bin of identity of every sample.

    Parameters
    ----------
    examples : Examples
        Of an identity-matched variant.

    Returns
    -------
    Check
    """
    cells = np.stack([examples.sample.astype(np.int64), identity_bin(examples.identity)], axis=1)
    cells, cell = np.unique(cells, axis=0, return_inverse=True)
    surplus = np.bincount(cell.ravel(), weights=np.where(examples.label == 1, 1, -1), minlength=len(cells))
    uneven = int((surplus != 0).sum())
    return Check(
        f"{examples.config}/{examples.split}: equally many of both classes in every bin of identity",
        not uneven,
        f"{uneven:,} of {len(cells):,} bins uneven",
    )


def check_identities(examples: Sequence[Examples], proteins: Sequence[str]) -> Check:
    """Compute the identities of some pairs of every split again.

    Parameters
    ----------
    examples : sequence of Examples
        Of pair tasks.
    proteins : sequence of str
        Protein of each record.

    Returns
    -------
    Check
    """
    members, published = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)]
    for split in examples:
        known = np.flatnonzero((split.members >= 0).all(axis=1))
        rng = generator(0, "audit", split.config, split.split)
        drawn = rng.choice(known, min(_REALIGNED, len(known)), replace=False)
        members.append(split.members[drawn])
        published.append(split.identity[drawn])
    a, b = np.concatenate(members).T
    difference = np.abs(pair_identities(proteins, a, b) - np.concatenate(published))
    wrong = int((difference > 1e-6).sum())
    return Check(
        "identities are those of the alignments", not wrong, f"{wrong:,} of {len(a):,} drawn pairs differ"
    )
