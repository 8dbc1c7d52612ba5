"""The command `genoprot synthesize`."""

from __future__ import annotations

import argparse
from pathlib import Path

from genoprot_datasets.synthetic.genes import GENE_LENGTHS
from genoprot_datasets.synthetic.synthesis import synthesize

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to its parser."""
    parser.description = (
        "Write a made-up proteome with planted signal in the native formats of the real sources."
    )
    parser.epilog = "example: genoprot synthesize --genes 600 --seed 0 --out sources/"
    parser.add_argument(
        "--genes", type=int, default=600, help="number of genes, 100 to 100000 (default: 600)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything that is drawn (default: 0)")
    parser.add_argument(
        "--gene-length",
        choices=tuple(GENE_LENGTHS),
        default="compact",
        help="median gene of 3 kb, or human-like lengths, closer together or not (default: compact)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to write")


def run(args: argparse.Namespace) -> int:
    """Write the proteome and say where it is."""
    folder = synthesize(args.out, genes=args.genes, seed=args.seed, gene_length=args.gene_length)
    print(f"{args.genes} synthetic genes written to {folder}")
    return 0
