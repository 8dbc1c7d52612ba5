"""How many tokens go into a batch: measured on the device with the encoder itself, then kept for the run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genoprot_datasets.errors import SourceError
from genoprot_datasets.files import atomic_file
from genoprot_evaluate.batching import SPECIAL_TOKENS
from genoprot_evaluate.encoders.base import Encoder
from genoprot_evaluate.encoders.failures import memory_ran_out, release_memory

__all__ = ["BATCH_TOKENS", "Budget", "calibrate", "keep_budget", "kept_budget", "set_budget"]

BATCH_TOKENS = 1 << 16
"""Budget of an encoder that states none and is not measured."""

SMALLEST, LARGEST = 1 << 11, 1 << 21
SHARE = 64
"""A budget is measured when the sequences hold so many times more tokens."""

SECONDS = 4.0
"""Measuring ends when it has taken so long."""

NEARLY = 0.97
"""The smallest budget is taken that reaches this share of the best rate: it leaves the most memory."""


@dataclass(frozen=True)
class Budget:
    """Tokens of a batch, padding and special tokens included.

    Parameters
    ----------
    tokens : int
    origin : {"asked", "measured", "encoder"}
        Whether the user asked for it, it was measured, or the encoder states it.
    rates : tuple of (int, float)
        What was measured: budgets, and tokens a second.
    """

    tokens: int
    origin: str
    rates: tuple[tuple[int, float], ...] = ()


def calibrate(
    encoder: Encoder,
    lengths: np.ndarray,
    take: Callable[[np.ndarray], list[str]],
    clock: Callable[[], float] = time.perf_counter,
) -> Budget:
    """Measure the encoder's rate at growing budgets and choose one.

    Only where any budget gives the same vectors, or on an accelerator, whose vectors depend in their last
    bits on the batch in any case. Batches for the measurement are of sequences about the median length.

    Parameters
    ----------
    encoder : Encoder
    lengths : ndarray, shape=(n,), dtype=int64
        Letters of each sequence.
    take : callable
        Sequences at some positions.
    clock : callable
        Seconds.

    Returns
    -------
    Budget
        Measured, or the encoder's own where that cannot be done or the sequences are too few to be worth it.
    """
    stated = Budget(getattr(encoder, "batch_tokens", None) or BATCH_TOKENS, "encoder")
    accelerated = getattr(getattr(encoder, "device", None), "type", "cpu") != "cpu"
    if not hasattr(encoder, "device") or not (accelerated or getattr(encoder, "alone", False)):
        return stated
    total = int(lengths.sum()) + SPECIAL_TOKENS * lengths.size
    order = np.argsort(lengths, kind="stable")
    context = encoder.spec.context or int(lengths.max())
    rates: list[tuple[int, float]] = []
    started, tokens = clock(), SMALLEST
    while tokens <= min(LARGEST, total // SHARE) and clock() - started < SECONDS:
        batch = _sample(order, lengths, min(context, tokens), tokens)
        texts = [text[:context] for text in take(batch)]
        if not rates:
            # The first call of all also pays for what is prepared once.
            encoder.embed(texts[:1])
        set_budget(encoder, tokens)
        before = clock()
        try:
            encoder.embed(texts)
        except Exception as error:  # allocators raise a different class each
            if not memory_ran_out(error):
                raise
            break
        spent = max(clock() - before, 1e-9)
        rates.append((tokens, sum(len(text) + SPECIAL_TOKENS for text in texts) / spent))
        tokens *= 2
    release_memory()
    if len(rates) < 2:
        return stated
    best = max(rate for _, rate in rates)
    chosen = next(tokens for tokens, rate in rates if rate >= NEARLY * best)
    return Budget(chosen, "measured", tuple(rates))


def set_budget(encoder: Encoder, tokens: int) -> None:
    """Tell an encoder that splits its input itself how many tokens a batch has."""
    if hasattr(encoder, "batch_tokens"):
        encoder.batch_tokens = tokens


def _sample(order: np.ndarray, lengths: np.ndarray, longest: int, tokens: int) -> np.ndarray:
    """Positions of sequences about the median length, as many as fill the budget."""
    middle = order.size // 2
    width = int(min(longest, lengths[order[middle]])) + SPECIAL_TOKENS
    rows = max(1, tokens // width)
    start = max(0, min(middle - rows // 2, order.size - rows))
    return np.resize(order[start : start + rows], rows)


def keep_budget(budget: Budget, path: Path) -> None:
    """Write a budget into a file."""
    with atomic_file(path) as staging:
        staging.write_text(json.dumps(asdict(budget)), encoding="utf-8")


def kept_budget(path: Path) -> Budget | None:
    """Budget in a file; None when there is no such file.

    Raises
    ------
    SourceError
        If the file is damaged.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Budget(
            int(content["tokens"]),
            str(content["origin"]),
            tuple((int(tokens), float(rate)) for tokens, rate in content["rates"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(path, f"not a budget ({error}); remove the folder and run again") from None
