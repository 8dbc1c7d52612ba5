"""The product of a head's layer, by the fastest kernel of a processor."""

from __future__ import annotations

import torch

__all__ = ["fast_kernel", "linear"]


def linear(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """``x @ weight.T`` with gradient, shape=(n, outputs).

    In float32 on a processor it is oneDNN that multiplies, where torch was built with it. Torch itself calls
    MKL, which reaches half of oneDNN's rate on processors of other makers than its own.

    Parameters
    ----------
    x : Tensor, shape=(n, inputs)
    weight : Tensor, shape=(outputs, inputs)
    """
    return _Linear.apply(x, weight)


def fast_kernel(x: torch.Tensor) -> bool:
    """Whether products with this matrix are left to oneDNN."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or not x.numel():
        return False
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return _product(x, weight)

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_x = _product(gradient, weight.T) if ctx.needs_input_grad[0] else None
        of_weight = _product(gradient.T, x.T) if ctx.needs_input_grad[1] else None
        return of_x, of_weight


def _product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    if not fast_kernel(left):
        return left @ right.T
    # A view that is neither a whole matrix nor the transpose of one would reach a kernel without any speed.
    left, right = (m if m.is_contiguous() or m.T.is_contiguous() else m.contiguous() for m in (left, right))
    return torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")
