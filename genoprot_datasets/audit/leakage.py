"""Sequences that both folds hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from genoprot_datasets.audit.examples import Check, Examples
from genoprot_datasets.identity import pair_identities
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS

__all__ = [
    "NEAR_IDENTITY",
    "check_grouping",
    "dna_digests",
    "identical_across",
    "measure_leakage",
    "near_identical",
    "repeated_within",
]

NEAR_IDENTITY = 0.9
"""Identity from which two proteins count as nearly identical."""

_K = 5
_SHARED = 0.25
"""Share of the 5-mers of the protein with fewer that a candidate pair has in common."""

_ROWS = 256


def measure_leakage(
    records: pa.Table, dna: pa.ChunkedArray, fold: np.ndarray, examples: Mapping[str, Mapping[str, Examples]]
) -> dict[str, Any]:
    """Describe sequences that both folds have, and the examples concerned.

    Parameters
    ----------
    records : pyarrow.Table
        With the columns `accession`, `gene`, `protein` and `species`.
    dna : pyarrow.ChunkedArray of binary, length n
        As `dna_digests` gives it.
    fold : ndarray, shape=(n,), dtype=int64
        0 for train, 1 for eval.
    examples : mapping of str to mapping of str to Examples
        By task and split.

    Returns
    -------
    dict
        ``identical_protein`` and ``identical_dna``, with ``groups`` of records that have the same sequence,
        how many of these are ``across_species``, and what is ``repeated_within_folds``; ``near_identical``,
        with ``pairs``. Each with its number of ``eval_records``, and by task the shares ``eval_examples`` and
        ``train_examples`` of the examples with one of the records concerned in that fold.
    """
    columns = ("accession", "gene", "species")
    names, genes, species = (records[column].to_pylist() for column in columns)
    found: dict[str, Any] = {}
    for kind, column in (("protein", records["protein"]), ("dna", dna)):
        groups = identical_across(column, fold)
        found[f"identical_{kind}"] = {
            "groups": [
                [
                    {
                        "accession": names[k],
                        "gene": genes[k],
                        "fold": FOLDS[fold[k]],
                        "species": species[k],
                    }
                    for k in sorted(group, key=lambda k: (fold[k], names[k]))
                ]
                for group in groups
            ],
            "across_species": sum(len({species[k] for k in group}) > 1 for group in groups),
            "repeated_within_folds": repeated_within(column, fold),
        } | _concerned([k for group in groups for k in group], fold, examples)
    near, aligned = near_identical(records["protein"].to_pylist(), fold)
    pairs = [
        {FOLDS[0]: names[i], FOLDS[1]: names[j], "genes": [genes[i], genes[j]], "identity": round(value, 4)}
        for i, j, value in near
    ]
    concerned = [k for i, j, _ in near for k in (i, j)]
    near_found = {"pairs": pairs, "aligned": aligned} | _concerned(concerned, fold, examples)
    return found | {"near_identical": near_found}


def dna_digests(published: PublishedDataset) -> pa.ChunkedArray:
    """A digest of the DNA of every record, by accession, with a few sequences in memory at a time.

    Parameters
    ----------
    published : PublishedDataset

    Returns
    -------
    pyarrow.ChunkedArray of binary
        In the order of `PublishedDataset.sequences`.
    """
    parts = [
        pa.table(
            {
                "accession": batch["accession"],
                "digest": pa.array([_digest(dna) for dna in batch["dna"]], pa.binary()),
            }
        )
        for batch in published.sequence_batches(["accession", "dna"])
    ]
    table = pa.concat_tables(parts)
    return table["digest"].take(pc.sort_indices(table["accession"]))


def _concerned(
    records: Sequence[int], fold: np.ndarray, examples: Mapping[str, Mapping[str, Examples]]
) -> dict[str, Any]:
    """How many eval records these are, and the shares of each task's examples that have one of them."""
    members = np.unique(np.array(records, np.int64))
    return {"eval_records": int((fold[members] == FOLDS.index("eval")).sum())} | {
        f"{split}_examples": {
            task: float(np.isin(splits[split].members, members).any(axis=1).mean())
            for task, splits in examples.items()
        }
        for split in FOLDS
    }


def check_grouping(
    published: PublishedDataset,
    records: pa.Table,
    fold: np.ndarray,
    groups: Sequence[Sequence[Mapping[str, Any]]],
    examples: Sequence[Examples],
) -> Iterator[Check]:
    """Whether identical proteins are kept apart as the manifest says: by fold, or out of the train examples.

    Parameters
    ----------
    published : PublishedDataset
    records : pyarrow.Table
        With the columns `accession` and `protein`.
    fold : ndarray, shape=(n,), dtype=int64
    groups : sequence
        Of identical proteins, as `measure_leakage` gives them.
    examples : sequence of Examples
        Every split of every task and matched variant.

    Yields
    ------
    Check
    """
    several = published.has_several_species
    for part in published.manifest.get("parts", {"": published.manifest}).values():
        if part["options"].get("group_identical"):
            taxon = part["species"]["taxon"]
            folds = ({one["fold"] for one in group if one["species"] == taxon} for group in groups)
            parted = sum(len(own) > 1 for own in folds)
            suffix = f" of {part['species']['title']}" if several else ""
            name = f"genes of the same protein{suffix} are in one fold"
            yield Check(name, not parted, f"{parted:,} proteins in both folds")
    if published.manifest["options"].get("drop_identical"):
        evaluated = set(records["protein"].filter(pa.array(fold == FOLDS.index("eval"))).to_pylist())
        seen = np.array([protein in evaluated for protein in records["protein"].to_pylist()])
        train = [own for own in examples if own.split == "train"]
        shared = sum(int((seen[own.members] & (own.members >= 0)).any(axis=1).sum()) for own in train)
        yield Check("no train example has a protein of the eval fold", not shared, f"{shared:,} have")


def identical_across(sequences: pa.ChunkedArray, fold: np.ndarray) -> list[list[int]]:
    """Groups of records with the same sequence that occur in more than one fold.

    Parameters
    ----------
    sequences : pyarrow.ChunkedArray of string or binary, length n
        Sequences or their digests.
    fold : ndarray, shape=(n,), dtype=int64

    Returns
    -------
    list of list of int
        Positions, ascending.
    """
    return [group for group in _same(sequences) if len(set(fold[group].tolist())) > 1]


def repeated_within(sequences: pa.ChunkedArray, fold: np.ndarray) -> int:
    """Records whose sequence an earlier record of the same fold has too."""
    counts = (Counter(fold[group].tolist()) for group in _same(sequences))
    return sum(count - 1 for group in counts for count in group.values())


def near_identical(proteins: Sequence[str], fold: np.ndarray) -> tuple[list[tuple[int, int, float]], int]:
    """Pairs of different proteins of the two folds whose identity is at least `NEAR_IDENTITY`.

    Only pairs that share a quarter of the distinct 5-mers of the one with fewer are aligned. Two proteins
    of length L that differ by substitutions in a tenth of their residues share L/2 - 4 or more; pairs whose
    residues agree only across many gaps may be missed.

    Parameters
    ----------
    proteins : sequence of str, length n
    fold : ndarray, shape=(n,), dtype=int64
        0 or 1.

    Returns
    -------
    pairs : list of (int, int, float)
        Positions in fold 0 and in fold 1, and the identity, by position.
    aligned : int
        Candidates that were aligned.
    """
    shared = _kmer_membership(proteins)
    sizes = np.maximum(np.asarray(shared.sum(axis=1)).ravel(), 1)
    left, right = np.flatnonzero(fold == 0), np.flatnonzero(fold == 1)
    transposed = shared[right].T.tocsr()
    a, b = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(0, len(left), _ROWS):
        rows = left[start : start + _ROWS]
        counts = (shared[rows] @ transposed).tocoo()
        i, j = rows[counts.row], right[counts.col]
        candidate = counts.data >= _SHARED * np.minimum(sizes[i], sizes[j])
        a.append(i[candidate])
        b.append(j[candidate])
    first, second = np.concatenate(a), np.concatenate(b)
    different = np.array([proteins[i] != proteins[j] for i, j in zip(first, second)], bool)
    first, second = first[different], second[different]
    identity = pair_identities(proteins, first, second)
    near = sorted(
        (int(first[k]), int(second[k]), float(identity[k])) for k in np.flatnonzero(identity >= NEAR_IDENTITY)
    )
    return near, len(first)


def _same(sequences: pa.ChunkedArray) -> list[list[int]]:
    """Positions of the records of every sequence that occurs more than once."""
    positions: dict[bytes, list[int]] = defaultdict(list)
    for position, sequence in enumerate(sequences):
        positions[_digest(sequence)].append(position)
    return [group for group in positions.values() if len(group) > 1]


def _digest(sequence: pa.StringScalar | pa.BinaryScalar) -> bytes:
    return blake2b(sequence.as_buffer(), digest_size=20).digest()


def _kmer_membership(proteins: Sequence[str]) -> sparse.csr_matrix:
    """Proteins by distinct k-mers, 1 where the protein has the k-mer; int32."""
    found = []
    for protein in proteins:
        letters = np.frombuffer(protein.encode("ascii"), np.uint8).astype(np.int64) - ord("A")
        codes = np.zeros(max(len(letters) - _K + 1, 0), np.int64)
        for offset in range(_K):
            codes = codes * 32 + letters[offset : offset + len(codes)]
        found.append(np.unique(codes))
    kmers, columns = np.unique(np.concatenate(found), return_inverse=True)
    indptr = np.concatenate([[0], np.cumsum([len(codes) for codes in found])])
    ones = np.ones(len(columns), np.int32)
    return sparse.csr_matrix((ones, columns, indptr), shape=(len(proteins), len(kmers)))
