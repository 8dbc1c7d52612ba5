"""Where torch computes: the device, and threads whose number does not change the vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from genoprot_datasets.errors import GenoProtError

__all__ = ["choose_device", "one_thread", "side_by_side"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def choose_device(name: str | None) -> torch.device:
    """Device to compute on.

    Parameters
    ----------
    name : str, optional
        In torch's notation; when left out, the accelerator of this process where there is one, else the
        processor.

    Raises
    ------
    GenoProtError
        If there is no such device.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name is None:
        from accelerate import PartialState

        return PartialState().device
    try:
        return torch.empty(0, device=name).device
    except Exception as error:  # torch raises a different class for every cause
        reason = " ".join(str(error).split())[:200]
        raise GenoProtError(f"device {name!r} cannot be used ({reason})") from None


@contextmanager
def one_thread() -> Iterator[int]:
    """Run torch's operations on one thread; yields the number of threads that were in use.

    Small products are no faster on several threads, and the last bits of some depend on their number.

    Examples
    --------
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def side_by_side(function: Callable[[Item], Outcome], items: Sequence[Item]) -> list[Outcome]:
    """Apply a function in inference mode to items, as many at a time as torch has threads.

    Each call computes on one thread, so that no operation waits for all processors to meet.

    Parameters
    ----------
    function : callable
        Called with one item, from several threads.
    items : sequence

    Returns
    -------
    list
        Outcomes in the order of the items.
    """

    def call(item: Item) -> Outcome:
        with torch.inference_mode():
            return function(item)

    with (
        one_thread() as threads,
        ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        return list(pool.map(call, items))
