"""Numbers of rows and examples on their way to a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["placed"]


def placed(arrays: Sequence[np.ndarray], device: torch.device) -> list[torch.Tensor]:
    """Arrays as tensors on a device, which are not to be written to.

    To an accelerator they go in one copy, which the processor does not wait for where its memory can be
    pinned: the device computes one batch while the next one is drawn.

    Parameters
    ----------
    arrays : sequence of ndarray, dtype=int64
    device : torch.device

    Examples
    --------
    >>> import torch
    >>> [tensor.tolist() for tensor in placed([np.arange(3), np.eye(2, dtype=int)], torch.device("cpu"))]
    [[0, 1, 2], [[1, 0], [0, 1]]]
    """
    import torch

    if device.type == "cpu":
        return [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
    packed = torch.from_numpy(np.concatenate([array.ravel() for array in arrays]))
    if device.type == "cuda":
        packed = packed.pin_memory()
    parts = packed.to(device, non_blocking=True).split([array.size for array in arrays])
    return [part.view(array.shape) for part, array in zip(parts, arrays)]
