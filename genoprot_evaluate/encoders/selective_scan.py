"""The selective scan of Mamba in time linear in the length, without a kernel of its own."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

__all__ = ["selective_scan"]

# Numbers in the states of one block of channels: little beside those of a long sequence.
BLOCK = 1 << 22
ACCELERATOR_BLOCK = 1 << 26


def selective_scan(
    inputs: torch.Tensor,
    steps: torch.Tensor,
    rates: torch.Tensor,
    enter: torch.Tensor,
    leave: torch.Tensor,
) -> torch.Tensor:
    """Scan ``h[t] = exp(steps[t] rates) h[t-1] + steps[t] enter[t] inputs[t]``, read as ``leave[t] . h[t]``.

    The sequence is cut into about as many chunks as a chunk has positions. All chunks advance together from
    a zero state; the state that each inherits is then carried from chunk to chunk, and its decaying share is
    added. Either takes about the square root of the length in steps, and only exponentials of negative
    numbers occur. Channels are computed in blocks, so that the states never exist as a whole.

    Parameters
    ----------
    inputs, steps : torch.Tensor, shape=(n, length, c), dtype=float32
        Steps are not negative.
    rates : torch.Tensor, shape=(c, s), dtype=float32
        Not positive.
    enter, leave : torch.Tensor, shape=(n, length, s), dtype=float32

    Returns
    -------
    torch.Tensor, shape=(n, length, c), dtype=float32

    References
    ----------
    Gu and Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023.

    Examples
    --------
    >>> one = torch.ones(1, 3, 1)
    >>> selective_scan(one, one, torch.tensor([[-math.log(2.0)]]), one, one).flatten().tolist()
    [1.0, 1.5, 1.75]
    """
    batch, length, channels = inputs.shape
    size = math.isqrt(length - 1) + 1
    count = -(-length // size)

    def folded(values: torch.Tensor) -> torch.Tensor:
        """Values, shape=(n, length, k), as places in a chunk, k, n and chunks."""
        whole = functional.pad(values, (0, 0, 0, size * count - length))
        return whole.view(batch, count, size, -1).permute(2, 3, 0, 1).contiguous()

    entering, leaving = folded(enter)[:, :, None], folded(leave)[:, :, None]
    result = torch.empty_like(inputs)
    budget = BLOCK if inputs.device.type == "cpu" else ACCELERATOR_BLOCK
    width = max(1, budget // (batch * length * rates.shape[1]))
    for start in range(0, channels, width):
        block = slice(start, start + width)
        output = _scan(
            folded(inputs[..., block]),
            folded(steps[..., block]),
            rates[block].T[..., None, None],
            entering,
            leaving,
        )
        whole = output.permute(2, 3, 0, 1).reshape(batch, size * count, -1)
        result[..., block] = whole[:, :length]
    return result


def _scan(
    inputs: torch.Tensor, steps: torch.Tensor, rates: torch.Tensor, enter: torch.Tensor, leave: torch.Tensor
) -> torch.Tensor:
    """Scan of folded values, shape=(size, c, n, count), with states of shape (s, c, n, count)."""
    decays = torch.mul(steps[:, None], rates).exp_()
    states = torch.mul((inputs * steps)[:, None], enter)
    for place in range(1, len(states)):
        states[place].addcmul_(decays[place], states[place - 1])
        decays[place].mul_(decays[place - 1])
    carried = torch.zeros_like(states[0])
    for chunk in range(1, states.shape[-1]):
        torch.addcmul(
            states[-1, ..., chunk - 1],
            decays[-1, ..., chunk - 1],
            carried[..., chunk - 1],
            out=carried[..., chunk],
        )
    return states.addcmul_(decays, carried).mul_(leave).sum(dim=1)
