"""Tries other choices of a head, one at a time, on proteins of the train fold that are kept apart for it."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import stats

from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.seeding import integer_seed
from genoprot_evaluate.evaluation.examples import read_examples
from genoprot_evaluate.heads import HeadConfig, one_thread_per_head, scored_orders, train_head
from genoprot_evaluate.heads.folds import protein_fold
from genoprot_evaluate.store import load_embeddings

CHOICES = {
    "default": {},
    "optimiser adamw, weight decay 0.01": {"optimiser": "adamw", "weight_decay": 0.01},
    "optimiser sgd, learning rate 0.01": {"optimiser": "sgd", "learning_rate": 0.01},
    "optimiser sgd, learning rate 0.1": {"optimiser": "sgd", "learning_rate": 0.1},
    "learning rate 0.0003": {"learning_rate": 3e-4},
    "learning rate 0.003": {"learning_rate": 3e-3},
    "weight decay 0.0001": {"weight_decay": 1e-4},
    "batch fraction 0.005": {"batch_fraction": 0.005},
    "batch fraction 0.08": {"batch_fraction": 0.08},
    "initialisation uniform-glorot": {"initialisation": "uniform-glorot"},
    "initialisation normal-he": {"initialisation": "normal-he"},
    "standardisation none": {"standardisation": "none"},
    "validation proteins": {"validation": "proteins"},
    "symmetric": {"symmetric": True},
}

APART = 1 / 3
"""Share of the train proteins on which the heads are judged."""


class Cell(NamedTuple):
    """A set of data, a task and an encoder."""

    data: str
    task: str
    encoder: str


class Problem(NamedTuple):
    """What heads of a cell are trained on and judged on, in one division of the proteins."""

    vectors: np.ndarray
    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def problems(data: list[list[str]], tasks: list[str] | None, division: int) -> Iterator[tuple[Cell, Problem]]:
    """Every cell in one division of the train proteins; the eval fold is never read."""
    for folder, *embeddings in data:
        published = PublishedDataset.open(folder)
        tables = [load_embeddings(source) for source in embeddings]
        for task in tasks or published.tasks:
            examples = read_examples(published, task)
            members, labels = examples.train.members, examples.train.labels
            share = APART ** members.shape[1]
            fold = protein_fold(members, labels, share, integer_seed(division, "head choices", task))
            for table in tables:
                rows = examples.rows_in(table.accessions)[members]
                yield (
                    Cell(folder, task, table.name),
                    Problem(
                        table.vectors,
                        rows[fold.fitted],
                        labels[fold.fitted],
                        rows[fold.held_out],
                        labels[fold.held_out],
                    ),
                )


def reached(problem: Problem, choice: dict[str, object], seed: int) -> tuple[float, int]:
    """Mean over the two classes of the accuracy on the proteins kept apart, and the epochs."""
    head = train_head(
        problem.vectors,
        problem.train,
        problem.train_labels,
        config=replace(HeadConfig(), **choice),
        seed=seed,
    )
    yes = scored_orders(head, problem.vectors, problem.test).mean(axis=0) > 0.5
    right = yes == (problem.test_labels == 1)
    return float(np.mean([right[problem.test_labels == label].mean() for label in (0, 1)])), head.epochs


def table(found: dict[str, dict[Cell, list[tuple[float, int]]]]) -> str:
    """Means, and differences to the default with intervals over tasks, for each set of data and for all."""
    cells = sorted(found["default"])
    sets = sorted({cell.data for cell in cells})
    accuracy = {
        name: np.array([[one for one, _ in by_cell[cell]] for cell in cells])
        for name, by_cell in found.items()
    }
    divisions = accuracy["default"].shape[1]
    spread = accuracy["default"].std(axis=1, ddof=1).mean() if divisions > 1 else float("nan")
    lines = [
        f"{len(cells)} cells, {divisions} divisions; a cell varies by {100 * spread:.2f} points between them",
        "| choice | accuracy | epochs | " + " | ".join([*sets, "all"]) + " |",
        "|---|---|---|" + "---|" * (len(sets) + 1),
    ]
    for name, values in accuracy.items():
        epochs = np.mean([one for cell in cells for _, one in found[name][cell]])
        columns = [f"{100 * values.mean():.2f}", f"{epochs:.1f}"]
        for chosen in [*({one} for one in sets), set(sets)]:
            # Cells of a task have the same pairs, so the tasks are what is independent, if anything is.
            by_task = defaultdict(list)
            for place, cell in enumerate(cells):
                if cell.data in chosen:
                    difference = values[place].mean() - accuracy["default"][place].mean()
                    by_task[cell.data, cell.task].append(difference)
            columns.append(_with_interval(np.array([np.mean(one) for one in by_task.values()])))
        lines.append(f"| {name} | " + " | ".join(columns) + " |")
    return "\n".join(lines)


def _with_interval(differences: np.ndarray) -> str:
    mean, count = differences.mean(), len(differences)
    if count < 2 or not differences.any():
        return f"{100 * mean:+.2f}"
    half = stats.t.ppf(0.975, count - 1) * differences.std(ddof=1) / np.sqrt(count)
    return f"{100 * mean:+.2f} ({100 * (mean - half):+.2f} to {100 * (mean + half):+.2f})"


def main() -> None:
    """Run the study; a table is printed after each division of the proteins."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        action="append",
        metavar="FOLDER",
        help="a dataset and its embeddings; can be given several times",
    )
    parser.add_argument("--tasks", nargs="+")
    parser.add_argument(
        "--divisions",
        nargs="+",
        type=int,
        default=[0, 1, 2, 3],
        metavar="NUMBER",
        help="divisions of the train proteins, each also a seed of the heads; default: 0 1 2 3",
    )
    args = parser.parse_args()
    found: dict[str, dict[Cell, list[tuple[float, int]]]] = {name: defaultdict(list) for name in CHOICES}
    started = time.perf_counter()
    with one_thread_per_head():
        for division in args.divisions:
            for cell, problem in problems(args.data, args.tasks, division):
                for name, choice in CHOICES.items():
                    found[name][cell].append(reached(problem, choice, division))
            print(f"\n{time.perf_counter() - started:.0f} s\n{table(found)}", flush=True)


if __name__ == "__main__":
    main()
