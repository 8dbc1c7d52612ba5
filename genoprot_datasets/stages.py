"""What the stages of a long run took, a line each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["StageLog"]


class StageLog:
    """Tells on standard error what each stage took and what came of it.

    Parameters
    ----------
    show : bool
        Whether to print anything.
    """

    def __init__(self, show: bool) -> None:
        self._show = show

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time a stage; the function that it yields takes the line's result."""
        results: list[str] = []
        before = time.perf_counter()
        yield results.append
        if self._show:
            seconds = time.perf_counter() - before
            print(f"{name:<12} {seconds:7.1f} s  {''.join(results)}", file=sys.stderr, flush=True)
