"""Heads of the cells of a task: trained on the vectors of encoders and applied to its eval split."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import integer_seed
from genoprot_evaluate.evaluation.cells import (
    Fit,
    HeldOut,
    OnEpoch,
    asked_members,
    divided,
    mean_accuracy,
)
from genoprot_evaluate.evaluation.examples import TaskExamples
from genoprot_evaluate.heads import HeadConfig, TrainedHead, scored_orders, train_heads
from genoprot_evaluate.statistics import accuracy
from genoprot_evaluate.store import EmbeddingTable

__all__ = ["fit_heads"]


def fit_heads(
    examples: TaskExamples,
    tables: Sequence[EmbeddingTable],
    head: HeadConfig,
    seed: int,
    on_epoch: OnEpoch,
    *,
    device: str = "cpu",
    save: Callable[[EmbeddingTable, TrainedHead], None] | None = None,
) -> list[Fit]:
    """Train heads on the vectors of encoders, side by side where there are several, and apply them.

    An example is put into class 1 when its probability is above one half; exactly at it, into class 0.

    Parameters
    ----------
    examples : TaskExamples
    tables : sequence of EmbeddingTable
    head : HeadConfig
    seed : int
    on_epoch : callable
    device : str
    save : callable, optional
        Called with each table and its first head.
    """
    found: list[Fit | None] = [None] * len(tables)
    placed = {}
    for number, table in enumerate(tables):
        rows = examples.rows_in(table.accessions)
        lacking = np.flatnonzero(rows < 0)
        if len(lacking):
            first = examples.accessions[int(lacking[0])].as_py()
            train, test = examples.naming(lacking)
            reason = (
                f"embeddings lack {len(lacking)} of {len(rows)} accessions of the task, first {first}; "
                f"{train} train and {test} eval examples name them"
            )
            found[number] = Fit("N/A", reason)
        else:
            placed[number] = rows
    if not placed:
        return found
    if len(placed) == 1:
        ((number, rows),) = placed.items()
        sources, train = [tables[number].vectors], rows[examples.train.members]
    else:
        # In the order of the task's accessions a row is the same protein in every table.
        sources = [tables[number].vectors[rows] for number, rows in placed.items()]
        train = examples.train.members
    labels = examples.train.labels
    seeds = [seed, *(integer_seed(seed, "seeds", str(number)) for number in range(1, head.seeds))]
    by_seed = [
        train_heads(sources, train, labels, config=head, seed=one, device=device, on_epoch=on_epoch)
        for one in seeds
    ]
    for place, (number, rows) in enumerate(placed.items()):
        heads = [trained[place] for trained in by_seed]
        failed = next((one for one in heads if isinstance(one, GenoProtError)), None)
        if failed is not None:
            found[number] = Fit("ERROR", str(failed))
            continue
        if save is not None:
            save(tables[number], heads[0])
        found[number] = _apply(examples, tables[number].vectors, rows, heads, device)
    return found


def _apply(
    examples: TaskExamples, vectors: np.ndarray, rows: np.ndarray, heads: Sequence[TrainedHead], device: str
) -> Fit:
    """The fit of a cell from its trained heads, the first of which counts."""
    first = heads[0]
    asked, _ = asked_members(examples)
    count = len(examples.eval)
    orders = scored_orders(first, vectors, rows[asked], device=device)
    probability, matched = divided(orders.mean(axis=0), examples)
    held_out = HeldOut(first.held_out, first.held_out_probability)
    held_out_accuracy, exchanged = first.validation_accuracy, None
    if len(orders) == 2:
        exchanged = orders[1, :count]
        members = rows[examples.train.members[held_out.rows]]
        both = scored_orders(first, vectors, members, device=device)
        held_out = HeldOut(held_out.rows, both.mean(axis=0))
        held_out_accuracy = accuracy(examples.train.labels[held_out.rows], held_out.probability > 0.5)
    further = [
        scored_orders(another, vectors, rows[asked[:count]], device=device).mean(axis=0)
        for another in heads[1:]
    ]
    reached = [mean_accuracy(examples.eval, one) for one in (probability, *further)] if further else []
    return Fit(
        status="OK",
        probability=probability,
        predicted=(probability > 0.5).astype(np.int8),
        validation_accuracy=held_out_accuracy,
        epochs=first.epochs,
        note=first.validation_note,
        held_out=held_out,
        matched=matched,
        seed_accuracies=tuple(reached),
        by_seed=np.stack(further) if further else None,
        exchanged=exchanged,
    )
