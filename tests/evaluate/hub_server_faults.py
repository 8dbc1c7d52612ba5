"""What goes wrong on a Hub, as a test tells it to."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field

__all__ = ["Fault", "Faults"]


@dataclass
class Fault:
    """Something that happens to requests instead of their answer.

    Attributes
    ----------
    method : str
        Regular expression, as `path`; both are searched.
    path : str
        Of the request's target with its query.
    status : int or None
        Answer with it; None cuts the connection.
    headers : dict
    message : str
    after : int
        Bytes of the request's or the answer's body after which the connection is cut.
    skip, times : int
        Requests that are let through first, and those that are hit then.
    answered : bool
        Do what was asked for, and cut the connection instead of saying so.
    """

    method: str
    path: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "Internal Error - We're working hard to fix this as soon as possible!"
    after: int = 0
    skip: int = 0
    times: int = 1
    answered: bool = False


class Faults:
    """Faults that are still to happen; safe to ask from many threads."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []
        self._mutex = threading.Lock()

    def add(self, *faults: Fault) -> None:
        with self._mutex:
            self._pending += faults

    def clear(self) -> None:
        with self._mutex:
            self._pending.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """The fault that hits a request, if any."""
        with self._mutex:
            for fault in self._pending:
                if re.search(fault.method, method) and re.search(fault.path, path):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    if fault.times <= 0:
                        self._pending.remove(fault)
                    return fault
        return None
