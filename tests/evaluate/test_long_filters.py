"""Long filters against their definitions."""

from __future__ import annotations

import pytest
import torch
from golden_sets import difference

from genoprot_evaluate.encoders.long_filters import ExplicitFilter, LongFilter, RealModalFilter, modal_kernel


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("direct", [0, 5000])
@pytest.mark.parametrize("length", [1, 2, 5, 100, 1021])
def test_modal_kernel(length, direct, monkeypatch):
    monkeypatch.setattr("genoprot_evaluate.encoders.long_filters.DIRECT", direct)
    tolerance = 1e-4 if direct else 5e-6
    log_poles = torch.complex(-0.1 * random(3, 4).abs(), 3.0 * random(3, 4, seed=1))
    residues = torch.complex(random(3, 4, seed=2), random(3, 4, seed=3))
    times = torch.arange(length, dtype=torch.float64)
    terms = residues[..., None] * torch.exp(log_poles[..., None].to(torch.complex128) * times)
    assert difference(modal_kernel(log_poles, residues, length), terms.sum(1).real) <= tolerance
    expected = (residues.real[..., None] * torch.exp(log_poles.real[..., None].double() * times)).sum(1)
    assert difference(modal_kernel(log_poles.real, residues.real, length), expected) <= tolerance


def filled(module, seed=0):
    for number, parameter in enumerate(module.requires_grad_(False).parameters()):
        parameter.copy_(random(*parameter.shape, seed=seed + number))
    return module


@pytest.mark.parametrize(("kind", "skip"), [("short", False), ("medium", True)])
def test_short_filters_are_correlated_and_medium_ones_convolved(kind, skip):
    module = filled(ExplicitFilter(6, 3, False, groups=2, longest=4, skip=skip))
    signal = random(1, 6, 9, seed=9)
    filters = module.h[:, 0].repeat_interleave(3, 0)
    taps = filters if kind == "medium" else filters.flip(1)
    expected = torch.stack(
        [
            sum(taps[:, lag] * signal[0, :, place - lag] for lag in range(min(4, place + 1)))
            for place in range(9)
        ],
        dim=-1,
    )
    if skip:
        expected += module.D[:, None] * signal[0]
    assert difference(module.mix(signal, slice(0, 6))[0], expected) <= 1e-5


def test_blocks_of_channels_find_their_groups():
    module = filled(RealModalFilter(6, 3, False, groups=3, states=2))
    module.log_poles.copy_(-module.log_poles.abs())
    signal = random(2, 6, 9, seed=9)
    whole = module.mix(signal, slice(0, 6))
    assert difference(module.mix(signal[:, 1:4], slice(1, 4)), whole[:, 1:4]) <= 1e-6


def test_a_filter_has_to_say_how_it_convolves():
    with pytest.raises(NotImplementedError):
        LongFilter(2, 3, False).mix(random(1, 2, 4), slice(0, 2))
