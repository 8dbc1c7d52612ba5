"""The subcommand `genoprot evaluate`."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.schema import FOLDS
from genoprot_evaluate.baselines import BASELINES
from genoprot_evaluate.embed.processes import Processes
from genoprot_evaluate.evaluation.kept_fits import working_folder
from genoprot_evaluate.evaluation.scoring import DEFAULT_BASELINES, MISSING, MISSING_SHARE, evaluate
from genoprot_evaluate.evaluation.task_choice import add_tasks_argument
from genoprot_evaluate.evaluation.ticker import Ticker
from genoprot_evaluate.heads import BATCHES, VALIDATIONS, HeadConfig
from genoprot_evaluate.results import RECORD_NAME, read_record
from genoprot_evaluate.store import EmbeddingTable, load_embeddings, run_folders
from genoprot_evaluate.tables import WIDTH, format_scores

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot evaluate`."""
    parser.add_argument(
        "--dataset", default="llnl/geno-prot", metavar="DIR", help="folder or Hub id; default: llnl/geno-prot"
    )
    parser.add_argument(
        "--embeddings",
        required=True,
        nargs="+",
        metavar="DIR",
        help="folders written by genoprot embed, or one that holds several, or USER/NAME:CONFIG on the Hub",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the result record")
    add_tasks_argument(parser)
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
        help="none where no name follows; default: " + " ".join(name.split(":")[1] for name in BASELINES),
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
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="K",
        help="heads per cell; the first counts, the others show the spread; default: 1",
    )
    parser.add_argument(
        "--symmetric", action="store_true", help="score a pair in both orders and average the probabilities"
    )
    parser.add_argument(
        "--batches",
        choices=BATCHES,
        default=HeadConfig().batches,
        help=f"how pairs are divided into batches; default: {HeadConfig().batches}",
    )
    parser.add_argument("--device", default="cpu", help="where heads are trained; default: cpu")
    parser.add_argument("--save-heads", metavar="DIR", help="folder for the trained heads")
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
    for folder in (run for given in args.embeddings for run in run_folders(given)):
        table = load_embeddings(folder)
        if table.name in tables:
            raise GenoProtError(
                f"{folder}: encoder {table.name!r} is in {folders[table.name]} too; evaluate one of them"
            )
        tables[table.name], folders[table.name] = table, folder
    processes, ticker = Processes.here(args.device), Ticker()
    if processes.first:
        for words in _what_is_there(Path(args.out), sorted(tables)):
            print(words, file=sys.stderr)
    try:
        record = evaluate(
            tables,
            args.dataset,
            tasks=args.tasks,
            members=args.members,
            baselines=args.baselines,
            seed=args.seed,
            head=HeadConfig(
                validation=args.validation, batches=args.batches, seeds=args.seeds, symmetric=args.symmetric
            ),
            missing=args.missing,
            missing_share=args.missing_share,
            species={fold: getattr(args, f"{fold}_species") for fold in FOLDS},
            out=args.out,
            device=_own_device(args.device, processes),
            save_heads=args.save_heads,
            processes=processes,
            progress=ticker if processes.first else None,
        )
    finally:
        ticker.close()
    if record is None:
        return 0
    print(format_scores(record, shutil.get_terminal_size((WIDTH, 24)).columns))
    print(f"{Path(args.out) / RECORD_NAME} is written; for tables, figures and a page:")
    print(f"genoprot report {shlex.quote(args.out)} --out report/")
    return 0


def _what_is_there(out: Path, encoders: Sequence[str]) -> Iterator[str]:
    """What an earlier run has left: cells to go on from, or a record of other encoders."""
    cells = len(list(working_folder(out).glob("*.npz")))
    if cells:
        yield f"an earlier run was ended: of its {cells} finished cells those that are of this run are taken"
    if (out / RECORD_NAME).is_file():
        with suppress(GenoProtError):
            record = read_record(out)
            before = record.models_of("encoder")
            if sorted(before) != list(encoders):
                yield f"{out / RECORD_NAME} of {', '.join(before) or 'the baselines'} will be replaced"
            if asked := record.models_of("language-model"):
                yield f"{', '.join(asked)} will not be in it; genoprot llm adds kept answers again"


def _own_device(device: str, processes: Processes) -> str:
    """The device of this process: of several GPUs of a machine, each process takes its own."""
    if processes.count > 1 and device == "cuda":
        return f"cuda:{processes.local_rank}"
    return device
