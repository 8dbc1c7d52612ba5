"""Tries other choices of a head, one at a time, on a published dataset and its embeddings."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.store import load_embeddings

CHOICES = {
    "default": {},
    "optimiser adamw, weight_decay 0.01": {"optimiser": "adamw", "weight_decay": 0.01},
    "optimiser sgd, learning_rate 0.01": {"optimiser": "sgd", "learning_rate": 0.01},
    "optimiser sgd, learning_rate 0.1": {"optimiser": "sgd", "learning_rate": 0.1},
    "learning_rate 0.0003": {"learning_rate": 3e-4},
    "learning_rate 0.003": {"learning_rate": 3e-3},
    "weight_decay 0.0001": {"weight_decay": 1e-4},
    "batch_fraction 0.005": {"batch_fraction": 0.005},
    "batch_fraction 0.08": {"batch_fraction": 0.08},
    "initialisation uniform-glorot": {"initialisation": "uniform-glorot"},
    "initialisation normal-he": {"initialisation": "normal-he"},
    "standardisation none": {"standardisation": "none"},
    "validation proteins": {"validation": "proteins"},
    "symmetric": {"symmetric": True},
}


def main() -> None:
    """Run the study and print a table of mean eval accuracies in percent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--embeddings", required=True, nargs="+")
    parser.add_argument("--tasks", nargs="+")
    parser.add_argument("--seeds", type=int, default=3, help="heads of a cell")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tables = {table.name: table for table in map(load_embeddings, args.embeddings)}
    rows, epochs = {}, {}
    for name, choice in CHOICES.items():
        head = replace(HeadConfig(seeds=args.seeds), **choice)
        record = evaluate(tables, args.dataset, args.tasks, baselines=[], head=head, seed=args.seed)
        cells = [(t, m, s) for t in record.tasks for m, s in record.scores[t].items() if m in tables]
        cells = [cell for cell in cells if cell[2].status == "OK"]
        rows[name] = {(t, m): s.seed_accuracies or (s.accuracy.mean,) for t, m, s in cells}
        epochs[name] = np.mean([s.epochs for _, _, s in cells])
    keys = sorted(rows["default"])
    default = np.array([rows["default"][key] for key in keys])
    spread = default.std(axis=1, ddof=1).mean() if args.seeds > 1 else float("nan")
    print(
        f"{len(keys)} cells, {args.seeds} seeds; standard deviation between seeds {100 * spread:.2f} points"
    )
    for (task, model), values in zip(keys, default):
        print(f"  {task:<14}{model:<14}{100 * values.mean():6.2f}")
    print(f"{'choice':<38}accuracy  to the default    epochs")
    for name, found in rows.items():
        values = np.array([found[key] for key in keys])
        means = values.mean(axis=1) - default.mean(axis=1)
        error = means.std(ddof=1) / np.sqrt(len(means))
        print(
            f"{name:<38}{100 * values.mean():8.2f}  {100 * means.mean():+6.2f} +- {100 * error:.2f}"
            f"{epochs[name]:10.1f}"
        )


if __name__ == "__main__":
    main()
