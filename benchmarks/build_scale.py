"""Time and memory of the stages of `genoprot build` as the proteome grows."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import tempfile
import time
from functools import partial
from pathlib import Path

from racing import in_child, timed

from genoprot_datasets.build import build
from genoprot_datasets.synthetic import synthesize

_STAGE = re.compile(r"^(\S+) +([\d.]+) s  ", re.MULTILINE)


def build_stages(sources: Path, out: Path, identities: bool) -> dict[str, float]:
    """Seconds of each stage, as the builder tells them, and of the whole."""
    told = io.StringIO()
    used = time.process_time()
    with contextlib.redirect_stderr(told):
        seconds, _ = timed(partial(build, identities=identities, show_progress=True), sources, out)
    stages = {stage: float(value) for stage, value in _STAGE.findall(told.getvalue())}
    return stages | {"whole": seconds, "processor": time.process_time() - used}


def main() -> None:
    """Build every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--gene-length", choices=("compact", "human"), default="compact")
    parser.add_argument("--no-identity", action="store_true", help="as of `genoprot build`")
    parser.add_argument("--scratch", type=Path, help="folder for sources and datasets, which are removed")
    args = parser.parse_args()

    columns: list[dict[str, float]] = []
    for genes in args.genes:
        with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
            sources = Path(scratch) / "sources"
            make = partial(synthesize, genes=genes, gene_length=args.gene_length)
            seconds, _ = timed(make, sources)
            out = Path(scratch) / "llnl" / "geno-prot"
            stages, peak = in_child(build_stages, sources, out, not args.no_identity)
        columns.append({"synthesize": seconds} | stages | {"peak, GB": peak / 1e9})

    print(f"{'seconds':<12}" + "".join(f"{genes:>12,}" for genes in args.genes) + f"{'growth':>12}")
    for stage in columns[-1]:
        values = [column.get(stage, 0.0) for column in columns]
        growth = f"{values[-1] / values[0]:>11.1f}x" if values[0] > 0.05 else f"{'-':>12}"
        print(f"{stage:<12}" + "".join(f"{value:>12.2f}" for value in values) + growth)
    print(f"{'genes':<12}" + " " * 12 * len(args.genes) + f"{args.genes[-1] / args.genes[0]:>11.1f}x")


if __name__ == "__main__":
    main()
