"""The whole benchmark on a synthetic proteome."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from genoprot_datasets.build import build
from genoprot_datasets.build_command import summary
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.synthetic import synthesize
from genoprot_evaluate.embed import embed
from genoprot_evaluate.evaluation import Ticker, evaluate
from genoprot_evaluate.report import write_report
from genoprot_evaluate.tables import format_scores

__all__ = ["DEMO_BASELINES", "DEMO_ENCODERS", "add_arguments", "demo", "run"]

DEMO_ENCODERS = ("kmer-4", "composition", "dipeptide")
"""Encoders of the demo: one of DNA, two of proteins; none needs weights."""

DEMO_BASELINES = ("majority", "random-vectors", "length", "alignment", "annotation-count", "degree")
"""Baselines of the demo; the others are the demo's encoders."""


def demo(out: str | Path, *, genes: int = 600, seed: int = 0) -> Path:
    """Make a proteome, build the dataset, embed it, score the encoders and draw the report.

    Parameters
    ----------
    out : path
        Folder for everything that is written; it must not exist, or be one of an earlier demo.
    genes : int
        Genes of the synthetic proteome.
    seed : int

    Returns
    -------
    Path
        The report's page.

    Raises
    ------
    GenoProtError
        If `out` holds files that are not of a demo.
    """
    out = Path(out)
    mark = out / ".genoprot-demo"
    if out.exists() and any(out.iterdir()) and not mark.exists():
        raise GenoProtError(f"{out}: not empty and not of an earlier demo; name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    mark.touch()

    _say(f"1/5 a synthetic proteome of {genes} genes, in the formats of the real sources")
    synthesize(out / "sources", genes=genes, seed=seed)
    _say("2/5 the dataset, built from them")
    dataset = out / "llnl" / "geno-prot"
    print(summary(build(out / "sources", dataset, seed=seed)))
    _say(f"3/5 embeddings of {', '.join(DEMO_ENCODERS)}")
    embeddings = {
        name: embed(name, dataset, out / "embeddings" / name, overwrite=True) for name in DEMO_ENCODERS
    }
    _say("4/5 a head per encoder and task, five ensembles, baselines")
    ticker = Ticker()
    record = evaluate(
        embeddings, dataset, baselines=DEMO_BASELINES, seed=seed, out=out / "results", progress=ticker
    )
    ticker.close()
    print(format_scores(record))
    _say("5/5 the report")
    return write_report(out / "results", out / "report") / "index.html"


def _say(text: str) -> None:
    print(f"\n{text}", file=sys.stderr, flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot demo`."""
    parser.add_argument("--out", default="demo", metavar="DIR", help="folder to write; default: demo")
    parser.add_argument("--genes", type=int, default=600, metavar="N", help="default: 600")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")


def run(args: argparse.Namespace) -> int:
    """Run `genoprot demo`."""
    started = time.perf_counter()
    page = demo(args.out, genes=args.genes, seed=args.seed)
    print(f"\ndone in {time.perf_counter() - started:.0f} s; open {page}")
    return 0
