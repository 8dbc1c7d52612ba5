"""Time and memory of the released commands, one after the other, on real sources with real weights."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ENCODERS = {"unirep-64": "unirep64", "spliceai": "spliceai", "kmer-4": None, "composition": None}
"""Encoders and the folders of their weights."""


def commands(sources: Path, weights: Path) -> list[list[str]]:
    """The commands from sources to a checked record and its report."""
    found = [["build", "--sources", str(sources), "--out", "llnl/geno-prot"]]
    for name, folder in ENCODERS.items():
        given = [] if folder is None else ["--weights", str(weights / folder)]
        found.append(["embed", "--encoder", name, *given, "--out", f"embeddings/{name}"])
    return [
        *found,
        ["evaluate", "--embeddings", "embeddings/", "--out", "results/"],
        ["validate-record", "results/", "--dataset", "llnl/geno-prot"],
        ["report", "results/", "--out", "report/"],
    ]


def measured(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak memory in MB of a command in a process of its own."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "genoprot_evaluate.cli", *command], cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"genoprot {' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Run the commands in a folder and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True, help="folder of the real sources")
    parser.add_argument("--weights", type=Path, required=True, help="folder with unirep64/ and spliceai/")
    parser.add_argument("--out", type=Path, required=True, help="folder to work in")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    lines = [
        "| command | seconds | processor seconds | peak memory, MB | load before |",
        "|---|---|---|---|---|",
    ]
    for command in commands(args.sources.resolve(), args.weights.resolve()):
        load = os.getloadavg()[0]
        seconds, processor, peak = measured(command, args.out)
        name = " ".join(part for part in command[:3] if not part.startswith(("/", "-")))
        lines.append(f"| `{name}` | {seconds:.1f} | {processor:.1f} | {peak:.0f} | {load:.1f} |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
