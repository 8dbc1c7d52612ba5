"""The command `genoprot audit`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.audit.examples import (
    Check,
    Examples,
    check_examples,
    check_identities,
    check_matching,
    check_species,
    read_examples,
)
from genoprot_datasets.audit.folds import compare_folds
from genoprot_datasets.audit.leakage import identical_across, near_identical, repeated_within
from genoprot_datasets.audit.shortcuts import (
    degree_balance,
    held_out_degree_accuracy,
    length_aurocs,
    threshold_rule_accuracy,
)
from genoprot_datasets.files import atomic_file, sha256_of
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS

__all__ = ["add_arguments", "audit", "render", "run"]

_NEAREST_SHOWN = 5


def audit(dataset: str | Path) -> dict[str, Any]:
    """Check a published folder and measure its shortcuts.

    Parameters
    ----------
    dataset : str or Path
        Folder or Hub id.

    Returns
    -------
    dict
        ``green``; ``checks``, the hard rules with what was counted; ``leakage``, the pairs of nearly
        identical proteins across the folds; ``tasks``, per task the balance of degrees and the accuracy of
        rules that know no sequence; ``folds``, how alike the records of the folds are.

    Raises
    ------
    GenoProtError
        If there is no such dataset or one of its files cannot be read.
    """
    published = PublishedDataset.open(dataset)
    records = published.sequences(
        [
            "accession",
            "fold",
            "protein",
            "dna_length",
            "protein_length",
            "coding_fraction",
            "chromosome",
            "go_terms",
            "species",
        ]
    )
    species = records["species"].to_numpy()
    accessions = records["accession"].combine_chunks()
    names, proteins = accessions.to_pylist(), records["protein"].to_pylist()
    fold = np.array([FOLDS.index(name) for name in records["fold"].to_pylist()], np.int64)

    examples = {
        task: {split: read_examples(published, task, split, accessions) for split in FOLDS}
        for task in published.tasks
    }
    leaks, leakage = _leakage(published, names, proteins, records["protein"], fold)
    checks = [*_check_files(published, accessions), *leaks]
    for task, splits in examples.items():
        for split in FOLDS:
            threshold = _threshold(published, task, splits[split], species)
            checks += check_examples(splits[split], fold, threshold)
            if published.has_several_species:
                checks.append(check_species(splits[split], species))
    pairs = [split for splits in examples.values() for split in splits.values() if split.identity is not None]
    for task in published.matched_tasks:
        for split in FOLDS:
            pairs.append(read_examples(published, task, split, accessions, matched=True))
            threshold = _threshold(published, task, pairs[-1], species)
            checks += [*check_examples(pairs[-1], fold, threshold), check_matching(pairs[-1])]
    checks.append(check_identities(pairs, proteins))
    sound = all(check.passed for check in checks)
    return {
        "schema_version": 1,
        "dataset": {"name": published.manifest["name"], "fingerprint": published.fingerprint},
        "green": sound,
        "checks": [{"name": c.name, "passed": c.passed, "detail": c.detail} for c in checks],
        "leakage": leakage,
        "tasks": {task: _shortcuts(splits, records) for task, splits in examples.items()} if sound else {},
        "folds": compare_folds(records, fold),
    }


def _threshold(
    published: PublishedDataset, task: str, examples: Examples, species: np.ndarray
) -> float | np.ndarray | None:
    """Identity threshold of a task, or that of each example's species."""
    if not published.has_several_species:
        return _stated(published.manifest, task)
    parts = published.manifest["parts"].values()
    stated = {part["species"]["taxon"]: _stated(part, task) for part in parts}
    return np.array([stated[taxon] for taxon in species[examples.members[:, 0]].tolist()], dtype=np.float64)


def _stated(manifest: Mapping[str, Any], task: str) -> float | None:
    return manifest["tasks"].get(task, {}).get("challenge", {}).get("identity_threshold")


def _check_files(published: PublishedDataset, accessions: pa.Array) -> Iterator[Check]:
    listed = published.manifest["files"] | published.manifest["provenance"]
    changed = [
        path
        for path, entry in sorted(listed.items())
        if sha256_of(published.folder / path) != entry["sha256"]
    ]
    detail = ", ".join(changed) or f"{len(listed)} files"
    yield Check("files are those of the manifest", not changed, detail)
    repeated = len(accessions) - len(accessions.unique())
    yield Check(
        "no accession in both folds or twice in one", not repeated, f"{repeated:,} repeated accessions"
    )


def _leakage(
    published: PublishedDataset,
    names: list[str],
    proteins: list[str],
    protein_column: pa.ChunkedArray,
    fold: np.ndarray,
) -> tuple[list[Check], dict[str, Any]]:
    checks, repeated = [], {}
    for kind, column in (("protein", protein_column), ("dna", published.sequences(["dna"])["dna"])):
        groups = identical_across(column, fold)
        detail = f"{len(groups):,} sequences in both folds"
        if groups:
            detail += ", such as that of " + " and ".join(names[k] for k in groups[0])
        checks.append(Check(f"no identical {kind} sequence in both folds", not groups, detail))
        repeated[f"{kind}_repeated_within_folds"] = repeated_within(column, fold)
    near, aligned = near_identical(proteins, fold)
    pairs = [{FOLDS[0]: names[i], FOLDS[1]: names[j], "identity": round(value, 4)} for i, j, value in near]
    return checks, repeated | {"aligned": aligned, "near_identical": pairs}


def _shortcuts(splits: Mapping[str, Examples], records: pa.Table) -> dict[str, Any]:
    terms = np.log1p(records["go_terms"].combine_chunks().value_lengths().to_numpy())
    n = records.num_rows
    found: dict[str, Any] = {
        "annotation_count_accuracy": threshold_rule_accuracy(splits["train"], splits["eval"], terms)
    }
    if splits["train"].members.shape[1] == 2:
        found["degree"] = {split: degree_balance(splits[split], n) for split in FOLDS}
        found["held_out_degree_accuracy"] = held_out_degree_accuracy(splits["train"], n)
    found["length_auroc"] = {
        kind: length_aurocs(splits["eval"], records[f"{kind}_length"].to_numpy())
        for kind in ("protein", "dna")
    }
    return found


def render(report: Mapping[str, Any]) -> str:
    """The report as text.

    Parameters
    ----------
    report : mapping
        From `audit`.

    Returns
    -------
    str
    """
    broken = [check for check in report["checks"] if not check["passed"]]
    kept = len(report["checks"]) - len(broken)
    of = report["dataset"]
    lines = [f"{of['name']} {of['fingerprint'][:12]}: {kept} rules kept, {len(broken)} broken"]
    lines += [f"  broken: {check['name']}: {check['detail']}" for check in broken]
    leakage = report["leakage"]
    near = leakage["near_identical"]
    lines.append(
        f"near-identical proteins across the folds: {len(near):,} pairs of at least 0.9 identity "
        f"({leakage['aligned']:,} with common 5-mers aligned)"
    )
    closest = sorted(near, key=lambda pair: -pair["identity"])[:_NEAREST_SHOWN]
    lines += [
        f"  {pair['train']} (train) and {pair['eval']} (eval): {pair['identity']:.4f}" for pair in closest
    ]
    lines += ["", *_render_tasks(report["tasks"]), "", *_render_folds(report["folds"])]
    return "\n".join(lines)


def _render_tasks(tasks: Mapping[str, Any]) -> Iterator[str]:
    if not tasks:
        yield "shortcuts: not measured while a rule is broken"
        return
    yield "shortcuts: occurrences of a record among positives and among negatives of train (median/p90/max);"
    yield "  accuracy [degree] from labels of other train pairs, [terms] from the number of GO terms, train"
    yield "  to eval; AUROC on eval of lengths of proteins (aa) and genes (bp), summed and by closeness"
    yield (
        f"{'task':<12}{'positives':>13}{'negatives':>13}{'KS':>6}{'degree':>8}{'terms':>7}"
        f"{'sum aa':>8}{'sum bp':>8}{'close aa':>10}{'close bp':>10}"
    )
    for task, row in tasks.items():
        line = f"{task:<12}"
        if "degree" in row:
            balance = row["degree"]["train"]
            for name in ("positives", "negatives"):
                line += f"{'{median:.0f}/{p90:.0f}/{max}'.format(**balance[name]):>13}"
            line += f"{balance['ks']:>6.2f}{row['held_out_degree_accuracy']:>8.3f}"
        else:
            line += " " * 40
        line += f"{row['annotation_count_accuracy']:>7.3f}"
        aurocs = row["length_auroc"]
        line += f"{aurocs['protein']['sum']:>8.3f}{aurocs['dna']['sum']:>8.3f}"
        if "closeness" in aurocs["protein"]:
            line += f"{aurocs['protein']['closeness']:>10.3f}{aurocs['dna']['closeness']:>10.3f}"
        yield line


def _render_folds(folds: Mapping[str, Any]) -> Iterator[str]:
    yield "eval against train records"
    for name, row in folds.items():
        if "ks" in row:
            yield (
                f"  {name:<16}KS {row['ks']:.3f} (p {row['p_value']:.2g}), "
                f"medians {row['train_median']:,.6g} train, {row['eval_median']:,.6g} eval"
            )
        else:
            r = "not defined" if row["r"] is None else f"{row['r']:.3f}"
            yield f"  {name:<16}Pearson r {r} over {row['values']:,} values"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot audit`."""
    parser.add_argument("dataset", metavar="DATASET", help="dataset folder or Hub id, such as llnl/geno-prot")
    parser.add_argument("--out", metavar="FILE", help="JSON file to write the whole report to")


def run(args: argparse.Namespace) -> int:
    """Run `genoprot audit`; the exit status is 1 where a rule is broken."""
    report = audit(args.dataset)
    print(render(report))
    if args.out:
        with atomic_file(args.out) as staging:
            staging.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if report["green"] else 1
