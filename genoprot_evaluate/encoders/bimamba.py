"""Bidirectional Mamba, and the network of Caduceus that reads both strands with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from genoprot_evaluate.encoders.convolution import correlate
from genoprot_evaluate.encoders.selective_scan import selective_scan

__all__ = ["BiMamba", "CaduceusConfig", "CaduceusNetwork"]


@dataclass(frozen=True)
class CaduceusConfig:
    """Sizes and options of a network.

    Parameters
    ----------
    vocabulary, width, inner, states, taps, rank, layers : int
        Rows of the embedding, channels, channels and states of a scan, length of the short filters, rank of
        the steps' projection, and number of blocks.
    epsilon : float
        Of the normalisations.
    layer_norm : bool
        Whether these are LayerNorm and not RMSNorm.
    bidirectional, multiply : bool
        Whether there is a scan in either direction, and whether their outputs are multiplied or added.
    projection_bias, convolution_bias : bool
    equivariant : bool
        Whether the states of the reverse complement are channels too (PS).
    swapped : bool
        Whether every block exchanges the strands, as the released fused code of PS does.
    """

    vocabulary: int
    width: int
    inner: int
    states: int
    taps: int
    rank: int
    layers: int
    epsilon: float = 1e-5
    layer_norm: bool = False
    bidirectional: bool = True
    multiply: bool = False
    projection_bias: bool = False
    convolution_bias: bool = True
    equivariant: bool = False
    swapped: bool = False

    def norm(self) -> nn.Module:
        """A normalisation of the network."""
        return (nn.LayerNorm if self.layer_norm else nn.RMSNorm)(self.width, self.epsilon)


class _Mamba(nn.Module):
    """One direction; where a projection is None, that of the other direction serves both."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        inner, states, bias = config.inner, config.states, config.projection_bias
        self.in_proj: nn.Linear | None = nn.Linear(config.width, 2 * inner, bias=bias)
        self.conv1d = nn.Conv1d(inner, inner, config.taps, groups=inner, bias=config.convolution_bias)
        self.x_proj = nn.Linear(inner, config.rank + 2 * states, bias=False)
        self.dt_proj = nn.Linear(config.rank, inner)
        self.A_log = nn.Parameter(torch.empty(inner, states))
        self.D = nn.Parameter(torch.empty(inner))
        self.out_proj: nn.Linear | None = nn.Linear(inner, config.width, bias=bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Ungated outputs, shape=(n, length, inner), of the first half of the input projection."""
        rank, states = self.dt_proj.in_features, self.A_log.shape[1]
        signal = functional.silu(correlate(inputs.mT, self.conv1d.weight[:, 0], self.conv1d.bias)).mT
        steps, enter, leave = self.x_proj(signal).split([rank, states, states], dim=-1)
        steps = functional.softplus(self.dt_proj(steps))
        return selective_scan(signal, steps, -self.A_log.exp(), enter, leave).addcmul_(signal, self.D)


class BiMamba(nn.Module):
    """A scan in reading direction and one against it, added or multiplied.

    Parameters
    ----------
    config : CaduceusConfig
    """

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.multiply = config.multiply
        self.mamba_fwd = _Mamba(config)
        self.mamba_rev = _Mamba(config) if config.bidirectional else None

    def forward(self, inputs: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
        """Outputs, shape=(n, length, d), given the positions of each row in reverse, shape=(n, length)."""
        there, back = self.mamba_fwd, self.mamba_rev
        signal, gate = there.in_proj(inputs).chunk(2, dim=-1)
        output = there(signal).mul_(functional.silu(gate))
        if back is None:
            return there.out_proj(output)
        if back.in_proj is not None:
            signal, gate = back.in_proj(inputs).chunk(2, dim=-1)
        other = _reversed(back(_reversed(signal, order)), order).mul_(functional.silu(gate))
        leave = back.out_proj or there.out_proj
        if leave is there.out_proj and leave.bias is None and not self.multiply:
            return leave(output.add_(other))
        output, other = there.out_proj(output), leave(other)
        return output * other if self.multiply else output + other

    def share(self, part: str) -> None:
        """Let both directions use the forward one's projection."""
        setattr(self.mamba_rev, part, None)


class _Layer(nn.Module):
    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.norm = config.norm()
        self.mixer = BiMamba(config)


class CaduceusNetwork(nn.Module):
    """The network of Caduceus up to the final normalisation, for either way of reading both strands.

    Parameters
    ----------
    config : CaduceusConfig
    """

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.register_buffer(
            "complement", torch.empty(config.vocabulary, dtype=torch.int64), persistent=config.equivariant
        )
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm_f = config.norm()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """States behind the final normalisation, as the released model gives them.

        Parameters
        ----------
        ids : torch.Tensor, shape=(n, length), dtype=int64
        mask : torch.Tensor, shape=(n, length), dtype=bool, optional
            True where a token is; padding stands on the right.

        Returns
        -------
        torch.Tensor, shape=(n, length, d), dtype=float32
            For an equivariant network 2 d channels: those of the strand, and those of its reverse complement
            with positions and channels in reverse.
        """
        order = _reversal(ids, mask)
        if not self.config.equivariant:
            return self._states(ids, order)
        forward, reverse = self.strands(ids, mask)
        return torch.cat([forward, _reversed(reverse, order).flip(-1)], dim=-1)

    def strands(
        self, ids: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """States of sequences and of their reverse complements, each in its own reading direction."""
        order = _reversal(ids, mask)
        both = torch.cat([ids, _reversed(self.complement[ids], order)])
        return self._states(both, order.repeat(2, 1)).chunk(2)

    def _states(self, ids: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
        states = self.embedding(ids)
        for layer in self.layers:
            if self.config.swapped:
                states = _reversed(states.roll(len(ids) // 2, dims=0), order).flip(-1)
            states = states + layer.mixer(layer.norm(states), order)
        return self.norm_f(states)


def _reversal(ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Positions in reverse, shape=(n, length), of the tokens of each row; padding stays where it is."""
    places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    ends = torch.full_like(ids[:, :1], ids.shape[1]) if mask is None else mask.sum(dim=1, keepdim=True)
    return torch.where(places < ends, ends - 1 - places, places)


def _reversed(values: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    return values[torch.arange(len(order), device=order.device)[:, None], order]
