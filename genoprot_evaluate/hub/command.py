"""The subcommand `genoprot push`."""

from __future__ import annotations

import argparse

from genoprot_evaluate.hub.commits import Pushed
from genoprot_evaluate.hub.dataset import PENDING_BENCHMARK_NAME, push_dataset
from genoprot_evaluate.hub.embeddings import push_embeddings
from genoprot_evaluate.hub.heads import push_heads
from genoprot_evaluate.hub.records import push_record
from genoprot_evaluate.hub.results import push_results
from genoprot_evaluate.hub.space import REQUIREMENT, push_leaderboard, push_metric
from genoprot_evaluate.results import read_record

__all__ = ["add_arguments", "describe", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot push`."""
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)

    dataset = kinds.add_parser("dataset", help="a folder written by genoprot build")
    dataset.add_argument("folder", metavar="DIR", help="written by genoprot build")
    _add_target(dataset)
    dataset.add_argument(
        "--pending-benchmark",
        action="store_true",
        help=f"push eval.yaml as {PENDING_BENCHMARK_NAME}, until the Hub knows the framework",
    )

    embeddings = kinds.add_parser("embeddings", help="folders written by genoprot embed")
    embeddings.add_argument(
        "folders", nargs="+", metavar="DIR", help="written by genoprot embed, or holding such folders"
    )
    _add_target(embeddings)

    heads = kinds.add_parser("heads", help="trained heads, into a model repository")
    heads.add_argument("folder", metavar="DIR", help="written by genoprot evaluate --save-heads")
    _add_target(heads)
    heads.add_argument(
        "--results", metavar="RECORD", help="results.json of the run or its folder: accuracies for the card"
    )
    heads.add_argument(
        "--licence", metavar="ID", help="of the heads, as the Hub names it: apache-2.0, mit, ..."
    )
    heads.add_argument("--create-pr", action="store_true", help="open a pull request")

    metric = kinds.add_parser("metric", help="the module of evaluate.load, as a Space")
    _add_target(metric)
    _add_requirement(metric)

    leaderboard = kinds.add_parser("leaderboard", help="a Space that shows the records of a repository")
    _add_target(leaderboard)
    leaderboard.add_argument(
        "--records", required=True, metavar="USER/NAME", help="repository of records on the Hub"
    )
    leaderboard.add_argument(
        "--dataset",
        default="llnl/geno-prot",
        metavar="USER/NAME",
        help="that records are compared with; default: %(default)s",
    )
    _add_requirement(leaderboard)

    records = kinds.add_parser("records", help="a result record and its predictions, for a leaderboard")
    records.add_argument("folder", metavar="DIR", help="written by genoprot evaluate")
    _add_target(records)
    records.add_argument("--label", metavar="NAME", help="of its folder; default: made from its content")
    records.add_argument("--create-pr", action="store_true", help="open a pull request")

    results = kinds.add_parser("results", help="the scores of a record, into the repository of a model")
    results.add_argument("record", metavar="RECORD", help="results.json or its folder")
    results.add_argument("--model", required=True, metavar="USER/MODEL", help="repository of the model")
    results.add_argument("--name", metavar="ENCODER", help="of the record; default: its only one")
    results.add_argument(
        "--dataset", metavar="USER/NAME", help="on the Hub, with @REVISION too; default: as the record says"
    )
    results.add_argument("--source-url", metavar="URL", help="where the record is")
    results.add_argument("--create-pr", action="store_true", help="open a pull request")
    results.add_argument("--dry-run", action="store_true", help="send nothing, show what would change")


def run(args: argparse.Namespace) -> int:
    """Run `genoprot push`."""
    print(describe(_PUSH[args.kind](args), dry_run=args.dry_run))
    return 0


def describe(pushed: Pushed, *, dry_run: bool = False) -> str:
    """What a push did, as text: one line; for what would be done, the files too."""
    if pushed.empty:
        return f"nothing to change in {pushed.url}"
    groups = {"added": pushed.added, "changed": pushed.changed, "removed": pushed.removed}
    counts = ", ".join(f"{len(paths)} {verb}" for verb, paths in groups.items() if paths)
    lines = [f"{'would push to' if dry_run else 'pushed to'} {pushed.pull_request or pushed.url}: {counts}"]
    if dry_run:
        lines += [f"  {verb} {path}" for verb, paths in groups.items() for path in paths]
    return "\n".join(lines)


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo", required=True, metavar="USER/NAME", help="repository on the Hub")
    parser.add_argument("--private", action="store_true", help="make it private, when it is made")
    parser.add_argument("--dry-run", action="store_true", help="send nothing, say what would change")


def _add_requirement(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--requirement",
        default=REQUIREMENT,
        metavar="LINE",
        help="how the Space installs this package, as pip reads it; default: %(default)s",
    )


def _dataset(args: argparse.Namespace) -> Pushed:
    return push_dataset(
        args.folder,
        args.repo,
        private=args.private,
        pending_benchmark=args.pending_benchmark,
        dry_run=args.dry_run,
    )


def _embeddings(args: argparse.Namespace) -> Pushed:
    return push_embeddings(args.folders, args.repo, private=args.private, dry_run=args.dry_run)


def _heads(args: argparse.Namespace) -> Pushed:
    return push_heads(
        args.folder,
        args.repo,
        record=None if args.results is None else read_record(args.results),
        licence=args.licence,
        create_pr=args.create_pr,
        private=args.private,
        dry_run=args.dry_run,
    )


def _metric(args: argparse.Namespace) -> Pushed:
    return push_metric(args.repo, requirement=args.requirement, private=args.private, dry_run=args.dry_run)


def _leaderboard(args: argparse.Namespace) -> Pushed:
    return push_leaderboard(
        args.repo,
        args.records,
        args.dataset,
        requirement=args.requirement,
        private=args.private,
        dry_run=args.dry_run,
    )


def _records(args: argparse.Namespace) -> Pushed:
    return push_record(
        args.folder,
        args.repo,
        label=args.label,
        create_pr=args.create_pr,
        private=args.private,
        dry_run=args.dry_run,
    )


def _results(args: argparse.Namespace) -> Pushed:
    pushed, diff = push_results(
        read_record(args.record),
        args.model,
        name=args.name,
        dataset=args.dataset,
        source_url=args.source_url,
        create_pr=args.create_pr,
        dry_run=args.dry_run,
    )
    if args.dry_run and diff:
        print(diff, end="")
    return pushed


_PUSH = {
    "dataset": _dataset,
    "embeddings": _embeddings,
    "heads": _heads,
    "metric": _metric,
    "leaderboard": _leaderboard,
    "records": _records,
    "results": _results,
}
