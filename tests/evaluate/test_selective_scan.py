"""The scan, by stretches and by chunks, against the recurrence that defines it."""

from __future__ import annotations

import pytest
import torch
from golden_sets import difference

from genoprot_evaluate.encoders.selective_scan import _by_chunks, _by_stretches, selective_scan

WAYS = (_by_stretches, _by_chunks)


def operands(batch, length, channels, states, seed=0):
    rng = torch.Generator().manual_seed(seed)
    inputs = torch.randn(batch, length, channels, generator=rng)
    steps = torch.nn.functional.softplus(2.0 * torch.randn(batch, length, channels, generator=rng) - 2.0)
    rates = -16.0 * torch.rand(channels, states, generator=rng)
    enter, leave = torch.randn(2, batch, length, states, generator=rng) / states**0.5
    return inputs, steps, rates, enter, leave


def recurrence(inputs, steps, rates, enter, leave):
    state = torch.zeros(inputs.shape[0], *rates.shape, dtype=torch.float64)
    outputs = []
    for position in range(inputs.shape[1]):
        step = steps[:, position, :, None].double()
        drive = step * inputs[:, position, :, None] * enter[:, position, None]
        state = torch.exp(step * rates) * state + drive
        outputs.append((state * leave[:, position, None]).sum(dim=-1))
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 2, 3, 4), (3, 9, 5, 2), (1, 50, 8, 16), (2, 257, 6, 16)])
@pytest.mark.parametrize("scan", WAYS)
def test_scan(shape, scan):
    given = operands(*shape)
    assert difference(scan(*given), recurrence(*given)) <= 5e-6


def test_a_processor_goes_by_stretches():
    given = operands(2, 100, 3, 4)
    assert torch.equal(selective_scan(*given), _by_stretches(*given))


def test_blocks_of_channels_change_nothing(monkeypatch):
    given = operands(2, 30, 7, 4)
    whole = _by_chunks(*given)
    monkeypatch.setattr("genoprot_evaluate.encoders.selective_scan.BLOCK", 500)
    assert difference(_by_chunks(*given), whole) == 0.0


def test_the_length_of_a_stretch_changes_nothing(monkeypatch):
    given = operands(2, 75, 5, 4)
    whole = _by_stretches(*given)
    monkeypatch.setattr("genoprot_evaluate.encoders.selective_scan.STRETCH", 7)
    assert difference(_by_stretches(*given), whole) <= 1e-6


@pytest.mark.parametrize("scan", WAYS)
def test_long_steps_neither_overflow_nor_forget_what_is_near(scan):
    inputs, steps, rates, enter, leave = operands(1, 400, 4, 8)
    given = inputs, 50.0 * steps, rates, enter, leave
    assert torch.isfinite(scan(*given)).all()
    expected = recurrence(*given)
    assert difference(scan(*given), expected) <= 1e-6 * float(expected.abs().max())
