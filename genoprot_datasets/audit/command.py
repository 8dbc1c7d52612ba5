"""The command `genoprot audit`."""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

from genoprot_datasets.audit.assessment import audit
from genoprot_datasets.audit.croissant import describe, validate
from genoprot_datasets.audit.page import render_page
from genoprot_datasets.audit.projection import PROJECTIONS
from genoprot_datasets.audit.text import render
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import atomic_file
from genoprot_datasets.published import PublishedDataset

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot audit`."""
    parser.add_argument("dataset", metavar="DATASET", help="dataset folder or Hub id, such as llnl/geno-prot")
    parser.add_argument(
        "--out", metavar="DIR", help="folder for the page index.html, audit.json and croissant.json"
    )
    parser.add_argument(
        "--projection",
        choices=PROJECTIONS,
        default="auto",
        help="of the protein vectors on the page; default: umap where umap-learn is installed, else pca",
    )
    parser.add_argument(
        "--vectors",
        metavar="FILE",
        help="per-protein.h5 to project; default: the composition of the proteins, which needs no file",
    )
    parser.add_argument(
        "--go-vectors",
        metavar="FILE",
        help="vectors of GO terms, of a dataset that was built with this file",
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot audit`; the exit status is 1 where a rule is broken."""
    if args.out and Path(args.out).is_file():
        raise GenoProtError(f"{args.out}: is a file; --out names a folder")
    projection = args.projection if args.out else "none"
    report = audit(args.dataset, projection=projection, vectors=args.vectors, go_vectors=args.go_vectors)
    print(render(report))
    if args.out:
        out = Path(args.out)
        published = PublishedDataset.open(args.dataset)
        _write(out / "audit.json", json.dumps(report, indent=1) + "\n")
        _write(out / "index.html", render_page(report, published.manifest))
        written = f"{out / 'index.html'}, audit.json"
        if importlib.util.find_spec("mlcroissant") is None:
            print("no croissant.json: it needs mlcroissant; install geno-prot[audit]")
        else:
            described = describe(published, out)
            _write(out / "croissant.json", json.dumps(described, indent=1) + "\n")
            if faults := validate(out / "croissant.json"):
                raise GenoProtError(f"{out / 'croissant.json'} is not valid: {'; '.join(faults)}")
            written += ", croissant.json"
        print(f"wrote {written}")
    return 0 if report["green"] else 1


def _write(path: Path, text: str) -> None:
    with atomic_file(path) as staging:
        staging.write_text(text, encoding="utf-8")
