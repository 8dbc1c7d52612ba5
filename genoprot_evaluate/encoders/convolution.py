"""Causal convolutions over sequences, and the gated operator that Hyena models build from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from scipy.fft import next_fast_len

__all__ = ["Mix", "channel_slices", "correlate", "fft_convolve", "gated_convolution"]

Mix = Callable[[torch.Tensor, slice], torch.Tensor]

# Numbers in one channel block: enough for fast products, little beside the states of a long sequence.
BLOCK = 1 << 23
ACCELERATOR_BLOCK = 1 << 26


def correlate(signal: torch.Tensor, taps: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Causal cross-correlation of every channel with a few taps of its own.

    Parameters
    ----------
    signal : torch.Tensor, shape=(n, c, length)
    taps : torch.Tensor, shape=(c, k)
        The last one meets the position itself.
    bias : torch.Tensor, shape=(c,), optional

    Returns
    -------
    torch.Tensor, shape=(n, c, length), dtype=float32

    Examples
    --------
    >>> correlate(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[10.0, 1.0]])).tolist()
    [[[1.0, 12.0, 23.0]]]
    """
    signal, taps = signal.float(), taps.float()
    result = signal * taps[:, -1:]
    if bias is not None:
        result += bias.float()[:, None]
    for lag in range(1, min(taps.shape[1], signal.shape[2])):
        result[..., lag:].addcmul_(signal[..., :-lag], taps[:, -1 - lag, None])
    return result


def fft_convolve(signal: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Causal convolution of every channel with a kernel of its own, through the Fourier domain.

    Parameters
    ----------
    signal : torch.Tensor, shape=(n, c, length)
    kernel : torch.Tensor, shape=(c, k)
        The first element meets the position itself; what is longer than the signal has no effect.

    Returns
    -------
    torch.Tensor, shape=(n, c, length), dtype=float32

    Examples
    --------
    >>> fft_convolve(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[1.0, 10.0]])).round().tolist()
    [[[1.0, 12.0, 23.0]]]
    """
    length = signal.shape[-1]
    kernel = kernel[..., :length]
    size = next_fast_len(length + kernel.shape[-1] - 1, real=True)
    spectrum = torch.fft.rfft(signal.float(), n=size)
    spectrum *= torch.fft.rfft(kernel.float(), n=size)
    return torch.fft.irfft(spectrum, n=size)[..., :length]


def channel_slices(channels: int, positions: int, device: torch.device) -> Iterator[slice]:
    """Blocks of channels whose size in memory does not grow with the number of positions.

    Examples
    --------
    >>> list(channel_slices(5, (1 << 22) - 1, torch.device("cpu")))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    budget = BLOCK if device.type == "cpu" else ACCELERATOR_BLOCK
    size = max(1, budget // positions)
    for start in range(0, channels, size):
        yield slice(start, min(start + size, channels))


def gated_convolution(
    inputs: torch.Tensor,
    projection: tuple[torch.Tensor, torch.Tensor | None],
    taps: tuple[torch.Tensor, torch.Tensor | None],
    mixes: Sequence[Mix],
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Hyena operator, before the output projection: of order 2 it is ``outer * mix(inner * value)``.

    The streams are projections of the inputs behind a short causal correlation: outer, inner and value. An
    operator of order k has k - 1 inner ones, of which the value meets the last one first. Blocks of channels
    are computed one after the other, so that neither the streams nor the filters ever exist as a whole.

    Parameters
    ----------
    inputs : torch.Tensor, shape=(n, length, d)
    projection : tuple
        Weight, shape=(k + 1, d, d), and bias, shape=(k + 1, d), or None: of the streams.
    taps : tuple
        Weight, shape=(k + 1, d, taps), and bias, shape=(k + 1, d), or None: of the short correlation.
    mixes : sequence of callable
        Long filters, one for each inner stream: called with a tensor, shape=(n, c, length), and the slice of
        its channels; give the same shape.
    mask : torch.Tensor, shape=(n, length), dtype=bool, optional
        True where a token is. Padding has no effect on the tokens before it, but its rounding in the Fourier
        domain has: without a mask, long padding costs a short sequence a digit.

    Returns
    -------
    torch.Tensor, shape=(n, length, d)

    References
    ----------
    Poli et al., "Hyena hierarchy: towards larger convolutional language models", ICML 2023.
    """
    batch, length, width = inputs.shape
    (weight, bias), (short, short_bias) = projection, taps
    columns = inputs.mT
    result = torch.empty_like(columns, memory_format=torch.contiguous_format)
    for channels in channel_slices(width, batch * length, inputs.device):
        streams = torch.bmm(weight[:, channels].flatten(0, 1).expand(batch, -1, -1), columns)
        if bias is not None:
            streams += bias[:, channels].reshape(-1, 1)
        shift = None if short_bias is None else short_bias[:, channels].flatten()
        # Streams and filtered signals are rounded where the released models in bfloat16 round them.
        streams = correlate(streams, short[:, channels].flatten(0, 1), shift).to(inputs.dtype)
        outer, *gates, value = streams.chunk(len(weight), dim=1)
        for gate, mix in zip(reversed(gates), mixes):
            signal = value.mul_(gate)
            if mask is not None:
                signal.mul_(mask[:, None])
            value = mix(signal, channels).to(inputs.dtype)
        result[:, channels] = value.mul_(outer)
    return result.mT
