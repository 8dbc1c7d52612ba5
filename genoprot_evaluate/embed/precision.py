"""The precision of a run: what was asked for, or what the device is built for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genoprot_datasets.errors import GenoProtError

__all__ = ["DTYPES", "MatrixRates", "choose_dtype", "matrix_rates", "measure_matrix_rates"]

DTYPES = ("auto", "float32", "bfloat16", "float16")

NATIVE = 1.5
"""How many times faster than in float32 products in bfloat16 are on a device that is built for them.

Accelerators with matrix units for it are two to sixteen times faster, those without are slower.
"""

_SIZE = 4_096
_SECONDS = 0.1


@dataclass(frozen=True)
class MatrixRates:
    """Rates of square matrix products on a device, in operations a second.

    Parameters
    ----------
    float32, bfloat16 : float
    """

    float32: float
    bfloat16: float

    @property
    def native(self) -> bool:
        """Whether the device is built for bfloat16."""
        return self.bfloat16 >= NATIVE * self.float32


def measure_matrix_rates(device: str | None, size: int = _SIZE) -> MatrixRates | None:
    """Measure products in both precisions on an accelerator.

    Parameters
    ----------
    device : str, optional
        In torch's notation; the best of this process when left out.
    size : int
        Rows and columns.

    Returns
    -------
    MatrixRates or None
        None on a processor, which computes in float32 unless asked otherwise: its vectors shall not depend on
        what a measurement says while other work is going on.
    """
    from genoprot_evaluate.encoders.compute import choose_device

    place = choose_device(device)
    return None if place.type == "cpu" else matrix_rates(place, size)


def matrix_rates(device: Any, size: int) -> MatrixRates:
    """Rates of square products of a size on a device of torch."""
    import torch

    def rate(dtype: torch.dtype) -> float:
        first = torch.ones(size, size, dtype=dtype, device=device)
        product = first @ first
        repeats, started = 0, time.perf_counter()
        while repeats == 0 or time.perf_counter() - started < _SECONDS:
            product = first @ first
            # Fetching a number waits for the device.
            product[0, 0].item()
            repeats += 1
        return 2.0 * size**3 * repeats / (time.perf_counter() - started)

    with torch.inference_mode():
        return MatrixRates(rate(torch.float32), rate(torch.bfloat16))


def choose_dtype(wanted: str, supported: Sequence[str], rates: MatrixRates | None) -> str:
    """Precision to compute in.

    Parameters
    ----------
    wanted : str
        One of `DTYPES`; ``auto`` is bfloat16 where the encoder has it and the device is built for it, else
        float32.
    supported : sequence of str
        Precisions of the encoder.
    rates : MatrixRates, optional
        Of an accelerator, for ``auto``; without them it is float32.

    Raises
    ------
    GenoProtError
        If there is no such precision, or the encoder does not compute in it.

    Examples
    --------
    >>> choose_dtype("auto", ("float32", "bfloat16"), MatrixRates(1e13, 2e14))
    'bfloat16'
    >>> choose_dtype("auto", ("float32", "bfloat16"), MatrixRates(6e10, 3e10))
    'float32'
    """
    if wanted not in DTYPES:
        raise GenoProtError(f"dtype {wanted!r} is not one of {', '.join(DTYPES)}")
    if wanted == "auto":
        return "bfloat16" if "bfloat16" in supported and rates is not None and rates.native else "float32"
    if wanted not in supported:
        raise GenoProtError(f"dtype {wanted}: the encoder computes in {', '.join(supported)} only")
    return wanted
