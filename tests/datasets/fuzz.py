"""Tries the readers of the sources on malformed files: `python tests/datasets/fuzz.py --inputs 10000`."""

from __future__ import annotations

import argparse
import sys
import time

from fuzz_annotations import ANNOTATION_TARGETS
from fuzz_sequences import SEQUENCE_TARGETS
from fuzz_tables import TABLE_TARGETS
from fuzzing import run

__all__ = ["main"]

TARGETS = (*SEQUENCE_TARGETS, *ANNOTATION_TARGETS, *TABLE_TARGETS)


def main() -> int:
    """Try every target, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="per reader; default: %(default)s")
    parser.add_argument("--shown", type=int, default=5, help="faults shown per reader; default: %(default)s")
    parser.add_argument("targets", nargs="*", metavar="READER", help="default: all")
    args = parser.parse_args()
    failed = 0
    for target in TARGETS:
        if args.targets and target.name not in args.targets:
            continue
        before = time.perf_counter()
        accepted, faults = run(target, args.inputs)
        seconds = time.perf_counter() - before
        print(
            f"{target.name:<16}{args.inputs:>8,} inputs  {accepted:>7,} accepted  "
            f"{len(faults):>5,} faults  {seconds:6.1f} s",
            flush=True,
        )
        for _, words in faults[: args.shown]:
            print("    " + words[:600])
        failed += len(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
