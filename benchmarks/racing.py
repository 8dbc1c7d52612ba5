"""Clocks and memory of the races."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

__all__ = ["in_child", "timed"]


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Seconds on the wall that a call took, and its result."""
    started = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - started, result


def in_child(work: Callable[..., Any], *arguments: Any) -> tuple[Any, int]:
    """Result of a call in a fresh process, and the peak resident memory of that process in bytes."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_peak, work, arguments).result()


def _with_peak(work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, int]:
    return work(*arguments), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
