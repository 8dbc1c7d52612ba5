"""The subcommand `genoprot evaluate`."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.baselines import BASELINES
from genoprot_evaluate.evaluation.scoring import DEFAULT_BASELINES, MISSING, MISSING_SHARE, Progress, evaluate
from genoprot_evaluate.heads import VALIDATIONS, HeadConfig
from genoprot_evaluate.store import EmbeddingTable, load_embeddings
from genoprot_evaluate.tables import WIDTH, format_scores, percent

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot evaluate`."""
    parser.add_argument(
        "--dataset", default="llnl/geno-prot", metavar="DIR", help="folder or Hub id; default: llnl/geno-prot"
    )
    parser.add_argument(
        "--embeddings", required=True, nargs="+", metavar="DIR", help="folders written by genoprot embed"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the result record")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help=f"default: all of {' '.join(TASKS)}")
    parser.add_argument(
        "--members",
        nargs="+",
        metavar="ENCODER",
        help="encoders that vote in the ensembles; default: the paper's six where all are given, else all",
    )
    parser.add_argument(
        "--baselines",
        nargs="*",
        default=DEFAULT_BASELINES,
        metavar="NAME",
        help="default: " + " ".join(name.split(":")[1] for name in BASELINES),
    )
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--validation",
        choices=VALIDATIONS,
        default="pairs",
        help="what is held out of train to stop early: pairs, as in the paper (default), or proteins with "
        "all their pairs",
    )
    parser.add_argument(
        "--missing",
        choices=MISSING,
        default="refuse",
        help="where embeddings lack accessions: refuse to run (default), mark the cell N/A, or drop the "
        "examples concerned for all models",
    )
    parser.add_argument(
        "--missing-share",
        type=float,
        default=MISSING_SHARE,
        metavar="SHARE",
        help=f"share of the accessions that may be missing with --missing drop; default: {MISSING_SHARE}",
    )
    for fold in FOLDS:
        parser.add_argument(
            f"--{fold}-species",
            nargs="+",
            type=int,
            default=(),
            metavar="TAXON",
            help=f"NCBI taxon ids of the species whose {fold} examples count; default: all of the dataset",
        )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot evaluate`."""
    tables: dict[str, EmbeddingTable] = {}
    folders: dict[str, str] = {}
    for folder in args.embeddings:
        table = load_embeddings(folder)
        if table.name in tables:
            raise GenoProtError(
                f"{folder}: encoder {table.name!r} is in {folders[table.name]} too; evaluate one of them"
            )
        tables[table.name], folders[table.name] = table, folder
    record = evaluate(
        tables,
        args.dataset,
        tasks=args.tasks,
        members=args.members,
        baselines=args.baselines,
        seed=args.seed,
        head=HeadConfig(validation=args.validation),
        missing=args.missing,
        missing_share=args.missing_share,
        species={fold: getattr(args, f"{fold}_species") for fold in FOLDS},
        out=args.out,
        progress=_ticker() if sys.stderr.isatty() else None,
    )
    print(format_scores(record, shutil.get_terminal_size((WIDTH, 24)).columns), end="")
    return 0


def _ticker() -> Callable[[Progress], None]:
    """A line per cell on the terminal, with the time that is left."""
    started = time.perf_counter()

    def tell(now: Progress) -> None:
        left = (time.perf_counter() - started) / now.done * (now.total - now.done)
        print(
            f"[{now.done}/{now.total}] {now.task} x {now.model}: {percent(now.score)} "
            f"in {now.seconds:.1f} s; about {left:.0f} s left",
            file=sys.stderr,
        )

    return tell
