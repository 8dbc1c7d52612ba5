"""How far a run of cells is: what is being fitted, and how long the rest will take."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from genoprot_evaluate.evaluation.cells import Cell
from genoprot_evaluate.results import Score

__all__ = ["Progress", "Tell", "Tracker"]

_TYPICAL_EPOCHS = 25
# A cell that ends sooner was kept by an earlier run or costs nothing; it says nothing about the others.
_INSTANT_SECONDS = 0.05
_FIRST_GUESS_SECONDS = 1.0
_FIRST_GUESS_SHARE = 0.02


class Progress(NamedTuple):
    """What `evaluate` tells when a cell begins, after each of its epochs, and when it is scored.

    Parameters
    ----------
    done, total : int
        Cells that are scored, and all of them.
    task, model : str
        The cell that this is about.
    score : Score or None
        None while the cell is being fitted.
    seconds : float
        What fitting the cell took; 0 while it goes on.
    rest : int
        Cells of the same task that are not scored yet.
    running : tuple of (str, str, int)
        Task, model and epoch of the cells that are being fitted; epoch 0 before the first one ends.
    left : float or None
        Seconds that the rest will take, as far as can be told.
    """

    done: int
    total: int
    task: str
    model: str
    score: Score | None
    seconds: float
    rest: int
    running: tuple[tuple[str, str, int], ...]
    left: float | None


Tell = Callable[[Progress], None]


class Tracker:
    """Follows the cells of a run from the threads that fit them, and tells of every change, one at a time.

    Parameters
    ----------
    work : mapping of (task, model) to float
        What each cell is expected to cost, in any unit.
    tell : callable or None
    clock : callable
        Seconds.
    """

    def __init__(
        self, work: Mapping[Cell, float], tell: Tell | None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._work = dict(work)
        self._tell = tell
        self._clock = clock
        self._lock = threading.RLock()
        self._started = clock()
        self._epochs: dict[Cell, int] = {}
        self._to_score = Counter(task for task, _ in work)
        self._scored = 0
        self._all = self._ahead = sum(self._work.values())
        self._behind = 0.0

    def begun(self, cells: Sequence[Cell]) -> None:
        """Cells are being fitted together."""
        self.reached(cells, 0)

    def reached(self, cells: Sequence[Cell], epoch: int) -> None:
        """Cells that are fitted together have gone through so many epochs."""
        with self._lock:
            self._epochs.update(dict.fromkeys(cells, epoch))
            for task, model in cells:
                self._told(task, model)

    def ended(self, cells: Sequence[Cell], seconds: float) -> None:
        """Cells are fitted, in so many seconds each."""
        with self._lock:
            for cell in cells:
                del self._epochs[cell]
                self._ahead -= self._work[cell]
                if seconds >= _INSTANT_SECONDS:
                    self._behind += self._work[cell]

    def scored(self, cell: Cell, score: Score, seconds: float) -> None:
        """A cell is scored."""
        with self._lock:
            self._scored += 1
            self._to_score[cell[0]] -= 1
            self._told(*cell, score, seconds)

    def _told(self, task: str, model: str, score: Score | None = None, seconds: float = 0.0) -> None:
        if self._tell is not None:
            running = tuple((*cell, epoch) for cell, epoch in self._epochs.items())
            total = self._scored + self._to_score.total()
            rest = self._to_score[task]
            self._tell(
                Progress(self._scored, total, task, model, score, seconds, rest, running, self._left())
            )

    def _left(self) -> float | None:
        part = sum(
            self._work[cell] * min(0.9, epoch / _TYPICAL_EPOCHS) for cell, epoch in self._epochs.items()
        )
        elapsed, behind = self._clock() - self._started, self._behind + part
        if behind < _FIRST_GUESS_SHARE * self._all or elapsed < _FIRST_GUESS_SECONDS:
            return None
        return max(0.0, elapsed * (self._ahead - part) / behind)
