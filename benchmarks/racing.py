"""Clocks and memory of the races."""

from __future__ import annotations

import io
import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["StageClock", "clocked", "in_child", "timed"]


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Seconds on the wall that a call took, and its result."""
    started = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - started, result


def clocked(work: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    """Seconds on the wall and of processors that a call took, and its result."""
    used = time.process_time()
    seconds, result = timed(work, *arguments)
    return seconds, time.process_time() - used, result


def in_child(work: Callable[..., Any], *arguments: Any) -> tuple[Any, int]:
    """Result of a call in a fresh process, and the peak resident memory of that process in bytes."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_with_peak, work, arguments).result()


def _with_peak(work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, int]:
    return work(*arguments), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class StageClock(io.TextIOBase):
    """Seconds, processor seconds and peak resident memory in GB of the stages of this process, by name.

    A stage ends with a line written here that begins with its name, or with `lap`. Its peak includes what
    earlier stages left in memory. Needs Linux, where a process may set its own peak back.
    """

    def __init__(self) -> None:
        self.laps: dict[str, tuple[float, float, float]] = {}
        self._restart()

    def write(self, text: str) -> int:
        if text.strip():
            self.lap(text.split()[0])
        return len(text)

    def lap(self, stage: str) -> None:
        """End a stage and begin the next one."""
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
        seconds, processor = time.perf_counter() - self._seconds, time.process_time() - self._processor
        self.laps[stage] = (seconds, processor, peak * 1024 / 1e9)
        self._restart()

    def _restart(self) -> None:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self._seconds, self._processor = time.perf_counter(), time.process_time()
