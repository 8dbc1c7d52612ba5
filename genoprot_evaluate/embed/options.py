"""Ways to compute that pay on some devices: compiled models, attention kernels, pinned transfers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.base import Encoder

__all__ = ["ATTENTION_KERNELS", "ComputeOptions", "applied"]

ATTENTION_KERNELS = ("auto", "flash", "efficient", "cudnn", "math")
"""Kernels of `torch.nn.functional.scaled_dot_product_attention`; auto leaves the choice to torch."""


@dataclass(frozen=True)
class ComputeOptions:
    """Options that change how fast an encoder computes, and perhaps the last bits of its vectors.

    Parameters
    ----------
    compile : bool
        Compile the encoder's model by `torch.compile`, for any shape of batch.
    attention : str
        One of `ATTENTION_KERNELS`.
    pin_memory : bool
        Move batches to a CUDA device from pinned memory while the processor goes on.

    Raises
    ------
    GenoProtError
        If there is no such kernel.
    """

    compile: bool = False
    attention: str = "auto"
    pin_memory: bool = False

    def __post_init__(self) -> None:
        if self.attention not in ATTENTION_KERNELS:
            raise GenoProtError(f"attention {self.attention!r} is not one of {', '.join(ATTENTION_KERNELS)}")


@contextmanager
def applied(options: ComputeOptions, encoder: Encoder) -> Iterator[None]:
    """Compute with options inside the block, and what is in float32 without TF32.

    Raises
    ------
    GenoProtError
        If the encoder has no model to compile.
    """
    with ExitStack() as stack:
        if getattr(encoder, "device", None) is not None:
            from genoprot_evaluate.encoders.compute import full_float32

            stack.enter_context(full_float32())
        if options.compile:
            stack.enter_context(_compiled(encoder))
        if options.attention != "auto":
            from torch.nn.attention import SDPBackend, sdpa_kernel

            backend = {
                "flash": SDPBackend.FLASH_ATTENTION,
                "efficient": SDPBackend.EFFICIENT_ATTENTION,
                "cudnn": SDPBackend.CUDNN_ATTENTION,
                "math": SDPBackend.MATH,
            }[options.attention]
            stack.enter_context(sdpa_kernel(backend))
        if options.pin_memory:
            from genoprot_evaluate.encoders.compute import pinned_transfers

            stack.enter_context(pinned_transfers())
        yield


@contextmanager
def _compiled(encoder: Encoder) -> Iterator[None]:
    import torch

    model = getattr(encoder, "model", None)
    if not isinstance(model, torch.nn.Module):
        raise GenoProtError(f"encoder {encoder.spec.name} has no model to compile; leave out --compile")
    # In place: the encoder goes on calling and reading the same object.
    model.compile(dynamic=True)
    try:
        yield
    finally:
        model._compiled_call_impl = None
