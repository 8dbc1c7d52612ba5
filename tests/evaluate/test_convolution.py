"""Causal convolutions against their definition."""

from __future__ import annotations

import pytest
import torch
from golden_sets import difference

from genoprot_evaluate.encoders.convolution import correlate, fft_convolve, gated_convolution


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("length", "taps"), [(1, 3), (2, 7), (30, 1), (30, 7)])
def test_correlate(length, taps):
    signal, weight, bias = random(2, 3, length), random(3, taps, seed=1), random(3, seed=2)
    padded = torch.nn.functional.pad(signal, (taps - 1, 0))
    expected = torch.nn.functional.conv1d(padded, weight[:, None], bias, groups=3)
    assert difference(correlate(signal, weight, bias), expected) <= 2e-6


@pytest.mark.parametrize(("length", "taps"), [(1, 1), (1, 9), (17, 4), (17, 17), (40, 128)])
def test_fft_convolve(length, taps):
    signal, kernel = random(2, 3, length), random(3, taps, seed=1)
    expected = torch.zeros_like(signal)
    for position in range(length):
        for lag in range(min(taps, position + 1)):
            expected[..., position] += kernel[:, lag] * signal[..., position - lag]
    assert difference(fft_convolve(signal, kernel), expected) <= 1e-5


def test_half_precision_is_computed_in_full():
    signal, kernel = random(1, 2, 50).bfloat16(), random(2, 50, seed=1)
    assert difference(fft_convolve(signal, kernel), fft_convolve(signal.float(), kernel)) == 0.0
    assert correlate(signal, kernel[:, :3]).dtype == torch.float32


def test_future_does_not_reach_the_past():
    inputs = random(1, 20, 4)
    weight, taps = 0.3 * random(3, 4, 4, seed=1), random(3, 4, 3, seed=2)
    kernel = random(4, 20, seed=3)

    def run(inputs):
        return gated_convolution(
            inputs,
            (weight, None),
            (taps, None),
            [lambda signal, channels: fft_convolve(signal, kernel[channels])],
        )

    changed = inputs.clone()
    changed[:, 12:] = 0.5
    assert difference(run(inputs)[:, :12], run(changed)[:, :12]) <= 1e-5
    assert difference(run(inputs)[:, 12:], run(changed)[:, 12:]) > 1e-2
