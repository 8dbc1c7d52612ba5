"""Where torch computes: the device, and threads whose number does not change the vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ClassVar, TypeVar

import numpy as np
import torch

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.base import EncoderSpec

__all__ = [
    "HALF_PRECISION",
    "Placed",
    "choose_device",
    "computes_alone",
    "full_float32",
    "one_thread",
    "pinned_transfers",
    "side_by_side",
    "transferred",
]

HALF_PRECISION = ("float32", "bfloat16", "float16")
"""Precisions of families whose vectors stand the shorter ones."""

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Placed:
    """An encoder on a device of torch.

    On a processor it computes each sequence alone, else batches that are padded to one length. Families that
    compute in other precisions than float32 name them in `dtypes`.
    """

    spec: EncoderSpec
    device: torch.device
    model: torch.nn.Module
    dtypes: ClassVar[tuple[str, ...]] = ("float32",)

    @property
    def alone(self) -> bool:
        """Whether a vector depends on its sequence alone, to the last bit."""
        return computes_alone(self.device)

    @property
    def pads(self) -> bool:
        """Whether the sequences of a batch are padded to one length."""
        return not self.alone

    def cast(self, dtype: str) -> None:
        """Compute in another precision.

        Parameters are converted and buffers kept: rotary frequencies and running statistics need float32.

        Parameters
        ----------
        dtype : str
            One of `dtypes`.

        Raises
        ------
        GenoProtError
            If the family does not compute in it.
        """
        precision = self.torch_dtype(dtype)
        for parameter in self.model.parameters():
            parameter.data = parameter.data.to(precision)

    @classmethod
    def torch_dtype(cls, dtype: str) -> torch.dtype:
        """A precision as torch has it.

        Raises
        ------
        GenoProtError
            If the family does not compute in it.
        """
        if dtype not in cls.dtypes:
            raise GenoProtError(
                f"dtype {dtype}: encoder {cls.spec.name} computes in {', '.join(cls.dtypes)} only"
            )
        return getattr(torch, dtype)


def computes_alone(device: torch.device) -> bool:
    """Whether a device computes each sequence by itself rather than in padded batches.

    Examples
    --------
    >>> computes_alone(torch.device("cpu"))
    True
    """
    return device.type == "cpu"


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


_PINNED: ContextVar[bool] = ContextVar("pinned transfers", default=False)


@contextmanager
def pinned_transfers() -> Iterator[None]:
    """Move arrays to CUDA devices from pinned memory, while the processor goes on."""
    token = _PINNED.set(True)
    try:
        yield
    finally:
        _PINNED.reset(token)


def transferred(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """An array as a tensor on a device.

    Examples
    --------
    >>> transferred(np.zeros((2, 3)), torch.device("cpu")).shape
    torch.Size([2, 3])
    """
    tensor = torch.from_numpy(array)
    if device.type == "cuda" and _PINNED.get():
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@contextmanager
def full_float32() -> Iterator[None]:
    """Convolve in float32 on CUDA devices where float32 is asked for.

    Torch leaves convolutions to TF32, which has the digits of float16, but not the products of matrices.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


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

    if len(items) < 2:
        with one_thread():
            return [call(item) for item in items]
    with (
        one_thread() as threads,
        ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        return list(pool.map(call, items))
