"""Threads that wait for answers, and are not waited for long when a run ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TypeVar

from genoprot_datasets.stopping import Stop

__all__ = ["GRACE_SECONDS", "run_in_threads"]

GRACE_SECONDS = 10.0
"""How long calls under way are waited for when a run is interrupted or has failed."""

_LOOK_SECONDS = 0.1

Entry = TypeVar("Entry")


def run_in_threads(
    entries: Iterable[Entry],
    work: Callable[[Entry], None],
    jobs: int,
    stop: Stop,
    grace_seconds: float = GRACE_SECONDS,
) -> None:
    """Call a function for every entry, several at once.

    Unlike an executor, an interrupted run does not wait for as long as an endpoint says nothing: calls that
    are not back after a while are given up.

    Parameters
    ----------
    entries : iterable
    work : callable
    jobs : int
        Calls at once.
    stop : Stop
        Set when the first call fails or the run is interrupted; entries that are left are not begun then.
    grace_seconds : float

    Raises
    ------
    BaseException
        What the first call that failed has raised.
    """
    todo: SimpleQueue[Entry] = SimpleQueue()
    for entry in entries:
        todo.put(entry)
    errors: list[BaseException] = []

    ended = threading.Semaphore(0)

    def worker() -> None:
        try:
            while not stop.is_set():
                work(todo.get_nowait())
        except Empty:
            pass
        except BaseException as error:
            errors.append(error)
            stop.set()
        finally:
            ended.release()

    left = min(jobs, todo.qsize())
    for _ in range(left):
        threading.Thread(target=worker, daemon=True).start()
    try:
        while left and not stop.is_set():
            left -= ended.acquire(timeout=_LOOK_SECONDS)
    finally:
        if left:
            stop.set()
        deadline = time.monotonic() + grace_seconds
        while left and ended.acquire(timeout=max(0.0, deadline - time.monotonic())):
            left -= 1
    if errors:
        raise errors[0]
