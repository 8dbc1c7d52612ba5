"""The command `genoprot build`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from genoprot_datasets.build import build
from genoprot_datasets.options import add_label_arguments, label_options
from genoprot_datasets.sources import SPECIES
from genoprot_datasets.sources.go import EVIDENCE
from genoprot_datasets.tasks import TASKS

__all__ = ["add_arguments", "run", "summary"]


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
        "--no-identity",
        action="store_true",
        help="do not align the pairs: no identities, challenge cases and matched variants",
    )
    parser.add_argument(
        "--group-identical",
        action="store_true",
        help="keep genes with the same protein in the same fold (default: as Algorithm 1 draws them)",
    )
    add_label_arguments(parser)


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
        identities=not args.no_identity,
        group_identical=args.group_identical,
        options=label_options(args),
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
    lines += [
        f"  besides {entry['count']:,}: {entry['meaning']}" for entry in records["not_counted"].values()
    ]
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
