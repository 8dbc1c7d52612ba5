"""The pipeline from source files to the folder that is published."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.anatomy import load_recogniser
from genoprot_datasets.card import render_card
from genoprot_datasets.composition import COMPOSITION_TITLE, composition_vectors
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.examples import TaskExamples, add_identities, draw_examples
from genoprot_datasets.files import atomic_folder, write_parquet
from genoprot_datasets.labels import LABELLERS, LabelInputs, LabelOptions
from genoprot_datasets.manifest import describe_lacking, describe_records, describe_sources, write_manifest
from genoprot_datasets.partition import partition
from genoprot_datasets.published import MANIFEST_NAME, split_path
from genoprot_datasets.reading import read_record_sources
from genoprot_datasets.records import DROP_REASONS, RecordSet, build_records
from genoprot_datasets.resources import loading_script
from genoprot_datasets.sampling import TooFewExamples
from genoprot_datasets.schema import FOLDS, SEQUENCES, SEQUENCES_CONFIG
from genoprot_datasets.sources import SPECIES, Species, detect_species, locate, sources_of, unavailable_tasks
from genoprot_datasets.sources.go import EVIDENCE
from genoprot_datasets.tasks import TASKS, get_task

__all__ = ["add_arguments", "build", "default_eval_size", "run", "summary"]

_SEQUENCE_ROWS_PER_GROUP = 256


def default_eval_size(records: int) -> int:
    """Size of the eval fold that has the paper's share, 4,000 of 12,448.

    Examples
    --------
    >>> default_eval_size(12_448), default_eval_size(662)
    (4000, 213)
    """
    return round(records * 4_000 / 12_448)


@dataclass
class _Log:
    """Tells the user what each stage took."""

    show: bool
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time a stage; the function that it yields takes the line's result."""
        results: list[str] = []
        before = time.perf_counter()
        yield results.append
        if self.show:
            seconds = time.perf_counter() - before
            print(f"{name:<12} {seconds:7.1f} s  {''.join(results)}", file=sys.stderr, flush=True)


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
    log = _Log(show_progress)
    chosen = species or detect_species(sources)
    paths = locate(sources, chosen, wanted)
    specs = {spec.key: spec for spec in sources_of(chosen)}
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
        in_eval = partition(accessions, points, size, seed)
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
    left_out: dict[str, str] = {name: "not asked for" for name in TASKS if name not in wanted}
    for name in wanted:
        if name in lacking:
            left_out[name] = lacking[name]
            continue
        with log.stage(name) as say:
            labels = LABELLERS[name](inputs)
            try:
                built[name] = draw_examples(name, labels, folds, seed)
            except TooFewExamples as error:
                left_out[name] = str(error)
                say(f"left out: {error}")
            else:
                say(built[name].summary)
    if not built:
        raise GenoProtError("no task can be built: " + "; ".join(f"{k}: {v}" for k, v in left_out.items()))
    with log.stage("identity") as say:
        pairs = add_identities(built, [record.protein for record in found.records])
        say(f"{pairs:,} pairs")

    with log.stage("write") as say, atomic_folder(out) as staging:
        _write_records(staging, found, in_eval, chosen)
        for name, examples in built.items():
            for fold in FOLDS:
                write_parquet(examples.table(fold, accessions), staging / split_path(name, fold))
        facts = {
            "name": "/".join(Path(out).absolute().parts[-2:]),
            "species": {"name": chosen.name, "taxon": chosen.taxon, "title": chosen.title},
            "seed": seed,
            "options": options.as_dict()
            | {
                "eval_size": size,
                "evidence": evidence,
                "keep_differing": keep_differing,
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
        manifest = write_manifest(staging, facts)
        (staging / "README.md").write_text(render_card(manifest), encoding="utf-8")
        shutil.copyfile(loading_script("geno-prot", "eval.yaml"), staging / "eval.yaml")
        say(f"{sum(entry['bytes'] for entry in manifest['files'].values()) / 1e6:,.1f} MB in {out}")
    return manifest


def _reasons(found: RecordSet) -> str:
    """Why genes were dropped, the most frequent reason first, and what helps."""
    counts = sorted(((len(genes), reason) for reason, genes in found.dropped.items()), reverse=True)
    text = ", ".join(f"{count:,}: {DROP_REASONS[reason]}" for count, reason in counts)
    hint = "; --evidence any counts every annotation" if "no_experimental_go" in found.dropped else ""
    return text + hint


def _write_records(folder: Path, found: RecordSet, in_eval: np.ndarray, species: Species) -> None:
    for fold in FOLDS:
        records = [record for record, held in zip(found.records, in_eval) if held == (fold == "eval")]
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
        table = pa.table(columns, schema=SEQUENCES)
        path = folder / split_path(SEQUENCES_CONFIG, fold)
        write_parquet(table, path, row_group_size=_SEQUENCE_ROWS_PER_GROUP)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot build`."""
    parser.add_argument("--sources", required=True, metavar="DIR", help="folder of the source files")
    parser.add_argument("--out", required=True, metavar="DIR", help="dataset folder to write")
    parser.add_argument("--species", choices=sorted(SPECIES), help="default: told from the file names")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--eval-size", type=int, metavar="N", help="default: the paper's share, N x 4000/12448"
    )
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="default: all nine")
    parser.add_argument(
        "--recogniser",
        default="auto",
        metavar="NAME",
        help="of anatomical sites: vocabulary, spacy:MODEL, or auto (scispaCy's model where it is installed)",
    )
    parser.add_argument(
        "--evidence",
        choices=EVIDENCE,
        default=EVIDENCE[0],
        help="of the GO annotations that count; default: %(default)s",
    )
    parser.add_argument(
        "--drop-differing",
        action="store_true",
        help="drop genes whose RefSeq protein differs from the UniProt sequence (default: keep and count)",
    )
    parser.add_argument(
        "--min-string-score", type=int, default=0, metavar="N", help="0 to 1000; default: every reported pair"
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot build`."""
    manifest = build(
        args.sources,
        args.out,
        species=SPECIES[args.species] if args.species else None,
        seed=args.seed,
        eval_size=args.eval_size,
        tasks=args.tasks,
        recogniser=args.recogniser,
        evidence=args.evidence,
        keep_differing=not args.drop_differing,
        options=LabelOptions(min_string_score=args.min_string_score),
        show_progress=True,
    )
    print(summary(manifest))
    return 0


def summary(manifest: Mapping[str, Any]) -> str:
    """What was kept, what was dropped and why, and the size of every task, as text."""
    records = manifest["records"]
    lines = [f"{manifest['name']}: {records['kept']:,} of {records['genes']:,} protein-coding genes"]
    lines += [f"  dropped {entry['count']:,}: {entry['because']}" for entry in records["dropped"].values()]
    lines += [f"  noted {entry['count']:,}: {entry['meaning']}" for entry in records["notes"].values()]
    lines.append(f"  folds: {manifest['folds']['train']:,} train, {manifest['folds']['eval']:,} eval")
    lines.append(f"{'task':<12}{'train, per class':>18}{'eval, samples x per class':>28}")
    for name in TASKS:
        if name in manifest["tasks"]:
            entry = manifest["tasks"][name]
            samples = f"{entry['eval']['samples']} x {entry['eval']['per_class']:,}"
            lines.append(f"{name:<12}{entry['train']['per_class']:>18,}{samples:>28}")
        else:
            lines.append(f"{name:<12}  left out: {manifest['left_out'][name]}")
    lines.append(f"fingerprint {manifest['fingerprint']}")
    return "\n".join(lines)
