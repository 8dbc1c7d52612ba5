"""Races the selective scan of Caduceus and the long filters of Evo against loops over positions."""

from __future__ import annotations

import argparse
import itertools
import time

import torch
from racing import in_child

from genoprot_evaluate.encoders.convolution import channel_slices, fft_convolve
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
    """By this project: kernels from two small products, block by block of channels, through Fourier space."""
    signal, poles, residues = inputs
    result = torch.empty_like(signal)
    for part in channel_slices(CHANNELS, signal.shape[-1], signal.device):
        kernel = modal_kernel(poles[part].log(), residues[part], signal.shape[-1])
        result[:, part] = fft_convolve(signal[:, part], kernel)
    return result


def filter_formula(inputs: Inputs) -> torch.Tensor:
    """By the formula of the released code: all exponentials of all poles, transforms of twice the length."""
    signal, poles, residues = inputs
    length = signal.shape[-1]
    kernel = (residues[..., None] * torch.exp(poles.log()[..., None] * torch.arange(length))).sum(1).real
    spectrum = torch.fft.rfft(kernel, n=2 * length) / (2 * length)
    return torch.fft.irfft(torch.fft.rfft(signal, n=2 * length) * spectrum, n=2 * length, norm="forward")[
        ..., :length
    ]


def filter_loop(inputs: Inputs) -> torch.Tensor:
    """One position after the other, each pole with its state."""
    signal, poles, residues = inputs
    state, outputs = torch.zeros_like(poles), []
    for place in range(signal.shape[-1]):
        state = poles * state + signal[0, :, place, None]
        outputs.append((residues * state).sum(-1).real)
    return torch.stack(outputs, dim=-1)[None]


RACES = {
    "scan": (scan_inputs, {"genoprot": lambda inputs: selective_scan(*inputs), "loop": scan_loop}),
    "filter": (filter_inputs, {"genoprot": filtered, "loop": filter_loop, "formula": filter_formula}),
}


def contest(race: str, contender: str, length: int) -> tuple[float, torch.Tensor]:
    """Least seconds on the processor of three calls of a contender, and what it gave."""
    make, contenders = RACES[race]
    inputs, seconds = make(length), []
    with torch.inference_mode():
        for _ in range(3):
            started = time.process_time()
            found = contenders[contender](inputs)
            seconds.append(time.process_time() - started)
    return min(seconds), found


def inputs_alone(race: str, length: int) -> None:
    """What a process has in memory before it computes."""
    RACES[race][0](length)


def main() -> None:
    """Run the races and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    args = parser.parse_args()
    before: dict[str, float] = {}
    for race, length in itertools.product(RACES, args.lengths):
        _, base = in_child(inputs_alone, race, length)
        found, seconds, peak = {}, {}, {}
        for contender in RACES[race][1]:
            (seconds[contender], found[contender]), resident = in_child(contest, race, contender, length)
            peak[contender] = resident - base
        for contender in found:
            difference = float((found[contender] - found["genoprot"]).abs().max())
            assert difference <= TOLERANCE * float(found["genoprot"].abs().max())
            growth = seconds[contender] / before.get(race + contender, seconds[contender])
            before[race + contender] = seconds[contender]
            print(
                f"{race:>7} {length:>7,} {contender:>9}  {seconds[contender]:7.3f} s, "
                f"grown by {growth:4.1f}, {peak[contender] / 1e9:5.2f} GB   "
                f"ratio {seconds[contender] / seconds['genoprot']:5.1f}   difference {difference:.0e}"
            )


if __name__ == "__main__":
    main()
