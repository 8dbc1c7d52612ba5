"""Time and memory of the stages of `genoprot build` and of `genoprot audit` as the proteome grows."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import tempfile
from functools import partial
from pathlib import Path

from racing import StageClock, in_child

from genoprot_datasets.audit.command import add_arguments, run
from genoprot_datasets.build import build
from genoprot_datasets.synthetic import synthesize

MEASURES = ("seconds", "processor seconds", "peak memory, GB")


def synthesized(sources: Path, genes: int, gene_length: str) -> dict[str, tuple[float, ...]]:
    """Measures of writing the sources."""
    clock = StageClock()
    synthesize(sources, genes=genes, gene_length=gene_length)
    clock.lap("synthesize")
    return clock.laps


def built(sources: Path, out: Path, identities: bool) -> dict[str, tuple[float, ...]]:
    """Measures of each stage of the builder, which tells of it in a line when it is over."""
    clock = StageClock()
    with contextlib.redirect_stderr(clock):
        build(sources, out, identities=identities, show_progress=True)
    seconds, processor, peaks = zip(*clock.laps.values())
    return clock.laps | {"build": (sum(seconds), sum(processor), max(peaks))}


def audited(dataset: Path, out: Path) -> dict[str, tuple[float, ...]]:
    """Measures of the command `genoprot audit` with a page."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    clock = StageClock()
    with contextlib.redirect_stdout(io.StringIO()):
        status = run(parser.parse_args([str(dataset), "--out", str(out)]))
    clock.lap("audit")
    assert status == 0, f"the audit of {dataset} is not green"
    return clock.laps


def growth(values: list[float], genes: list[int]) -> str:
    """Power of the genes with which a measure grew between the last two sizes."""
    if len(genes) < 2 or min(values[-2:]) < 0.05:
        return "-"
    return f"{math.log(values[-1] / values[-2]) / math.log(genes[-1] / genes[-2]):.2f}"


def main() -> None:
    """Build every size and print a table of each measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--gene-length", choices=("compact", "human"), default="compact")
    parser.add_argument("--no-identity", action="store_true", help="as of `genoprot build`")
    parser.add_argument("--audit", action="store_true", help="run `genoprot audit --out` of what was built")
    parser.add_argument("--scratch", type=Path, help="folder for sources and datasets, which are removed")
    args = parser.parse_args()

    columns: list[dict[str, tuple[float, ...]]] = []
    for genes in args.genes:
        with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
            sources, out = Path(scratch) / "sources", Path(scratch) / "llnl" / "geno-prot"
            steps = [
                partial(synthesized, sources, genes, args.gene_length),
                partial(built, sources, out, not args.no_identity),
                *([partial(audited, out, Path(scratch) / "audit")] if args.audit else []),
            ]
            columns.append({})
            for step in steps:
                columns[-1] |= in_child(step)[0]
            pages = sorted((Path(scratch) / "audit").glob("*"))
            sizes = ", ".join(f"{page.name} {page.stat().st_size:,} bytes" for page in pages)
            print(f"{genes:,} genes{'; ' + sizes if sizes else ''}", flush=True)

    for place, measure in enumerate(MEASURES):
        print(f"\n{measure:<20}" + "".join(f"{genes:>12,}" for genes in args.genes) + f"{'power':>8}")
        for stage in columns[-1]:
            values = [column[stage][place] if stage in column else 0.0 for column in columns]
            cells = "".join(f"{value:>12.2f}" for value in values)
            print(f"{stage:<20}{cells}{growth(values, args.genes):>8}")


if __name__ == "__main__":
    main()
