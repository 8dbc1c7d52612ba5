"""Races the selective scan of Caduceus and the long filters of Evo against loops over positions."""

from __future__ import annotations

import argparse

import torch
from racing import in_child, timed

from genoprot_evaluate.encoders.convolution import fft_convolve
from genoprot_evaluate.encoders.long_filters import modal_kernel
from genoprot_evaluate.encoders.selective_scan import selective_scan

LENGTHS = (1_000, 4_000, 16_000, 64_000)
CHANNELS, STATES, POLES = 512, 16, 8
TOLERANCE = 1e-4

Inputs = tuple[torch.Tensor, ...]


def scan_inputs(length: int) -> Inputs:
    """Inputs, steps, rates, and both projections of a scan of Caduceus' shape."""
    torch.manual_seed(0)
    steps = torch.rand(1, length, CHANNELS) * 0.1
    rates = -torch.arange(1.0, STATES + 1).expand(CHANNELS, -1).contiguous()
    return (
        torch.randn(1, length, CHANNELS),
        steps,
        rates,
        torch.randn(1, length, STATES),
        torch.randn(1, length, STATES),
    )


def scan_loop(inputs: Inputs) -> torch.Tensor:
    """One position after the other."""
    signal, steps, rates, enter, leave = inputs
    state, outputs = torch.zeros(1, CHANNELS, STATES), []
    for place in range(signal.shape[1]):
        step = steps[:, place, :, None]
        state = torch.exp(step * rates) * state + step * signal[:, place, :, None] * enter[:, place, None]
        outputs.append((state * leave[:, place, None]).sum(-1))
    return torch.stack(outputs, dim=1)


def filter_inputs(length: int) -> Inputs:
    """Signal, poles and residues of a filter of Evo's shape, of fewer channels."""
    torch.manual_seed(0)
    poles = torch.polar(
        1 - 10 ** -torch.linspace(1, 4, POLES).expand(CHANNELS, -1), torch.rand(CHANNELS, POLES)
    )
    residues = torch.randn(CHANNELS, POLES, dtype=torch.complex64) * (1 - poles.abs())
    return torch.randn(1, CHANNELS, length), poles, residues


def filtered(inputs: Inputs) -> torch.Tensor:
    """By this project: a kernel from two small products, and a convolution through the Fourier domain."""
    signal, poles, residues = inputs
    return fft_convolve(signal, modal_kernel(poles.log(), residues, signal.shape[-1]))


def filter_loop(inputs: Inputs) -> torch.Tensor:
    """One position after the other, each pole with its state."""
    signal, poles, residues = inputs
    state, outputs = torch.zeros_like(poles), []
    for place in range(signal.shape[-1]):
        state = poles * state + signal[0, :, place, None]
        outputs.append((residues * state).sum(-1).real)
    return torch.stack(outputs, dim=-1)[None]


CONTENDERS = {
    "scan": (scan_inputs, lambda inputs: selective_scan(*inputs), scan_loop),
    "filter": (filter_inputs, filtered, filter_loop),
}


def contest(kind: str, contender: int, length: int) -> tuple[float, torch.Tensor]:
    """The shortest time of three calls of a contender, in seconds, and what it gave."""
    inputs = CONTENDERS[kind][0](length)
    work = CONTENDERS[kind][1 + contender]
    with torch.inference_mode():
        return min((timed(work, inputs) for _ in range(3)), key=lambda found: found[0])


def main() -> None:
    """Run the races and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    args = parser.parse_args()
    for kind in CONTENDERS:
        before = None
        for length in args.lengths:
            (seconds, found), peak = in_child(contest, kind, 0, length)
            (other, expected), other_peak = in_child(contest, kind, 1, length)
            difference = float((found - expected).abs().max() / expected.abs().max())
            assert difference <= TOLERANCE, f"outputs differ by {difference:.1e}"
            growth = (
                ""
                if before is None
                else f"   {length / before[0]:.0f} times as long, {seconds / before[1]:.1f} times the time"
            )
            before = (length, seconds)
            print(
                f"{kind:>7} {length:>7,}  {seconds:7.3f} s, {peak / 1e9:4.2f} GB   loop {other:7.3f} s, "
                f"{other_peak / 1e9:4.2f} GB   ratio {other / seconds:5.1f}   difference {difference:.0e}"
                + growth
            )


if __name__ == "__main__":
    main()
