"""What `genoprot build` writes into the folder that is published."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.card import render_card
from genoprot_datasets.examples import TaskExamples
from genoprot_datasets.files import write_parquet, write_parquet_groups
from genoprot_datasets.labels import TaskLabels
from genoprot_datasets.manifest import write_manifest
from genoprot_datasets.published import FATES_NAME, split_path
from genoprot_datasets.records import KEPT, Fate, Record
from genoprot_datasets.relations import Interactions
from genoprot_datasets.resources import loading_script
from genoprot_datasets.schema import (
    ATTRIBUTES,
    ATTRIBUTES_CONFIG,
    FATES,
    FOLDS,
    INTERACTIONS,
    INTERACTIONS_CONFIG,
    SEQUENCES,
    SEQUENCES_CONFIG,
    TERMS,
    TERMS_CONFIG,
)
from genoprot_datasets.sources import Species
from genoprot_datasets.tasks import matched_config

__all__ = [
    "write_attributes",
    "write_examples",
    "write_fates",
    "write_interactions",
    "write_papers",
    "write_sequences",
    "write_terms",
]

_ROWS_PER_GROUP = 256
_ATTRIBUTE_TASKS = {"interactions": "ppi", "gene_effect": "melanoma"}
"""Tasks of the columns of `schema.ATTRIBUTES` that are not named like one."""


def write_sequences(folder: Path, kept: Sequence[Record], in_eval: np.ndarray, species: Species) -> None:
    """Write the configuration `sequences`, a split for each fold.

    Parameters
    ----------
    folder : Path
    kept : sequence of Record, length n
        In the order of their accessions.
    in_eval : ndarray, shape=(n,), dtype=bool
        Whether each is in the eval fold.
    species : Species
    """
    for fold in FOLDS:
        records = [record for record, held in zip(kept, in_eval) if held == (fold == "eval")]
        groups = (
            _sequences(records[start : start + _ROWS_PER_GROUP], fold, species)
            for start in range(0, len(records), _ROWS_PER_GROUP)
        )
        write_parquet_groups(groups, SEQUENCES, folder / split_path(SEQUENCES_CONFIG, fold))


def _sequences(records: Sequence[Record], fold: str, species: Species) -> pa.Table:
    columns = {
        name: [getattr(record, name) for record in records]
        for name in SEQUENCES.names
        if name not in {"dna_length", "protein_length", "coding_fraction", "fold", "species"}
    }
    columns["dna_length"] = [len(record.dna) for record in records]
    columns["protein_length"] = [len(record.protein) for record in records]
    columns["coding_fraction"] = [record.coding_length / len(record.dna) for record in records]
    columns["fold"] = [fold] * len(records)
    columns["species"] = [species.taxon] * len(records)
    return pa.table(columns, schema=SEQUENCES)


def write_fates(folder: Path, fates: Sequence[Fate], fold_of: Mapping[str, str]) -> None:
    """Write what became of every gene and entry.

    Parameters
    ----------
    folder : Path
    fates : sequence of Fate
    fold_of : mapping of str to str
        Fold of each record by accession.
    """
    columns = {name: [getattr(fate, name) for fate in fates] for name in FATES.names if name != "fold"}
    columns["fold"] = [fold_of[fate.accession] if fate.outcome == KEPT else None for fate in fates]
    write_parquet(pa.table(columns, schema=FATES), folder / FATES_NAME)


def write_attributes(
    folder: Path,
    accessions: Sequence[str],
    in_eval: np.ndarray,
    labels: Mapping[str, TaskLabels],
    species: Species,
) -> None:
    """Write the configuration `attributes`, a split for each fold.

    Parameters
    ----------
    folder : Path
    accessions : sequence of str, length n
    in_eval : ndarray, shape=(n,), dtype=bool
    labels : mapping of str to TaskLabels
        By task, for the tasks whose labels were read.
    species : Species
    """
    sources = {column: column for column in ATTRIBUTES.names} | _ATTRIBUTE_TASKS
    nothing = [None] * len(accessions)
    columns = {"accession": list(accessions), "species": [species.taxon] * len(accessions)}
    for column in set(ATTRIBUTES.names) - columns.keys():
        own = labels.get(sources[column])
        columns[column] = list(own.attributes) if own and own.attributes is not None else nothing
    table = pa.table(columns, schema=ATTRIBUTES)
    for fold in FOLDS:
        part = table.filter(pa.array(in_eval == (fold == "eval")))
        write_parquet(part, folder / split_path(ATTRIBUTES_CONFIG, fold))


def write_interactions(
    folder: Path,
    accessions: Sequence[str],
    in_eval: np.ndarray,
    relation: Interactions,
    species: Species,
) -> None:
    """Write the configuration `interactions`: the positive pairs of `ppi` within each fold.

    Parameters
    ----------
    folder : Path
    accessions : sequence of str, length n
        Ascending.
    in_eval : ndarray, shape=(n,), dtype=bool
    relation : Interactions
    species : Species
    """
    names = pa.array(accessions)
    for fold in FOLDS:
        inside = (in_eval[relation.pairs] == (fold == "eval")).all(axis=0)
        a, b = (names.take(pa.array(own)) for own in relation.pairs[:, inside])
        taxa = pa.repeat(pa.scalar(species.taxon, pa.int64()), len(a))
        write_parquet(
            pa.table([a, b, taxa], schema=INTERACTIONS), folder / split_path(INTERACTIONS_CONFIG, fold)
        )


def write_terms(
    folder: Path,
    kept: Sequence[Record],
    in_eval: np.ndarray,
    terms: Mapping[str, tuple[str, np.ndarray | None]],
    species: Species,
) -> None:
    """Write the configuration `terms`: in each split the terms that its records have.

    Parameters
    ----------
    folder : Path
    kept : sequence of Record, length n
    in_eval : ndarray, shape=(n,), dtype=bool
    terms : mapping
        As `TaskLabels.terms` has them.
    species : Species
    """
    for fold in FOLDS:
        own = [set(record.go_terms) for record, held in zip(kept, in_eval) if held == (fold == "eval")]
        used = sorted(set().union(*own))
        columns = {
            "term": used,
            "primary": [terms[term][0] for term in used],
            "vector": [terms[term][1] for term in used],
            "species": [species.taxon] * len(used),
        }
        write_parquet(pa.table(columns, schema=TERMS), folder / split_path(TERMS_CONFIG, fold))


def write_examples(folder: Path, built: Mapping[str, TaskExamples], accessions: Sequence[str]) -> None:
    """Write both splits of every task and identity-matched variant, with positions turned into accessions."""
    for name, examples in built.items():
        for fold in FOLDS:
            write_parquet(examples.table(fold, accessions), folder / split_path(name, fold))
        for fold in examples.matched:
            path = folder / split_path(matched_config(name), fold)
            write_parquet(examples.matched_table(fold, accessions), path)


def write_papers(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest, the card and `eval.yaml` beside Parquet files that are complete.

    Parameters
    ----------
    folder : Path
    facts : mapping
        As `manifest.write_manifest` takes them.

    Returns
    -------
    dict
        The manifest.
    """
    manifest = write_manifest(folder, facts)
    (folder / "README.md").write_text(render_card(manifest), encoding="utf-8")
    shutil.copyfile(loading_script("geno-prot", "eval.yaml"), folder / "eval.yaml")
    return manifest
