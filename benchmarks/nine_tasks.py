"""Times heads of nine tasks at the paper's sizes, or of many encoders one by one and side by side."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from planted_pairs import PlantedPairs, planted_pairs
from racing import timed

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.heads import HeadConfig, TrainedHead, one_thread_per_head, train_head, train_heads

PROTEINS = 12_448
# Mean difference of a probability between a head trained alone and one trained beside others. Stacked
# products round differently, and Adam's first steps turn a gradient near zero into a whole step either way.
TOLERANCE = 0.01


def data_of(task: str, width: int, scale: float) -> PlantedPairs:
    """Planted examples in the number of a task, as pairs or single records."""
    spec = TASKS[task]
    count = max(200, round(scale * 2 * spec.train_per_class))
    data = planted_pairs(count, width, PROTEINS)
    return data if spec.arity == 2 else data._replace(train=data.train[:, :1], test=data.test[:, :1])


def nine(width: int, scale: float, device: str) -> None:
    """One encoder, nine tasks, a head on every core."""
    every = {task: data_of(task, width, scale) for task in TASKS}
    started = time.perf_counter()

    def one(task: str) -> tuple[str, TrainedHead, float]:
        data, begun = every[task], time.perf_counter()
        head = train_head(data.vectors, data.train, data.train_labels, device=device)
        head.predict_proba(data.vectors, data.test[:3_000], device=device)
        return task, head, time.perf_counter() - begun

    with one_thread_per_head() as threads, ThreadPoolExecutor(threads if device == "cpu" else 1) as pool:
        for task, head, seconds in pool.map(one, TASKS):
            print(f"{task:<12}{len(every[task].train):>9,} examples {head.epochs:3} epochs {seconds:8.1f} s")
    print(f"nine tasks, 2 x {width:,}, {device}: {time.perf_counter() - started:.1f} s")


def one_by_one(sources, pairs, labels, config, device) -> list[TrainedHead]:
    """Heads on the vectors of each source, one after another."""
    return [train_head(vectors, pairs, labels, config=config, device=device) for vectors in sources]


def together(sources, pairs, labels, config, device) -> list[TrainedHead]:
    """Heads on the vectors of each source, side by side."""
    return train_heads(sources, pairs, labels, config=config, device=device)


def many(encoders: int, width: int, scale: float, device: str, epochs: int) -> None:
    """Nine tasks, many encoders: the same heads one by one and side by side, and how they differ."""
    config = HeadConfig(epochs=epochs, patience=epochs)
    seconds = {"one after another": 0.0, "side by side": 0.0}
    worst = 0.0
    flipped, accuracies = [], []

    with one_thread_per_head():
        for task in TASKS:
            data = data_of(task, width, scale)
            rng = np.random.default_rng(1)
            sources = [data.vectors]
            sources += [
                data.vectors + rng.standard_normal(data.vectors.shape, dtype=np.float32)
                for _ in range(encoders - 1)
            ]
            given = (data.train, data.train_labels, config, device)
            spent, alone = timed(one_by_one, sources, *given)
            seconds["one after another"] += spent
            spent, stacked = timed(together, sources, *given)
            seconds["side by side"] += spent
            for vectors, one, other in zip(sources, alone, stacked):
                both = [head.predict_proba(vectors, data.test[:2_000]) for head in (one, other)]
                worst = max(worst, float(np.abs(both[0] - both[1]).mean()))
                flipped.append(float(((both[0] > 0.5) != (both[1] > 0.5)).mean()))
                accuracies.append([((p > 0.5) == data.test_labels[:2_000]).mean() for p in both])
    for name, spent in seconds.items():
        print(f"{encoders} encoders x {len(TASKS)} tasks, {name}: {spent:.1f} s")
    ratio = seconds["one after another"] / seconds["side by side"]
    print(f"ratio {ratio:.2f} on {device}; largest mean difference of a probability {worst:.1e}")
    apart = float(np.diff(np.mean(accuracies, axis=0))[0])
    print(f"other decisions {np.mean(flipped):.2%}; mean accuracy side by side {100 * apart:+.3f} points")
    assert worst < TOLERANCE


def main() -> None:
    """Run the benchmark and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", type=int, default=1, help="more than one: both ways are compared")
    parser.add_argument("--width", type=int, default=1_152)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the paper's numbers of examples")
    parser.add_argument("--epochs", type=int, default=5, help="of every head, where both ways are compared")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    if args.encoders == 1:
        nine(args.width, args.scale, args.device)
    else:
        many(args.encoders, args.width, args.scale, args.device, args.epochs)


if __name__ == "__main__":
    main()
