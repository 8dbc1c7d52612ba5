"""The selective scan of Mamba in time linear in the length, without a kernel of its own."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

__all__ = ["selective_scan"]

# Positions whose states are together in a processor's cache, and numbers in the states of one block of
# channels on an accelerator: little beside those of a long sequence.
STRETCH = 32
BLOCK = 1 << 26


def selective_scan(
    inputs: torch.Tensor,
    steps: torch.Tensor,
    rates: torch.Tensor,
    enter: torch.Tensor,
    leave: torch.Tensor,
) -> torch.Tensor:
    """Scan ``h[t] = exp(steps[t] rates) h[t-1] + steps[t] enter[t] inputs[t]``, read as ``leave[t] . h[t]``.

    Memory does not grow with the states, time grows with the length. A processor goes from position to
    position through short stretches, whose exponentials, inputs and outputs are computed at once. On an
    accelerator the sequence is cut into about as many chunks as a chunk has positions: all chunks advance
    together from a zero state; the state that each inherits is then carried from chunk to chunk, and its
    decaying share is added, in about the square root of the length in steps. Only exponentials of negative
    numbers occur.

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
    by = _by_stretches if inputs.device.type == "cpu" else _by_chunks
    return by(inputs, steps, rates, enter, leave)


def _by_stretches(
    inputs: torch.Tensor, steps: torch.Tensor, rates: torch.Tensor, enter: torch.Tensor, leave: torch.Tensor
) -> torch.Tensor:
    batch, length, channels = inputs.shape
    result = torch.empty_like(inputs)
    state = inputs.new_zeros(batch, channels, rates.shape[1])
    for start in range(0, length, STRETCH):
        part = slice(start, start + STRETCH)
        step = steps[:, part].transpose(0, 1)
        decays = torch.mul(step[..., None], rates).exp_()
        scaled = torch.mul(inputs[:, part].transpose(0, 1), step)
        states = torch.mul(scaled[..., None], enter[:, part].transpose(0, 1)[:, :, None])
        for decay, here in zip(decays, states):
            state = here.addcmul_(decay, state)
        outputs = torch.matmul(states, leave[:, part].transpose(0, 1)[..., None])
        result[:, part] = outputs[..., 0].transpose(0, 1)
        state = state.clone()
    return result


def _by_chunks(
    inputs: torch.Tensor, steps: torch.Tensor, rates: torch.Tensor, enter: torch.Tensor, leave: torch.Tensor
) -> torch.Tensor:
    batch, length, channels = inputs.shape
    size = math.isqrt(length - 1) + 1
    count = -(-length // size)

    def folded(values: torch.Tensor) -> torch.Tensor:
        """Values, shape=(n, length, k), as places in a chunk, k, n and chunks."""
        whole = functional.pad(values, (0, 0, 0, size * count - length))
        return whole.view(batch, count, size, -1).permute(2, 3, 0, 1).contiguous()

    entering, leaving = folded(enter)[:, :, None], folded(leave)[:, :, None]
    result = torch.empty_like(inputs)
    width = max(1, BLOCK // (batch * length * rates.shape[1]))
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
