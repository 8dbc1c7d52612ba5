"""Ending transfers that run in other threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import urllib3

__all__ = ["Stop", "TransferStopped"]


class TransferStopped(Exception):
    """The transfer was told to stop; what came so far stays."""


class Stop:
    """Ends transfers from another thread, also those that wait for bytes or for a server."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._mutex = threading.Lock()
        self._open: set[urllib3.HTTPResponse] = set()

    def set(self) -> None:
        """End every transfer that was given this object."""
        self._event.set()
        with self._mutex:
            for body in self._open:
                with suppress(OSError, ValueError):  # its connection is closed already
                    body.shutdown()

    def is_set(self) -> bool:
        """Whether transfers are to end."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, but no longer than until transfers are to end; whether they are."""
        return self._event.wait(seconds)

    @contextmanager
    def ending(self, body: urllib3.HTTPResponse) -> Iterator[None]:
        """Make `set` end the reading of a body."""
        with self._mutex:
            self._open.add(body)
        try:
            yield
        finally:
            with self._mutex:
                self._open.discard(body)
