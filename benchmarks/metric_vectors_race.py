"""Passing vectors to the `evaluate` module: as keyword arguments, against as features of a metric."""

from __future__ import annotations

import argparse

import datasets
import evaluate
import numpy as np
from racing import in_child, timed

from genoprot_evaluate.store import load_embeddings


class AsFeatures(evaluate.Metric):
    """A metric that takes the vectors as one of its features, as `evaluate` offers it."""

    def _info(self) -> evaluate.MetricInfo:
        features = {
            "accessions": datasets.Value("string"),
            "vectors": datasets.Sequence(datasets.Value("float32")),
        }
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="", features=datasets.Features(features)
        )

    def _compute(self, accessions: list[str], vectors: list[list[float]]) -> dict[str, np.ndarray]:
        return {"vectors": np.asarray(vectors, dtype=np.float32)}


def made(rows: int, width: int) -> tuple[list[str], np.ndarray]:
    """Accessions and standard normal vectors."""
    matrix = np.random.default_rng(0).standard_normal((rows, width), dtype=np.float32)
    return [f"P{number:05d}" for number in range(rows)], matrix


def ours(rows: int, width: int) -> tuple[float, float]:
    """Seconds until the checked table is there, and a checksum of it."""
    accessions, matrix = made(rows, width)
    seconds, table = timed(load_embeddings, (accessions, matrix))
    return seconds, float(table.vectors.astype(np.float64).sum())


def theirs(rows: int, width: int) -> tuple[float, float]:
    """Seconds until the vectors have been through the metric's features, and a checksum of them."""
    accessions, matrix = made(rows, width)
    metric = AsFeatures()

    def through() -> np.ndarray:
        metric.add_batch(accessions=accessions, vectors=matrix)
        return metric.compute()["vectors"]

    seconds, vectors = timed(through)
    return seconds, float(vectors.astype(np.float64).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=1024)
    args = parser.parse_args()
    (mine, mine_sum), mine_peak = in_child(ours, args.rows, args.width)
    (other, other_sum), other_peak = in_child(theirs, args.rows, args.width)
    assert abs(mine_sum - other_sum) < 1e-6 * max(1.0, abs(mine_sum)), (mine_sum, other_sum)
    print(f"{args.rows:,} x {args.width:,} vectors")
    print(f"(accessions, matrix): {mine:.3f} s, peak {mine_peak / 2**30:.2f} GB")
    print(f"features of a metric: {other:.3f} s, peak {other_peak / 2**30:.2f} GB")
    print(f"ratio {other / mine:.0f}")


if __name__ == "__main__":
    main()
