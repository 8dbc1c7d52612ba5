"""Measures how the memory of an embedding run grows with the number of sequences."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from racing import in_child

from genoprot_datasets.files import write_parquet
from genoprot_datasets.published import MANIFEST_NAME, split_path
from genoprot_datasets.schema import SEQUENCES, SEQUENCES_CONFIG
from genoprot_evaluate.embed import embed

RESIDUES = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", dtype=np.uint8)
ROWS = 1_000


def write_dataset(folder: Path, count: int, length: int) -> None:
    """Proteins of one length in two folds, in row groups of a thousand."""
    rng = np.random.default_rng(0)
    for fold, rows in (("train", range(0, count, 2)), ("eval", range(1, count, 2))):
        letters = rng.choice(RESIDUES, size=(len(rows), length))
        table = pa.table(
            {
                "accession": pa.array([f"A{row:09d}" for row in rows], SEQUENCES.field("accession").type),
                "protein": pa.array([row.tobytes().decode() for row in letters]),
            }
        )
        write_parquet(table, folder / split_path(SEQUENCES_CONFIG, fold), row_group_size=ROWS)
    manifest = {"name": f"{count} proteins", "fingerprint": "none"}
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest), encoding="utf-8")


def run(dataset: str, out: str) -> None:
    """Embed by the composition of residues."""
    with contextlib.redirect_stdout(io.StringIO()):
        embed("composition", dataset, out, progress=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--length", type=int, default=100)
    args = parser.parse_args()
    for count in args.sequences:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            in_child(write_dataset, folder / "dataset", count, args.length)
            _, peak = in_child(run, str(folder / "dataset"), str(folder / "out"))
            print(f"{count:9,} sequences: peak {peak / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
