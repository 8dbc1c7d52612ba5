"""What a failure inside an encoder means: memory that ran out, or a device that is gone."""

from __future__ import annotations

import sys

__all__ = ["device_failed", "memory_ran_out", "release_memory"]

_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "defaultcpuallocator",
    "bad_alloc",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)
_DEVICE = ("cuda error", "hip error", "cudnn error", "cublas error", "nccl error", "no longer available")


def memory_ran_out(error: BaseException) -> bool:
    """Whether a smaller batch may succeed where this error was raised.

    Accelerators raise `torch.OutOfMemoryError`; on the processor it is a `MemoryError` of Python or numpy, or
    a `RuntimeError` with the words of torch's allocator.

    Examples
    --------
    >>> memory_ran_out(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    True
    >>> memory_ran_out(RuntimeError("shapes do not match"))
    False
    """
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _says(error, _MEMORY)


def device_failed(error: BaseException) -> bool:
    """Whether the accelerator, not the encoder or its input, is at fault.

    Examples
    --------
    >>> device_failed(RuntimeError("CUDA error: unspecified launch failure"))
    True
    """
    torch = sys.modules.get("torch")
    accelerator_error = getattr(torch, "AcceleratorError", None)
    if accelerator_error is not None and isinstance(error, accelerator_error):
        return True
    return isinstance(error, RuntimeError) and _says(error, _DEVICE)


def release_memory() -> None:
    """Give memory that torch keeps for later back to the device, after a failure."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch is not None and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _says(error: BaseException, signs: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in signs)
