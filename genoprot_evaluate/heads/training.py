"""Trains heads, one by one or several side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.encoders.failures import memory_ran_out, release_memory
from genoprot_evaluate.heads.batches import Batch, blocks_pay, plan_blocks, shuffled_batches, whole_table
from genoprot_evaluate.heads.best import BestWeights
from genoprot_evaluate.heads.config import HeadConfig
from genoprot_evaluate.heads.folds import divide_examples
from genoprot_evaluate.heads.network import Network, initial_layers
from genoprot_evaluate.heads.standardisation import fill_standardised, used_rows
from genoprot_evaluate.heads.trained import TrainedHead

if TYPE_CHECKING:
    import torch

__all__ = ["one_thread_per_head", "train_head", "train_heads"]


class _Best(NamedTuple):
    """The best epoch of a head so far."""

    loss: float = math.inf
    epoch: int = 0
    logits: np.ndarray | None = None


@contextmanager
def one_thread_per_head() -> Iterator[int]:
    """Let torch use one thread per operation, so that heads run side by side in threads of their own.

    Sums are then in the same order on every machine, however many cores it has, and nothing waits at
    barriers when the cores are shared.

    Yields
    ------
    int
        How many threads torch had before, which is how many heads to run at once.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def train_head(
    vectors: np.ndarray,
    examples: np.ndarray,
    labels: np.ndarray,
    *,
    config: HeadConfig | None = None,
    seed: int = 0,
    device: str = "cpu",
    on_epoch: Callable[[int, float], None] | None = None,
) -> TrainedHead:
    """Train a head on one encoder's vectors for one task.

    Pairs are never materialised. The first layer is applied once to each protein of a batch instead of to
    each pair, where that is less, since ``W [a; b] = W_a a + W_b b``; batches drawn as blocks make it less.

    Parameters
    ----------
    vectors : ndarray, shape=(n, d), dtype=float32
        One row per protein; rows that no example names are never read.
    examples : ndarray, shape=(m, arity), dtype=int64
        Rows of `vectors`: one for a question about a record, two for a pair.
    labels : ndarray, shape=(m,)
        0 or 1.
    config : HeadConfig, optional
    seed : int
        Seed of the validation fold, the initial weights and the order of the examples.
    device : str
        Where torch computes.
    on_epoch : callable, optional
        Called after each epoch with its number, from 1, and the validation loss.

    Returns
    -------
    TrainedHead

    Raises
    ------
    GenoProtError
        If a class has fewer than two examples, or the loss is not finite.

    References
    ----------
    Wakim, Gupta et al., NeurIPS 2025 FM4LS workshop, Figure 1: three hidden layers with 512, 128 and 64
    nodes, 50 epochs, early stopping with patience 5.
    """
    (head,) = train_heads(
        [vectors], examples, labels, config=config, seed=seed, device=device, on_epoch=on_epoch
    )
    if isinstance(head, GenoProtError):
        raise head
    return head


def train_heads(
    sources: Sequence[np.ndarray],
    examples: np.ndarray,
    labels: np.ndarray,
    *,
    config: HeadConfig | None = None,
    seed: int = 0,
    device: str = "cpu",
    on_epoch: Callable[[int, float], None] | None = None,
    stacked: bool | None = None,
    precision: str = "float32",
) -> list[TrainedHead | GenoProtError]:
    """Train heads on the vectors of several encoders for one task, side by side where that pays.

    On a processor it doesn't, and they are trained one after another. Elsewhere they have the same batches at
    the same time, and each ends as if it had been trained alone, but for the rounding of products of stacked
    matrices. Where memory does not suffice for all, one half is trained after the other.

    Parameters
    ----------
    sources : sequence of ndarray, shape=(n, d), dtype=float32
        Vectors of each encoder; the widths can differ, the rows are the same proteins.
    examples, labels, config, seed, device
        As for `train_head`.
    on_epoch : callable, optional
        Called after each epoch with its number and the mean validation loss of the heads in training.
    stacked : bool, optional
        Whether they are trained side by side; left out, wherever the device is no processor.
    precision : {"float32", "float64"}
        What is computed with. The second takes twice the memory and more than twice the time, and shows what
        in a difference between two ways of training is rounding.

    Returns
    -------
    list of (TrainedHead or GenoProtError)
        The error of a head whose loss is not finite stands in its place.

    Raises
    ------
    GenoProtError
        If a class has fewer than two examples.
    """

    def train(some: Sequence[np.ndarray]) -> list[TrainedHead | GenoProtError]:
        try:
            return _train(some, examples, labels, config or HeadConfig(), seed, device, on_epoch, precision)
        except Exception as error:  # allocators raise a different class each
            if len(some) == 1 or not memory_ran_out(error):
                raise
        # Outside of the handler the failed call's tensors are no longer held by its traceback.
        release_memory()
        middle = (len(some) + 1) // 2
        return train(some[:middle]) + train(some[middle:])

    together = device != "cpu" if stacked is None else stacked
    return train(sources) if together else [head for one in sources for head in train([one])]


def _train(
    sources: Sequence[np.ndarray],
    examples: np.ndarray,
    labels: np.ndarray,
    config: HeadConfig,
    seed: int,
    device: str,
    on_epoch: Callable[[int, float], None] | None,
    precision: str,
) -> list[TrainedHead | GenoProtError]:
    """Heads of all sources side by side."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

    fold = divide_examples(examples, labels, config, seed)
    used, local = used_rows(examples)
    # By place in the network: number of the head. Those of the same width stand side by side.
    active = sorted(range(len(sources)), key=lambda head: sources[head].shape[1])
    tables, moments = _standardised([sources[head] for head in active], used, config, precision, device)
    moments = dict(zip(active, moments))
    inputs = [local.shape[1] * sources[head].shape[1] for head in active]
    network = Network([_first_layers(config, width, seed, precision) for width in inputs], tables)
    validation, fit = np.flatnonzero(fold.held_out), np.flatnonzero(fold.fitted)
    fitted = local[fit]
    fitted_targets = torch.from_numpy(labels[fit].astype(precision)).to(device)
    held_out = network.place(local[validation])
    held_out_targets = torch.from_numpy(labels[validation].astype(np.float64))
    optimiser = _optimiser(network.parameters(), config)
    rng = generator(seed, "batches")
    best, weights = [_Best() for _ in sources], BestWeights()
    epochs = [0] * len(sources)
    failed: dict[int, GenoProtError] = {}
    for epoch in range(1, config.epochs + 1):
        for batch in _epoch(fitted, len(used), config, rng):
            optimiser.zero_grad()
            logits, chosen = network.logits_by_row(batch) if batch.rows else network.logits_by_example(batch)
            wanted = fitted_targets[chosen].expand_as(logits)
            # The mean over the batch, summed over heads: no head has a part in another one's gradient.
            (cross_entropy(logits, wanted, reduction="sum") / len(chosen)).backward()
            optimiser.step()
        # All that is fetched from a device in an epoch: it computes until here without being waited for.
        logits = network.all_logits(held_out).cpu()
        wanted = held_out_targets.expand_as(logits)
        losses = cross_entropy(logits.double(), wanted, reduction="none").mean(dim=1).tolist()
        going, better = [], []
        for place, (head, loss) in enumerate(zip(active, losses)):
            epochs[head] = epoch
            if not math.isfinite(loss):
                failed[head] = GenoProtError(
                    f"the validation loss became {loss} in epoch {epoch}; lower the learning rate"
                )
                continue
            if loss < best[head].loss:
                best[head] = _Best(loss, epoch, logits[place].numpy())
                better.append(place)
            if epoch - best[head].epoch < config.patience:
                going.append(place)
        weights.store(network, active, better)
        if on_epoch is not None:
            on_epoch(epoch, sum(losses) / len(losses))
        if not going:
            break
        if len(going) < len(active):
            network.keep(going, optimiser)
            active = [active[place] for place in going]

    def outcome(head: int) -> TrainedHead | GenoProtError:
        if head in failed:
            return failed[head]
        kept = best[head]
        right = (kept.logits > 0) == (labels[validation] > 0)
        return TrainedHead(
            config=config,
            layers=layers[head],
            mean=moments[head][0],
            scale=moments[head][1],
            epochs=epochs[head],
            best_epoch=kept.epoch,
            validation_loss=kept.loss,
            validation_accuracy=float(right.mean()),
            held_out=validation,
            held_out_probability=torch.sigmoid(torch.from_numpy(kept.logits).double()).numpy(),
            fitted_examples=len(fit),
            validation_examples=len(validation),
            validation_note=fold.note,
        )

    layers = weights.fetch()
    return [outcome(head) for head in range(len(sources))]


def _standardised(
    sources: Sequence[np.ndarray], used: np.ndarray, config: HeadConfig, precision: str, device: str
) -> tuple[list[torch.Tensor], list[tuple[np.ndarray, np.ndarray]]]:
    """Tables of sources that are sorted by width, stacked for each width, and the moments of each source."""
    import torch

    tables, moments = [], []
    for width, some in groupby(sources, key=lambda vectors: vectors.shape[1]):
        alike = list(some)
        stack = torch.empty((len(alike), len(used), width), dtype=getattr(torch, precision), device=device)
        as_they_are = config.standardisation == "none"
        moments += [
            fill_standardised(table, vectors, used, as_they_are=as_they_are)
            for table, vectors in zip(stack, alike)
        ]
        tables.append(stack)
    return tables, moments


def _first_layers(
    config: HeadConfig, inputs: int, seed: int, precision: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    drawn = initial_layers(config, inputs, seed)
    return [(weight.astype(precision), bias.astype(precision)) for weight, bias in drawn]


def _optimiser(parameters: list[torch.Tensor], config: HeadConfig) -> torch.optim.Optimizer:
    import torch

    choices = {"lr": config.learning_rate, "weight_decay": config.weight_decay, "fused": True}
    if config.optimiser == "sgd":
        return torch.optim.SGD(parameters, momentum=0.9, **choices)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimiser](parameters, **choices)


def _epoch(
    fitted: np.ndarray, proteins: int, config: HeadConfig, rng: np.random.Generator
) -> Iterator[Batch]:
    """Batches of one epoch; one without rows has the examples themselves for places."""
    count, arity = fitted.shape
    batch_size = config.batch_size(count)
    if config.batches == "blocks" and arity == 2 and blocks_pay(count, proteins, batch_size):
        yield from plan_blocks(fitted, proteins, batch_size, rng)
        return
    for chosen in shuffled_batches(count, batch_size, rng):
        if 2 * proteins <= batch_size:
            yield whole_table(fitted, chosen, proteins)
        else:
            yield Batch(chosen, (), fitted[chosen])
