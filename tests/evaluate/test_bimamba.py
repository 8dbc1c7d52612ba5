"""The network of Caduceus against the order of operations of its official code, one position at a time."""

from __future__ import annotations

import pytest
import torch
from golden_sets import TOLERANCE, difference
from torch.nn import functional

from genoprot_evaluate.encoders.bimamba import CaduceusConfig, CaduceusNetwork

SIZES = {"vocabulary": 12, "width": 12, "inner": 20, "states": 5, "taps": 4, "rank": 2, "layers": 3}
STRANDS = {
    "ph": {},
    "ps": {"equivariant": True},
    "ps-fused": {"equivariant": True, "swapped": True},
}
OPTIONS = (
    {},
    {"multiply": True, "layer_norm": True, "epsilon": 1e-3},
    {"projection_bias": True, "convolution_bias": False},
    {"bidirectional": False},
)


def made_up(**options):
    torch.manual_seed(2)
    network = CaduceusNetwork(CaduceusConfig(**SIZES, **options)).requires_grad_(False).eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            scale = 1.0 if name.startswith("embedding") else 0.3
            tensor.copy_(scale * torch.randn_like(tensor) + (1.0 if name.endswith("norm.weight") else 0.0))
    network.complement = torch.tensor([0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11])
    return network


def mamba(module, inputs):
    signal, gate = module.in_proj(inputs).chunk(2, dim=-1)
    signal = functional.pad(signal.mT, (module.conv1d.kernel_size[0] - 1, 0))
    signal = functional.silu(module.conv1d(signal)).mT
    rank, states = module.dt_proj.in_features, module.A_log.shape[1]
    steps, enter, leave = module.x_proj(signal).split([rank, states, states], dim=-1)
    steps = functional.softplus(module.dt_proj(steps))
    state, outputs = torch.zeros(len(inputs), *module.A_log.shape), []
    for place in range(inputs.shape[1]):
        step = steps[:, place, :, None]
        drive = step * enter[:, place, None] * signal[:, place, :, None]
        state = torch.exp(step * -module.A_log.exp()) * state + drive
        outputs.append((state * leave[:, place, None]).sum(-1))
    mixed = torch.stack(outputs, dim=1) + module.D * signal
    return module.out_proj(mixed * functional.silu(gate))


def bidirectional(mixer, inputs):
    forward = mamba(mixer.mamba_fwd, inputs)
    if mixer.mamba_rev is None:
        return forward
    reverse = mamba(mixer.mamba_rev, inputs.flip(1)).flip(1)
    return forward * reverse if mixer.multiply else forward + reverse


def one_strand(network, ids):
    states, residual = network.embedding(ids), 0
    for layer in network.layers:
        residual = states + residual
        states = bidirectional(layer.mixer, layer.norm(residual))
    return network.norm_f(states + residual)


def two_strands(network, ids):
    def both(function, first, second):
        return torch.cat([function(first), function(second.flip(1, 2)).flip(1, 2)], dim=-1)

    strand = network.embedding(ids)
    states = torch.cat([strand, network.embedding(network.complement[ids.flip(1)]).flip(1, 2)], dim=-1)
    residual = torch.zeros_like(states)
    for layer in network.layers:
        residual = states + residual
        halves = residual.chunk(2, dim=-1)
        if network.config.swapped:
            halves = halves[::-1]
        residual = torch.cat(halves, dim=-1)
        normal = both(layer.norm, *halves).chunk(2, dim=-1)
        states = both(lambda part, mixer=layer.mixer: bidirectional(mixer, part), *normal)
    return both(network.norm_f, *(states + residual).chunk(2, dim=-1))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("strands", STRANDS)
def test_network(strands, options):
    network = made_up(**STRANDS[strands], **options)
    reference = two_strands if network.config.equivariant else one_strand
    ids = torch.randint(6, 12, (2, 30), generator=torch.Generator().manual_seed(1))
    expected = reference(network, ids)
    assert difference(network(ids), expected) <= TOLERANCE
    assert float(expected.std()) > 0.1


def test_one_projection_serves_both_directions():
    network = made_up(projection_bias=True)
    ids = torch.randint(6, 12, (2, 30), generator=torch.Generator().manual_seed(1))
    for layer in network.layers:
        for part in ("in_proj", "out_proj"):
            setattr(layer.mixer.mamba_rev, part, getattr(layer.mixer.mamba_fwd, part))
    expected = one_strand(network, ids)
    for layer in network.layers:
        layer.mixer.share("in_proj")
        layer.mixer.share("out_proj")
    assert difference(network(ids), expected) <= TOLERANCE
