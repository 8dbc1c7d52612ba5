"""Progress as text: a line for each finished task, and on a terminal one that says what is going on."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from typing import TextIO

from genoprot_evaluate.baselines import PREFIX
from genoprot_evaluate.evaluation.progress import Progress
from genoprot_evaluate.results import Score
from genoprot_evaluate.tables import percent

__all__ = ["Ticker", "duration"]

_REDRAWN_AFTER = 0.1


def duration(seconds: float) -> str:
    """Seconds in words.

    Examples
    --------
    >>> duration(8.2), duration(100), duration(7500)
    ('8 s', '1 min 40 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Ticker:
    """Writes the progress of a run.

    The line of a finished task has the seconds that its cells took, those side by side each counted.

    Parameters
    ----------
    stream : text file, optional
        The standard error stream when left out.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._drawn = 0.0
        self._scores: dict[str, dict[str, Score]] = {}
        self._seconds: Counter[str] = Counter()

    def __call__(self, now: Progress) -> None:
        """Take a step of the run; see `Progress`."""
        if now.score is not None:
            scores = self._scores.setdefault(now.task, {})
            scores[now.model] = now.score
            self._seconds[now.task] += now.seconds
            if not now.rest:
                self._say(f"{now.task:<12} {self._seconds[now.task]:7.1f} s in cells  {_best_of(scores)}")
        if self._live and (now.done == now.total or time.perf_counter() - self._drawn > _REDRAWN_AFTER):
            self._draw(now)

    def _say(self, text: str) -> None:
        clear = "\r\x1b[K" if self._live else ""
        print(f"{clear}{text}", file=self._stream, flush=True)

    def _draw(self, now: Progress) -> None:
        self._drawn = time.perf_counter()
        parts = [f"{now.done} of {now.total}"]
        if now.done == now.total:
            parts.append("ensembles, intervals and comparisons")
        elif now.left is not None:
            parts.append(f"about {duration(now.left)} left")
        for task, model, epoch in now.running:
            parts.append(f"{task} x {model}" + (f", epoch {epoch}" if epoch else ""))
        line = "; ".join(parts)[: shutil.get_terminal_size().columns - 1]
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()

    def close(self) -> None:
        """Take the line of what is going on away."""
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _best_of(scores: dict[str, Score]) -> str:
    """The best encoder and the best baseline of a task."""
    found = []
    for kind, names in (
        ("best encoder", [name for name in scores if not name.startswith(PREFIX)]),
        ("best baseline", [name for name in scores if name.startswith(PREFIX)]),
    ):
        known = [n for n in names if scores[n].accuracy is not None and scores[n].accuracy.mean is not None]
        if known:
            best = max(known, key=lambda name: scores[name].accuracy.mean)
            found.append(f"{kind} {best.removeprefix(PREFIX)} {percent(scores[best])}")
    return "; ".join(found) or next((score.reason for score in scores.values() if score.reason), "no score")
