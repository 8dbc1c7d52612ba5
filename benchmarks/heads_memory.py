"""Peak memory of training a head on wide vectors, read from a folder as `genoprot evaluate` reads them."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from planted_pairs import planted_pairs
from racing import in_child

from genoprot_evaluate.heads import HeadConfig, train_head
from genoprot_evaluate.store import load_embeddings


def write(folder: str, pairs: int, width: int) -> None:
    """Write vectors and pairs to a folder."""
    data = planted_pairs(pairs, width)
    names = pa.array([f"P{number:05d}" for number in range(len(data.vectors))])
    values = pa.FixedSizeListArray.from_arrays(pa.array(data.vectors.ravel()), width)
    path = Path(folder, "wide", "train.parquet")
    path.parent.mkdir()
    pq.write_table(pa.table({"accession": names, "embedding": values}), path, row_group_size=1_024)
    np.savez(Path(folder, "pairs.npz"), pairs=data.train, labels=data.train_labels)


def train(folder: str, epochs: int) -> int:
    """Train a head from a folder; its fitted examples."""
    table = load_embeddings(Path(folder, "wide"))
    with np.load(Path(folder, "pairs.npz")) as known:
        pairs, labels = known["pairs"], known["labels"]
    head = train_head(table.vectors, pairs, labels, config=HeadConfig(epochs=epochs))
    head.predict_proba(table.vectors, pairs[:3_000])
    return head.fitted_examples


def load_only(folder: str) -> int:
    """Rows of the table."""
    return len(load_embeddings(Path(folder, "wide")))


def main() -> None:
    """Run the benchmark and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--width", type=int, default=8_192)
    parser.add_argument("--epochs", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        in_child(write, folder, args.pairs, args.width)
        _, loading = in_child(load_only, folder)
        fitted, peak = in_child(train, folder, args.epochs)
    print(f"12,448 x {args.width:,}, {fitted:,} pairs fitted")
    print(f"peak {peak / 1e9:.2f} GB; {loading / 1e9:.2f} GB for reading alone")
    assert peak < 4e9


if __name__ == "__main__":
    main()
