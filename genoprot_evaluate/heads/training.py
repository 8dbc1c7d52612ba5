"""Trains heads and applies them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.heads.config import HeadConfig
from genoprot_evaluate.heads.folds import divide_examples
from genoprot_evaluate.heads.network import (
    all_logits,
    initial_parameters,
    logits_by_example,
    logits_by_protein,
    tensor,
)

__all__ = ["TrainedHead", "one_thread_per_head", "train_head"]

_COLUMNS = 256
# A float32 column that spreads less than this beside its mean only shows rounding.
_CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """A head with the weights of its best epoch.

    Parameters
    ----------
    config : HeadConfig
    layers : tuple of (ndarray, ndarray)
        Weight, shape=(outputs, inputs), and bias, shape=(outputs,), of every layer; float32.
    mean, scale : ndarray, shape=(d,), dtype=float32
        What the columns of the vectors are centred and divided by.
    epochs, best_epoch : int
        Epochs that were run, and the one, counted from 1, whose weights were kept.
    validation_loss, validation_accuracy : float
        Cross-entropy in nats and accuracy on the validation fold, at the best epoch.
    held_out : ndarray, shape=(k,), dtype=int64
        Numbers of the train examples of the validation fold, rising.
    held_out_probability : ndarray, shape=(k,), dtype=float64
        Probability of class 1 of each of them, at the best epoch.
    fitted_examples, validation_examples : int
    validation_note : str or None
        Why the examples were not divided as `HeadConfig.validation` asks.
    """

    config: HeadConfig
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    mean: np.ndarray
    scale: np.ndarray
    epochs: int
    best_epoch: int
    validation_loss: float
    validation_accuracy: float
    held_out: np.ndarray
    held_out_probability: np.ndarray
    fitted_examples: int
    validation_examples: int
    validation_note: str | None

    def predict_proba(self, vectors: np.ndarray, examples: np.ndarray) -> np.ndarray:
        """Probability of class 1.

        Parameters
        ----------
        vectors : ndarray, shape=(n, d), dtype=float32
            As the encoder gave them; they are standardised here.
        examples : ndarray, shape=(m, arity), dtype=int64
            Rows of `vectors`: one for a question about a record, two for a pair.

        Returns
        -------
        ndarray, shape=(m,), dtype=float64
        """
        import torch

        used, local = _used_rows(examples)
        table = tensor((vectors[used] - self.mean) / self.scale)
        layers = [(tensor(weight), tensor(bias)) for weight, bias in self.layers]
        with torch.no_grad():
            return torch.sigmoid(all_logits(layers, table, torch.from_numpy(local)).double()).numpy()


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
    on_epoch: Callable[[int, float], None] | None = None,
) -> TrainedHead:
    """Train a head on one encoder's vectors for one task.

    Pairs are never materialised. Where the proteins are few beside a batch, the first layer is applied
    once to each protein instead of to each pair, since ``W [a; b] = W_a a + W_b b``.

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
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

    config = config or HeadConfig()
    fold = divide_examples(examples, labels, config, seed)
    used, local = _used_rows(examples)
    rows = vectors[used]
    mean, scale = _standardisation(rows)
    table = tensor((rows - mean) / scale)
    local, targets = torch.from_numpy(local), torch.from_numpy(labels.astype(np.float32))
    validation, fit = np.flatnonzero(fold.held_out), np.flatnonzero(fold.fitted)
    batch_size = config.batch_size(len(fit))
    logits = logits_by_protein if 2 * len(table) <= batch_size else logits_by_example

    parameters = initial_parameters(config, local.shape[1] * table.shape[1], seed)
    layers = list(zip(parameters[::2], parameters[1::2]))
    optimiser = torch.optim.Adam(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    rng = generator(seed, "batches")
    best: tuple[float, int, list[np.ndarray]] = (math.inf, 0, [])
    for epoch in range(1, config.epochs + 1):
        for batch in torch.from_numpy(rng.permutation(fit)).split(batch_size):
            optimiser.zero_grad()
            cross_entropy(logits(layers, table, local[batch]), targets[batch]).backward()
            optimiser.step()
        with torch.no_grad():
            held_out_logits = all_logits(layers, table, local[validation])
            loss = cross_entropy(held_out_logits.double(), targets[validation].double()).item()
        if not math.isfinite(loss):
            raise GenoProtError(
                f"the validation loss became {loss} in epoch {epoch}; lower the learning rate"
            )
        if loss < best[0]:
            best = (loss, epoch, [parameter.detach().numpy().copy() for parameter in parameters])
            right = (held_out_logits > 0) == (targets[validation] > 0)
            accuracy = right.double().mean().item()
            held_out_probability = torch.sigmoid(held_out_logits.double()).numpy()
        if on_epoch is not None:
            on_epoch(epoch, loss)
        if epoch - best[1] >= config.patience:
            break
    loss, best_epoch, weights = best
    return TrainedHead(
        config=config,
        layers=tuple(zip(weights[::2], weights[1::2])),
        mean=mean,
        scale=scale,
        epochs=epoch,
        best_epoch=best_epoch,
        validation_loss=loss,
        validation_accuracy=accuracy,
        held_out=validation,
        held_out_probability=held_out_probability,
        fitted_examples=len(fit),
        validation_examples=len(validation),
        validation_note=fold.note,
    )


def _used_rows(examples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that examples name, sorted, and the examples as positions among those."""
    used, local = np.unique(examples, return_inverse=True)
    return used, np.ascontiguousarray(local.reshape(examples.shape), dtype=np.int64)


def _standardisation(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every column, both float32, from float64 sums."""
    mean = np.empty(rows.shape[1], dtype=np.float32)
    scale = np.empty(rows.shape[1], dtype=np.float32)
    for start in range(0, rows.shape[1], _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        block = rows[:, columns].astype(np.float64)
        centre, spread = block.mean(axis=0), block.std(axis=0)
        varies = spread > _CONSTANT * np.abs(centre)
        mean[columns] = centre
        scale[columns] = np.where(varies, spread, 1.0)
    return mean, scale
