"""Progress of several transfers at once, on a terminal only."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

from tqdm import tqdm

__all__ = ["TransferProgress"]

_UNITS = {"unit": "B", "unit_scale": True, "unit_divisor": 1000, "dynamic_ncols": True}


class TransferProgress:
    """A bar for each running file and one for all of them; a line for each that is finished.

    Parameters
    ----------
    files : int
        Files that will be transferred.
    show : bool
        Whether to write anything at all, to standard error; bars are for a terminal only.
    """

    def __init__(self, files: int, show: bool) -> None:
        self._show = show
        self._bars = show and sys.stderr.isatty()
        self._files = files
        self._finished = 0
        self._mutex = threading.RLock()
        self._held: dict[str, int] = {}
        self._running: dict[str, tqdm] = {}
        self._all = tqdm(total=0, desc=f"0 of {files} files", disable=not self._bars, **_UNITS)

    def __enter__(self) -> TransferProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._mutex:
            for bar in [*self._running.values(), self._all]:
                bar.close()

    def update(self, name: str, held: int, total: int | None) -> None:
        """Tell how many bytes of a file are here, and how many it has."""
        if not self._bars:
            return
        with self._mutex:
            if name not in self._running:
                # What an earlier run left is not this run's rate.
                self._running[name] = tqdm(desc=name, total=total, initial=held, leave=False, **_UNITS)
                self._held[name] = held
                self._all.total += (total or held) - held
            bar = self._running[name]
            bar.update(held - bar.n)
            self._all.update(held - self._held[name])
            self._held[name] = held

    def finish(self, name: str, words: str) -> None:
        """Tell that a file is done, in a line."""
        with self._mutex:
            self._finished += 1
            if name in self._running:
                self._running.pop(name).close()
            self._all.set_description(f"{self._finished} of {self._files} files", refresh=self._bars)
            if self._show:
                tqdm.write(f"{name}: {words}", file=sys.stderr)
