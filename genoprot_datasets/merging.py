"""Datasets of several species joined into one folder."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_folder, sha256_of, write_parquet_groups
from genoprot_datasets.manifest import SCHEMA_VERSION
from genoprot_datasets.publication import write_papers
from genoprot_datasets.published import MANIFEST_NAME, PublishedDataset, split_path
from genoprot_datasets.schema import FOLDS, SEQUENCES
from genoprot_datasets.shared_proteins import SharedProteins, find_shared_proteins, unshared_examples
from genoprot_datasets.tasks import TASKS, matched_config

__all__ = ["add_arguments", "merge", "run"]

_SPECIES = SEQUENCES.field("species")
_COUNTS = (
    *("records_annotated", "positives_available", "negatives_available"),
    *("requested_per_class", "per_class"),
)


def merge(folders: Sequence[str | Path], out: str | Path, *, drop_identical: bool = False) -> dict[str, Any]:
    """Join the dataset folders of several species into one.

    Records and examples stay what they are, in blocks by taxon id; every row has the column `species`. No
    pair joins two species. The order of the folders does not matter.

    Each species is divided by itself, so that a protein may be in the train fold of one and in the eval fold
    of another. They are counted in the manifest.

    Parameters
    ----------
    folders : sequence of path
        Written by `genoprot build`, each of another species.
    out : path
        Folder to write; it appears when it is complete, and replaces an older dataset folder.
    drop_identical : bool
        Leave out the train examples that have a protein of the eval fold of any of the species, and as many
        others as the balance of the classes takes. The eval samples stay those of each species.

    Returns
    -------
    dict
        The manifest; that of each species is under `parts`.

    Raises
    ------
    GenoProtError
        If a folder is not whole or was merged itself, two are of the same species or share an accession, an
        example names a record of another folder, only some have identities, or too few train examples are
        left.
    """
    if len(folders) < 2:
        raise GenoProtError("expected the folders of two species or more")
    if Path(out).is_dir() and any(Path(out).iterdir()) and not (Path(out) / MANIFEST_NAME).is_file():
        raise GenoProtError(f"{out}: not empty and not a dataset folder; name another one with --out")
    parts = sorted((_checked(folder) for folder in folders), key=_taxon)
    _check_species(parts)
    shared = find_shared_proteins(parts)
    kept, dropped = _without_shared(parts, shared) if drop_identical else ({}, {})
    paths = sorted({path for part in parts for path in _files_of(part)})
    with atomic_folder(out) as staging:
        for path in paths:
            holders = [part for part in parts if path in _files_of(part)]
            write_parquet_groups(_groups(holders, path, kept), _schema(holders[0], path), staging / path)
        facts = _facts(parts, "/".join(Path(out).absolute().parts[-2:]), dropped)
        facts["options"]["drop_identical"] = drop_identical
        facts["identical_proteins"] = {
            "in_both_folds": shared.sequences,
            "across_species": shared.across_species,
            "train_records": len(shared.train_accessions),
            "dropped": dropped,
        }
        return write_papers(staging, facts)


def _without_shared(
    parts: Sequence[PublishedDataset], shared: SharedProteins
) -> tuple[dict[tuple[int, str], np.ndarray], dict[str, dict[str, Any]]]:
    """Rows that are left of each train split, by taxon id and path; and counts of those dropped."""
    kept: dict[tuple[int, str], np.ndarray] = {}
    dropped: dict[str, dict[str, Any]] = {}
    for part in parts:
        variants = [(task, False) for task in part.tasks] + [(task, True) for task in part.matched_tasks]
        for task, matched in variants:
            config = matched_config(task) if matched else task
            rows, counts = unshared_examples(part, task, shared.train_accessions, matched=matched)
            kept[_taxon(part), split_path(config, "train")] = rows
            if not rows.all():
                dropped.setdefault(config, {})[part.manifest["species"]["name"]] = counts
    return kept, dropped


def _taxon(part: PublishedDataset) -> int:
    return part.manifest["species"]["taxon"]


def _files_of(part: PublishedDataset) -> dict[str, Any]:
    return {**part.manifest["files"], **part.manifest.get("provenance", {})}


def _checked(folder: str | Path) -> PublishedDataset:
    """A folder of one species whose files are those of its manifest."""
    if not Path(folder).is_dir():
        raise GenoProtError(f"{folder}: no such folder; expected one written by `genoprot build`")
    part = PublishedDataset(Path(folder), str(folder))
    manifest = Path(folder) / MANIFEST_NAME
    if (found := part.manifest.get("schema_version")) != SCHEMA_VERSION:
        raise SourceError(manifest, f"schema_version is {found!r}, expected {SCHEMA_VERSION}; build again")
    if part.has_several_species:
        raise SourceError(manifest, "of several species already; give the folders that it was made from")
    for path, facts in _files_of(part).items():
        local = part.folder / path
        if not local.is_file() or sha256_of(local) != facts["sha256"]:
            raise SourceError(local, "not the file of the manifest; build the folder again")
    return part


def _check_species(parts: Sequence[PublishedDataset]) -> None:
    owner: dict[str, PublishedDataset] = {}
    for before, part in zip(parts, parts[1:]):
        if _taxon(before) == _taxon(part):
            title = part.manifest["species"]["title"]
            raise GenoProtError(f"{before.name} and {part.name} are both of {title} ({_taxon(part)})")
        if before.has_identities != part.has_identities:
            raise GenoProtError(f"one of {before.name} and {part.name} was built without identities")
    for part in parts:
        records = part.sequences(["accession", "species"])
        if (taxa := pc.unique(records["species"]).to_pylist()) != [_taxon(part)]:
            raise GenoProtError(f"{part.name}: records of species {taxa}, the manifest says {_taxon(part)}")
        for accession in records["accession"].to_pylist():
            if (other := owner.setdefault(accession, part)) is not part:
                raise GenoProtError(f"accession {accession} is in {other.name} and in {part.name}")
        accessions = records["accession"].combine_chunks()
        for task in part.tasks:
            for fold in FOLDS:
                table = part.task(task, fold)
                for column in TASKS[task].members:
                    if not pc.all(pc.is_in(table[column], value_set=accessions)).as_py():
                        raise GenoProtError(f"{part.name}: {task} {fold} names an accession without a record")


def _schema(part: PublishedDataset, path: str) -> pa.Schema:
    schema = pq.read_schema(part.folder / path).remove_metadata()
    return schema if _SPECIES.name in schema.names else schema.append(_SPECIES)


def _groups(
    parts: Sequence[PublishedDataset], path: str, kept: Mapping[tuple[int, str], np.ndarray]
) -> Iterator[pa.Table]:
    """Row groups of a file of each species, one after the other, with the column `species`."""
    for part in parts:
        schema = _schema(part, path)
        if not schema.equals(_schema(parts[0], path)):
            raise GenoProtError(f"{path} has other columns in {part.name} than in {parts[0].name}")
        rows, start = kept.get((_taxon(part), path)), 0
        with pq.ParquetFile(part.folder / path) as file:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number)
                if rows is not None:
                    stop = start + table.num_rows
                    table, start = table.filter(pa.array(rows[start:stop])), stop
                if _SPECIES.name not in table.column_names:
                    taxa = pa.repeat(pa.scalar(_taxon(part), _SPECIES.type), table.num_rows)
                    table = table.append_column(_SPECIES, taxa)
                yield table.cast(schema)


def _facts(
    parts: Sequence[PublishedDataset], name: str, dropped: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    manifests = [part.manifest for part in parts]
    return {
        "name": name,
        "species": [manifest["species"] for manifest in manifests],
        "options": {"identities": parts[0].has_identities},
        "records": {key: sum(m["records"][key] for m in manifests) for key in ("genes", "kept")},
        "folds": {fold: sum(m["folds"][fold] for m in manifests) for fold in FOLDS},
        "tasks": {
            task: _task_facts([m for m in manifests if task in m["tasks"]], task, dropped)
            for task in TASKS
            if any(task in m["tasks"] for m in manifests)
        },
        "left_out": {
            task: "; ".join(f"{m['species']['name']}: {m['left_out'][task]}" for m in manifests)
            for task in TASKS
            if not any(task in m["tasks"] for m in manifests)
        },
        "parts": {manifest["species"]["name"]: manifest for manifest in manifests},
    }


def _task_facts(
    manifests: Sequence[Mapping[str, Any]], task: str, dropped: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Counts of a task over the species that have it."""
    names = [manifest["species"]["name"] for manifest in manifests]
    entries = [manifest["tasks"][task] for manifest in manifests]
    facts: dict[str, Any] = {"species": names, **_summed(entries, _COUNTS)}
    facts["train"]["per_class"] = _left(names, entries, dropped.get(task, {}))
    if any("matched" in entry for entry in entries):
        own = [(name, entry["matched"]) for name, entry in zip(names, entries) if "matched" in entry]
        own = [(name, entry) for name, entry in own if "eval" in entry]
        if own:
            names, matched = zip(*own)
            facts["matched"] = _summed(matched, ("requested_per_class", "per_class"))
            left = _left(names, matched, dropped.get(matched_config(task), {}))
            facts["matched"]["train"]["per_class"] = left
        else:
            facts["matched"] = {"left_out": "left out in every species"}
    return facts


def _left(
    names: Sequence[str], entries: Sequence[Mapping[str, Any]], dropped: Mapping[str, Mapping[str, Any]]
) -> int:
    """Train examples per class of all species together."""
    return sum(
        dropped.get(name, entry["train"])["per_class"] for name, entry in zip(names, entries, strict=True)
    )


def _summed(entries: Sequence[Mapping[str, Any]], counts: Sequence[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        fold: {count: sum(entry[fold][count] for entry in entries) for count in counts} for fold in FOLDS
    }
    facts["eval"]["samples"] = entries[0]["eval"]["samples"]
    return facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot merge`."""
    parser.add_argument("folders", nargs="+", metavar="DIR", help="dataset folders, one of each species")
    parser.add_argument("--out", required=True, metavar="DIR", help="dataset folder to write")
    parser.add_argument(
        "--drop-identical",
        action="store_true",
        help="leave out train examples with a protein of the eval fold of any species (default: count them)",
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot merge`."""
    manifest = merge(args.folders, args.out, drop_identical=args.drop_identical)
    for part in manifest["parts"].values():
        tasks = ", ".join(part["tasks"])
        print(f"{part['species']['title']}: {part['records']['kept']:,} records; {tasks}")
    print(f"{manifest['name']}: {manifest['records']['kept']:,} records")
    print(_tell_identical(manifest["identical_proteins"], args.drop_identical))
    print(f"fingerprint {manifest['fingerprint']}")
    return 0


def _tell_identical(found: Mapping[str, Any], drop: bool) -> str:
    text = (
        f"proteins in both folds: {found['in_both_folds']:,}, of which {found['across_species']:,} in "
        f"different species, with {found['train_records']:,} train records"
    )
    if drop:
        counts = [own for by_species in found["dropped"].values() for own in by_species.values()]
        gone = sum(own["with_identical"] + own["to_balance"] for own in counts)
        return f"{text}; {gone:,} train examples left out"
    return text + ("; --drop-identical leaves their train examples out" if found["in_both_folds"] else "")
