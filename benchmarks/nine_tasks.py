"""Times heads of nine tasks at the paper's sizes, or of many encoders one by one and side by side."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle, islice

import numpy as np
import torch
from planted_pairs import PlantedPairs, planted_pairs
from racing import timed

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.heads import HeadConfig, TrainedHead, one_thread_per_head, train_head, train_heads

PROTEINS = 12_448
# How far a head that was trained in a stack may be from itself trained alone, as mean difference of a
# probability. In float64 it is rounding of the last digits. Float32 rounds differently in stacked products,
# training amplifies that, and the yardstick is how far the same head trained alone is from float64.
TOLERANCE = 1e-9
ROUNDING = 3.0
POINTS = 0.2

PAPER_WIDTHS = (256, 256, 256, 960, 1_100, 1_100, 1_100, 1_152, 2_560, 4_096, 4_096)
"""Of the paper's encoders: HyenaDNA, ESM C 300M, ProteInfer, ESM C 600M, LucaOne, Evo and Evo 2."""


def data_of(task: str, width: int, scale: float) -> PlantedPairs:
    """Planted examples in the number of a task, as pairs or single records."""
    spec = TASKS[task]
    count = max(200, round(scale * 2 * spec.train_per_class))
    data = planted_pairs(count, width, PROTEINS)
    return data if spec.arity == 2 else data._replace(train=data.train[:, :1], test=data.test[:, :1])


def nine(width: int, scale: float, device: str) -> None:
    """One encoder, nine tasks, a head on every core."""
    every = {task: data_of(task, width, scale) for task in TASKS}
    started, spent = time.perf_counter(), time.process_time()

    def one(task: str) -> tuple[str, TrainedHead, float, float]:
        data, begun = every[task], time.perf_counter()
        head = train_head(data.vectors, data.train, data.train_labels, device=device)
        probability = head.predict_proba(data.vectors, data.test[:3_000], device=device)
        accuracy = float(((probability > 0.5) == data.test_labels[:3_000]).mean())
        return task, head, accuracy, time.perf_counter() - begun

    with one_thread_per_head() as threads, ThreadPoolExecutor(threads if device == "cpu" else 1) as pool:
        for task, head, accuracy, seconds in pool.map(one, TASKS):
            print(
                f"{task:<12}{len(every[task].train):>9,} examples {head.epochs:3} epochs {seconds:8.1f} s  "
                f"accuracy {accuracy:.3f}",
                flush=True,
            )
    print(
        f"nine tasks, 2 x {width:,}, {device}: {time.perf_counter() - started:.1f} s, processor "
        f"{time.process_time() - spent:.1f} s, load {os.getloadavg()[1]:.1f}"
    )


def both_ways(sources, data: PlantedPairs, config: HeadConfig, device: str, precision: str):
    """By way: seconds, and probabilities of test pairs by every head."""
    found = {}
    for way, stacked in (("one after another", False), ("side by side", True)):
        options = {"config": config, "device": device, "stacked": stacked, "precision": precision}
        # Ends when the weights are back, and so when the device has done everything.
        seconds, heads = timed(train_heads_of, sources, data, options)
        given = zip(sources, heads)
        found[way] = (
            seconds,
            np.stack([h.predict_proba(v, data.test[:2_000], device=device) for v, h in given]),
        )
    return found


def train_heads_of(sources, data: PlantedPairs, options) -> list[TrainedHead]:
    """Heads on the vectors of each source."""
    return train_heads(sources, data.train, data.train_labels, **options)


def sources_of(data: PlantedPairs, widths: Sequence[int]) -> list[np.ndarray]:
    """Vectors of encoders of such widths: the first columns of the planted ones, with noise of their own."""
    rng = np.random.default_rng(1)
    return [
        data.vectors[:, :width] + rng.standard_normal((len(data.vectors), width), dtype=np.float32)
        for width in widths
    ]


def many(widths: Sequence[int], scale: float, device: str, epochs: int) -> None:
    """Nine tasks, many encoders: the same heads one by one and side by side, and how they differ."""
    config = HeadConfig(epochs=epochs, patience=epochs)
    print(f"{len(widths)} encoders, widths {' '.join(map(str, widths))}, {epochs} epochs, on {named(device)}")
    seconds = {"one after another": 0.0, "side by side": 0.0}
    apart, exactly, rounding, flipped, accuracies = [], [], [], [], []
    with one_thread_per_head():
        # What is loaded or made at first use does not count.
        for task in ("disease", "pfam"):
            data = data_of(task, max(widths), scale)
            both_ways(sources_of(data, widths), data, replace(config, epochs=1), device, "float32")
        for task in TASKS:
            data = data_of(task, max(widths), scale)
            sources = sources_of(data, widths)
            single = both_ways(sources, data, config, device, "float32")
            double = both_ways(sources, data, config, device, "float64")
            for way, (spent, _) in single.items():
                seconds[way] += spent
            (first, alone), (second, beside) = single.values()
            (_, exact), (_, exact_beside) = double.values()
            apart += np.abs(alone - beside).mean(axis=1).tolist()
            exactly += np.abs(exact - exact_beside).mean(axis=1).tolist()
            rounding += np.abs(alone - exact).mean(axis=1).tolist()
            flipped.append(((alone > 0.5) != (beside > 0.5)).mean())
            accuracies.append([((p > 0.5) == data.test_labels[:2_000]).mean() for p in (alone, beside)])
            print(
                f"{task:<12}{len(data.train):>9,} examples  one after another {first:8.2f} s  "
                f"side by side {second:8.2f} s  ratio {first / second:5.2f}",
                flush=True,
            )
    for name, spent in seconds.items():
        print(f"{len(widths)} encoders x {len(TASKS)} tasks, {name}: {spent:.1f} s")
    print(
        f"ratio {seconds['one after another'] / seconds['side by side']:.2f} on {named(device)}{peak(device)}"
    )
    print("difference of a probability, mean over examples: mean over heads, largest")
    differences = {
        "side by side and alone, float64": exactly,
        "side by side and alone, float32": apart,
        "alone, float32 and float64": rounding,
    }
    for name, values in differences.items():
        print(f"  {name:<33}{np.mean(values):9.1e}{max(values):9.1e}")
    points = 100 * float(np.diff(np.mean(accuracies, axis=0))[0])
    print(f"other decisions {np.mean(flipped):.2%}; mean accuracy side by side {points:+.3f} points")
    assert max(exactly) < TOLERANCE
    assert np.mean(apart) < ROUNDING * np.mean(rounding)
    assert abs(points) < POINTS


def named(device: str) -> str:
    """The device, by its maker's name where it has one."""
    kind = torch.device(device)
    return torch.cuda.get_device_name(kind) if kind.type == "cuda" else device


def peak(device: str) -> str:
    """Memory of the device that was in use at once."""
    if torch.device(device).type != "cuda":
        return ""
    return f", {torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB of its memory, float64 included"


def main() -> None:
    """Run the benchmark and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", type=int, default=1, help="more than one: both ways are compared")
    parser.add_argument(
        "--width",
        type=int,
        nargs="+",
        help="of the vectors, one for all or one for each; default: 1,152, or those of the paper's encoders",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the paper's numbers of examples")
    parser.add_argument("--epochs", type=int, default=5, help="of every head, where both ways are compared")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    if args.encoders == 1:
        nine(args.width[0] if args.width else 1_152, args.scale, args.device)
    else:
        chosen = args.width or PAPER_WIDTHS
        many([*islice(cycle(chosen), args.encoders)], args.scale, args.device, args.epochs)


if __name__ == "__main__":
    main()
