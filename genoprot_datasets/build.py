"""The pipeline from source files to the folder that is published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genoprot_datasets.anatomy import load_recogniser
from genoprot_datasets.composition import COMPOSITION_TITLE, composition_vectors
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.examples import TaskExamples, add_identities, draw_examples
from genoprot_datasets.files import atomic_folder
from genoprot_datasets.gene_matching import build_records
from genoprot_datasets.labels import LABELLERS, LabelInputs, TaskLabels
from genoprot_datasets.manifest import describe_lacking, describe_records, describe_sources
from genoprot_datasets.options import LabelOptions
from genoprot_datasets.partition import partition
from genoprot_datasets.publication import (
    write_attributes,
    write_examples,
    write_fates,
    write_interactions,
    write_papers,
    write_sequences,
    write_terms,
)
from genoprot_datasets.published import MANIFEST_NAME
from genoprot_datasets.reading import read_record_sources
from genoprot_datasets.records import DROP_REASONS, RecordSet
from genoprot_datasets.sampling import TooFewExamples
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.sources import (
    Species,
    alternatives_of,
    detect_species,
    locate,
    sources_of,
    unavailable_tasks,
)
from genoprot_datasets.stages import StageLog
from genoprot_datasets.tasks import TASKS, get_task

__all__ = ["build", "default_eval_size"]


def default_eval_size(records: int) -> int:
    """Size of the eval fold that has the paper's share, 4,000 of 12,448.

    Examples
    --------
    >>> default_eval_size(12_448), default_eval_size(662)
    (4000, 213)
    """
    return round(records * 4_000 / 12_448)


def build(
    sources: str | Path,
    out: str | Path,
    *,
    species: Species | None = None,
    seed: int = 0,
    eval_size: int | None = None,
    tasks: Sequence[str] | None = None,
    recogniser: str = "auto",
    evidence: str = "experimental",
    keep_differing: bool = True,
    identities: bool = True,
    group_identical: bool = False,
    options: LabelOptions | None = None,
    show_progress: bool = False,
) -> dict[str, Any]:
    """Build the dataset folder.

    Parameters
    ----------
    sources : path
        Folder that holds the source files in their native formats.
    out : path
        Folder to write; it appears when it is complete, and replaces an older dataset folder.
    species : Species, optional
        Told from the files' names when left out.
    seed : int
        Seed of the partition, the samples and the term vectors.
    eval_size : int, optional
        Records in the eval fold; `default_eval_size` when left out.
    tasks : sequence of str, optional
        Tasks to build; all when left out.
    recogniser : str
        Recogniser of anatomical sites: ``auto``, ``vocabulary`` or ``spacy:NAME``.
    evidence : {"experimental", "any"}
        Evidence of the Gene Ontology annotations that count.
    keep_differing : bool
        Keep genes whose RefSeq protein differs from the UniProt sequence.
    identities : bool
        Align every pair: without, there is no `identity`, no `challenge` and no matched variant.
    group_identical : bool
        Keep records with the same protein in the same fold, which Algorithm 1 does not.
    options : LabelOptions, optional
    show_progress : bool
        Print a line per stage to standard error.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    GenoProtError
        If a source is missing or malformed, or there is too little to build from. Nothing is written
        under the final name then.
    """
    wanted = tuple(TASKS) if tasks is None else tuple(get_task(name).name for name in tasks)
    if seed < 0:
        raise GenoProtError(f"seed {seed}: expected 0 or more")
    if Path(out).is_dir() and any(Path(out).iterdir()) and not (Path(out) / MANIFEST_NAME).is_file():
        raise GenoProtError(f"{out}: not empty and not a dataset folder; name another one with --out")
    options = options or LabelOptions()
    log = StageLog(show_progress)
    chosen = species or detect_species(sources)
    paths = locate(sources, chosen, wanted, options.alternatives)
    specs = {spec.key: spec for spec in (*sources_of(chosen), *alternatives_of(chosen))}
    lacking = unavailable_tasks(chosen, paths)
    site_recogniser = load_recogniser(recogniser)

    with log.stage("sources") as say:
        content = read_record_sources(paths, chosen, evidence)
        counts = len(content.annotation.genes), len(content.proteins), len(content.entries)
        say("{:,} gene rows, {:,} proteins, {:,} entries".format(*counts))
    with log.stage("records") as say:
        found = build_records(
            content.annotation,
            paths["genome"],
            content.proteins,
            content.refseq_to_uniprot,
            content.entries,
            content.go_terms,
            content.vectors,
            genetic_code=chosen.genetic_code,
            mitochondrial_code=chosen.mitochondrial_code,
            experimental=evidence == "experimental",
            keep_differing=keep_differing,
        )
        say(f"{len(found.records):,} of {found.genes:,} genes kept")
    if not found.records:
        raise GenoProtError(f"{sources}: no gene is left of {found.genes:,}; {_reasons(found)}")
    accessions = [record.accession for record in found.records]
    size = default_eval_size(len(accessions)) if eval_size is None else eval_size
    if not 0 < size < len(accessions):
        raise GenoProtError(f"an eval fold of {size} cannot be taken from {len(accessions)} records")
    with log.stage("partition") as say:
        if content.vectors is None:
            points = composition_vectors([record.protein for record in found.records])
        else:
            points = np.stack([content.vectors[accession] for accession in accessions])
        groups = [record.protein for record in found.records] if group_identical else None
        in_eval = partition(accessions, points, size, seed, groups=groups)
        folds = {"train": np.flatnonzero(~in_eval), "eval": np.flatnonzero(in_eval)}
        say(f"{len(folds['train']):,} train, {len(folds['eval']):,} eval")
    inputs = LabelInputs(
        records=found.records,
        entries=content.entries,
        string_ids=content.string_ids,
        paths=paths,
        recogniser=site_recogniser,
        species=chosen,
        options=options,
        seed=seed,
    )
    built: dict[str, TaskExamples] = {}
    labels: dict[str, TaskLabels] = {}
    left_out: dict[str, str] = {name: "not asked for" for name in TASKS if name not in wanted}
    for name in wanted:
        if name in lacking:
            left_out[name] = lacking[name]
            continue
        with log.stage(name) as say:
            labels[name] = LABELLERS[name](inputs)
            try:
                built[name] = draw_examples(name, labels[name], folds, seed)
            except TooFewExamples as error:
                left_out[name] = str(error)
                say(f"left out: {error}")
            else:
                say(built[name].summary)
    if not built:
        raise GenoProtError("no task can be built: " + "; ".join(f"{k}: {v}" for k, v in left_out.items()))
    if identities:
        with log.stage("identity") as say:
            pairs = add_identities(built, [record.protein for record in found.records], seed)
            say(f"{pairs:,} pairs")

    with log.stage("write") as say, atomic_folder(out) as staging:
        write_sequences(staging, found.records, in_eval, chosen)
        write_fates(
            staging, found.fates, {a: FOLDS[held] for a, held in zip(accessions, in_eval.astype(int))}
        )
        write_attributes(staging, accessions, in_eval, labels, chosen)
        write_examples(staging, built, accessions)
        if "ppi" in built:
            write_interactions(staging, accessions, in_eval, labels["ppi"].relation, chosen)
        if "function" in built:
            write_terms(staging, found.records, in_eval, labels["function"].terms, chosen)
        facts = {
            "name": "/".join(Path(out).absolute().parts[-2:]),
            "species": {"name": chosen.name, "taxon": chosen.taxon, "title": chosen.title},
            "seed": seed,
            "options": options.as_dict()
            | {
                "eval_size": size,
                "evidence": evidence,
                "keep_differing": keep_differing,
                "identities": identities,
                "group_identical": group_identical,
                "recogniser": recogniser,
            },
            "sources": describe_sources(specs, paths),
            "sources_lacking": describe_lacking(chosen, paths),
            "records": describe_records(found)
            | {"go_terms": "none" if content.go_terms is None else f"{evidence} evidence"},
            "folds": {fold: len(members) for fold, members in folds.items()},
            "partition_vectors": {
                "kind": COMPOSITION_TITLE if content.vectors is None else specs["vectors"].title,
                "dimension": points.shape[1],
            },
            "recogniser": f"{site_recogniser.name} {site_recogniser.version}",
            "tasks": {name: built[name].facts() for name in TASKS if name in built},
            "left_out": {name: left_out[name] for name in TASKS if name in left_out},
        }
        manifest = write_papers(staging, facts)
        say(f"{sum(entry['bytes'] for entry in manifest['files'].values()) / 1e6:,.1f} MB in {out}")
    return manifest


def _reasons(found: RecordSet) -> str:
    """Why genes were dropped, the most frequent reason first, and what helps."""
    counts = sorted(((len(genes), reason) for reason, genes in found.dropped.items()), reverse=True)
    text = ", ".join(f"{count:,}: {DROP_REASONS[reason]}" for count, reason in counts)
    hint = "; --evidence any counts every annotation" if "no_experimental_go" in found.dropped else ""
    return text + hint
