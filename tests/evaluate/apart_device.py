"""A device of torch whose memory is apart from the processor's, so that mixing the two fails as on a GPU."""

from __future__ import annotations

import types
from pathlib import Path
from typing import NamedTuple

__all__ = ["NAME", "Counts", "build", "counts", "limit_memory", "load", "reset"]

NAME = "apart"
"""What torch calls the device."""

SOURCE = Path(__file__).with_name("apart_device.cpp")


class Counts(NamedTuple):
    """What the device was asked for since it was last reset.

    Parameters
    ----------
    launches : int
        Operations that compute or copy on the device, views not counted.
    to_device, to_host : int
        Copies between the processor and the device.
    fetched : int
        Single numbers that the processor waited for.
    held, most_held : int
        Bytes in use now and at most.
    """

    launches: int
    to_device: int
    to_host: int
    fetched: int
    held: int
    most_held: int


def build(folder: Path) -> Path:
    """Compile the device with the compiler and ninja that are there; returns the library."""
    from torch.utils import cpp_extension

    folder.mkdir(parents=True, exist_ok=True)
    cpp_extension.load(
        "apart_device",
        [str(SOURCE)],
        build_directory=str(folder),
        is_python_module=False,
        extra_cflags=["-O1"],
    )
    return folder / "apart_device.so"


def load(library: Path) -> None:
    """Make the device known to torch, for the rest of the process."""
    import torch

    torch.utils.rename_privateuse1_backend(NAME)
    module = types.ModuleType(f"torch.{NAME}")
    module.is_available = module.is_initialized = lambda: True
    module._is_in_bad_fork = lambda: False
    module.current_device, module.device_count = lambda: 0, lambda: 1
    module.manual_seed_all = lambda seed: None
    torch._register_device_module(NAME, module)
    torch.ops.load_library(library)


def counts() -> Counts:
    """What the device was asked for since it was last reset."""
    import torch

    return Counts(*torch.ops.apart.counts())


def reset() -> None:
    """Count from zero."""
    import torch

    torch.ops.apart.reset()


def limit_memory(size: int) -> None:
    """Bytes that the device has; 0 for no limit."""
    import torch

    torch.ops.apart.limit(size)
