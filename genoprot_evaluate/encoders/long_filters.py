"""The long filters of StripedHyena models: sums of exponentials, and explicit ones."""

from __future__ import annotations

import math

import torch
from torch import nn

from genoprot_evaluate.encoders.convolution import correlate, fft_convolve

__all__ = ["ExplicitFilter", "LongFilter", "ModalFilter", "RealModalFilter", "modal_kernel"]

DIRECT = 512


def modal_kernel(log_poles: torch.Tensor, residues: torch.Tensor, length: int) -> torch.Tensor:
    """Real part of ``sum over s of residues[s] exp(log_poles[s] t)`` at t = 0 ... length - 1.

    With ``t = a k + b`` for a k near the square root of the length, the sum is a product of two small
    matrices for every channel, so that only about ``2 sqrt(length)`` exponentials of each pole are taken.
    A short filter is summed term by term, with the rounding of the released code.

    Parameters
    ----------
    log_poles, residues : torch.Tensor, shape=(c, s)
        Real or complex.
    length : int

    Returns
    -------
    torch.Tensor, shape=(c, length), dtype=float32

    Examples
    --------
    >>> half = torch.tensor([[0.5]])
    >>> modal_kernel(half.log(), torch.ones(1, 1), 4).tolist()
    [[1.0, 0.5, 0.25, 0.125]]
    """
    if length <= DIRECT:
        times = torch.arange(length, device=log_poles.device)
        kernel = (residues[..., None] * torch.exp(log_poles[..., None] * times)).sum(dim=1)
        return kernel.real if kernel.is_complex() else kernel
    size = math.isqrt(length - 1) + 1
    exponents = log_poles.to(torch.promote_types(log_poles.dtype, torch.float64))[:, None]
    near = torch.arange(size, device=log_poles.device)[:, None]
    far = torch.arange(0, length, size, device=log_poles.device)[:, None]
    left = (residues[:, None] * torch.exp(exponents * far)).to(residues.dtype)
    right = torch.exp(exponents * near).to(residues.dtype).mT
    if not residues.is_complex():
        return (left @ right).flatten(1)[:, :length]
    real = (left.real @ right.real).sub_(left.imag @ right.imag)
    return real.flatten(1)[:, :length]


class LongFilter(nn.Module):
    """A long filter behind the short one of the three streams.

    Parameters
    ----------
    width : int
        Channels.
    taps : int
        Length of the short filter.
    bias : bool
        Whether the short filter has one.
    skip : bool
        Whether the input is added, scaled by channel.
    """

    def __init__(self, width: int, taps: int, bias: bool, skip: bool = True) -> None:
        super().__init__()
        self.short_filter_weight = nn.Parameter(torch.empty(3 * width, 1, taps))
        self.short_filter_bias = nn.Parameter(torch.empty(3 * width)) if bias else None
        self.D = nn.Parameter(torch.empty(width)) if skip else None

    def convolved(self, signal: torch.Tensor, channels: slice) -> torch.Tensor:
        """Signal of some channels behind the long filter, shape=(n, c, length), dtype=float32."""
        raise NotImplementedError

    def mix(self, signal: torch.Tensor, channels: slice) -> torch.Tensor:
        """What `gated_convolution` does between the gates."""
        result = self.convolved(signal, channels)
        return result if self.D is None else result.addcmul_(signal, self.D[channels, None].float())

    def _groups(self, table: torch.Tensor, channels: slice) -> torch.Tensor:
        """Rows of a table of groups for some channels; neighbouring channels share a group."""
        width = self.short_filter_weight.shape[0] // 3
        rows = torch.arange(channels.start, channels.stop, device=table.device) // (width // len(table))
        return table[rows]


class ModalFilter(LongFilter):
    """Sum of damped oscillations, given by complex poles and residues: the long filter of Evo.

    Parameters
    ----------
    width, taps, bias
        As of `LongFilter`.
    groups, states : int
        Filters, and poles of each.
    """

    def __init__(self, width: int, taps: int, bias: bool, groups: int, states: int) -> None:
        super().__init__(width, taps, bias)
        self.poles = nn.Parameter(torch.empty(groups, states, 1, 2))
        self.residues = nn.Parameter(torch.empty(groups, states, 1, 2))

    def convolved(self, signal: torch.Tensor, channels: slice) -> torch.Tensor:
        """Convolution with the filter."""
        poles, residues = (
            torch.view_as_complex(self._groups(table, channels)[:, :, 0].contiguous())
            for table in (self.poles, self.residues)
        )
        return fft_convolve(signal, modal_kernel(poles.log(), residues, signal.shape[-1]))


class RealModalFilter(LongFilter):
    """Sum of exponentials: the long filter (hcl) of Evo 2.

    Parameters
    ----------
    width, taps, bias, groups, states
        As of `ModalFilter`.
    """

    def __init__(self, width: int, taps: int, bias: bool, groups: int, states: int) -> None:
        super().__init__(width, taps, bias)
        self.log_poles = nn.Parameter(torch.empty(groups, states, 1))
        self.residues = nn.Parameter(torch.empty(groups, states))

    def convolved(self, signal: torch.Tensor, channels: slice) -> torch.Tensor:
        """Convolution with the filter."""
        log_poles = self._groups(self.log_poles, channels)[..., 0]
        kernel = modal_kernel(log_poles, self._groups(self.residues, channels), signal.shape[-1])
        return fft_convolve(signal, kernel)


class ExplicitFilter(LongFilter):
    """Explicit taps: the medium (hcm) and short (hcs) filters of Evo 2.

    A medium filter has a skip and is convolved with the signal; a short one has none and is correlated with
    it. Those of 128 taps or more are medium ones, and of fewer taps those that come with a skip.

    Parameters
    ----------
    width, taps, bias, skip
        As of `LongFilter`.
    groups, longest : int
        Filters, and taps of each.
    """

    def __init__(self, width: int, taps: int, bias: bool, groups: int, longest: int, skip: bool) -> None:
        super().__init__(width, taps, bias, skip)
        self.h = nn.Parameter(torch.empty(groups, 1, longest))

    def convolved(self, signal: torch.Tensor, channels: slice) -> torch.Tensor:
        """Convolution or correlation with the filter."""
        filters = self._groups(self.h, channels)[:, 0]
        return correlate(signal, filters) if self.D is None else fft_convolve(signal, filters)
