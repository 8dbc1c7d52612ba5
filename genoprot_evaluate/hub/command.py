"""The subcommand `genoprot push`."""

from __future__ import annotations

import argparse

from genoprot_evaluate.hub.commits import Pushed
from genoprot_evaluate.hub.dataset import PENDING_BENCHMARK_NAME, push_dataset

__all__ = ["add_arguments", "run"]


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


def run(args: argparse.Namespace) -> int:
    """Run `genoprot push`."""
    pushed = _PUSH[args.kind](args)
    print(describe(pushed, dry_run=args.dry_run))
    return 0


def describe(pushed: Pushed, *, dry_run: bool = False) -> str:
    """What a push did, as text: one line, and the files."""
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


def _dataset(args: argparse.Namespace) -> Pushed:
    return push_dataset(
        args.folder,
        args.repo,
        private=args.private,
        pending_benchmark=args.pending_benchmark,
        dry_run=args.dry_run,
    )


_PUSH = {"dataset": _dataset}
