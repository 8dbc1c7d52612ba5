"""StripedHyena, the network of Evo and Evo 2: gated long convolutions with attention in between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from genoprot_evaluate.encoders.convolution import gated_convolution
from genoprot_evaluate.encoders.long_filters import LongFilter

__all__ = ["AttentionBlock", "HyenaBlock", "StripedHyena", "StripedHyenaConfig", "layer_depth"]

PIECE = 1 << 14
FULL_PRECISION = re.compile(r"(.*\.)?(poles|log_poles|residues|inv_freq)")
LAYER = re.compile(r"norm|blocks\.(\d+)(\.mlp\.l3)?")


@dataclass(frozen=True)
class StripedHyenaConfig:
    """Options that all blocks of a network share.

    Parameters
    ----------
    width, inner, heads : int
        Channels, channels inside a gated perceptron, and attention heads.
    epsilon : float
        Of the normalisations.
    gate : {"gelu", "silu"}
        Activation of the perceptrons' gate.
    gated_layers : int, optional
        Number of blocks, from the first on, whose gate has it; all of them when left out.
    rotary_base, rotary_scale : float
        Base of the rotary frequencies, and what positions are divided by.
    stored_frequencies : bool
        Whether the rotary frequencies come with the weights.
    head_major : bool
        Whether the rows of the attention's projection are ordered by head, then query, key and value.
    projection_bias, attention_bias, output_bias : bool
        Whether there is a bias in the input projections, and behind attention and filters.
    """

    width: int
    inner: int
    heads: int
    epsilon: float = 1e-6
    gate: str = "gelu"
    gated_layers: int | None = None
    rotary_base: float = 10_000.0
    rotary_scale: float = 1.0
    stored_frequencies: bool = False
    head_major: bool = False
    projection_bias: bool = True
    attention_bias: bool = True
    output_bias: bool = True


def layer_depth(layer: str) -> int | None:
    """Block that a layer's name speaks of, None for the final norm; -1 when it is no name of a layer.

    Examples
    --------
    >>> layer_depth("blocks.28.mlp.l3"), layer_depth("norm"), layer_depth("block3")
    (28, None, -1)
    """
    found = LAYER.fullmatch(layer)
    if not found:
        return -1
    return int(found[1]) if found[1] else None


class _RMSNorm(nn.Module):
    def __init__(self, config: StripedHyenaConfig) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(config.width))
        self.epsilon = config.epsilon

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        size = states.norm(dim=-1, keepdim=True).mul_(states.shape[-1] ** -0.5).add_(self.epsilon)
        return states.div(size).mul_(self.scale)


class _GatedPerceptron(nn.Module):
    def __init__(self, config: StripedHyenaConfig, gated: bool) -> None:
        super().__init__()
        self.l1 = nn.Linear(config.width, config.inner, bias=False)
        self.l2 = nn.Linear(config.width, config.inner, bias=False)
        self.l3 = nn.Linear(config.inner, config.width, bias=False)
        self.gate = getattr(functional, config.gate) if gated else nn.Identity()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.l3(self.gate(self.l1(states)).mul_(self.l2(states)))


class _Block(nn.Module):
    """A mixer of positions and a gated perceptron, each behind a norm and added to what it reads."""

    def __init__(self, config: StripedHyenaConfig, gated: bool) -> None:
        super().__init__()
        self.pre_norm = _RMSNorm(config)
        self.post_norm = _RMSNorm(config)
        self.mlp = _GatedPerceptron(config, gated)

    def mixed(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        raise NotImplementedError

    def forward(
        self, states: torch.Tensor, mask: torch.Tensor | None, perceptron_alone: bool = False
    ) -> torch.Tensor:
        """States behind the block, or the output of its perceptron alone."""
        states = states + self.mixed(self.pre_norm(states), mask)
        for piece in states.split(PIECE, dim=1):
            output = self.mlp(self.post_norm(piece))
            if perceptron_alone:
                piece.copy_(output)
            else:
                piece += output
        return states


class _Attention(nn.Module):
    """Causal attention with rotary positions."""

    def __init__(self, config: StripedHyenaConfig) -> None:
        super().__init__()
        self.config = config
        self.Wqkv = nn.Linear(config.width, 3 * config.width, bias=config.projection_bias)
        self.out_proj = nn.Linear(config.width, config.width, bias=config.attention_bias)
        stored = torch.empty(config.width // config.heads // 2) if config.stored_frequencies else None
        self.register_buffer("inv_freq", stored)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        batch, length, width = states.shape
        heads = self.config.heads
        order = (heads, 3) if self.config.head_major else (3, heads)
        streams = self.Wqkv(states).view(batch, length, *order, width // heads)
        query, key, value = (part.transpose(1, 2) for part in streams.unbind(3 if order[1] == 3 else 2))
        positions = torch.arange(length, device=states.device) / self.config.rotary_scale
        angles = torch.outer(positions, self._frequencies(width // heads, states.device))
        turned = [_rotated(part, angles.cos(), angles.sin()) for part in (query, key)]
        mixed = functional.scaled_dot_product_attention(*turned, value, is_causal=True)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))

    def _frequencies(self, channels: int, device: torch.device) -> torch.Tensor:
        if self.inv_freq is not None:
            return self.inv_freq.float()
        exponents = torch.arange(0, channels, 2, device=device) / channels
        return 1.0 / self.config.rotary_base**exponents


class AttentionBlock(_Block):
    """Block whose mixer is attention.

    Parameters
    ----------
    config : StripedHyenaConfig
    gated : bool
        Whether the perceptron's gate has an activation.
    """

    def __init__(self, config: StripedHyenaConfig, gated: bool) -> None:
        super().__init__(config, gated)
        self.inner_mha_cls = _Attention(config)

    def mixed(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Output of the attention, which is causal and needs no mask."""
        return self.inner_mha_cls(states)


class HyenaBlock(_Block):
    """Block whose mixer is a gated long convolution.

    Parameters
    ----------
    config : StripedHyenaConfig
    gated : bool
        Whether the perceptron's gate has an activation.
    long_filter : LongFilter
    """

    def __init__(self, config: StripedHyenaConfig, gated: bool, long_filter: LongFilter) -> None:
        super().__init__(config, gated)
        self.projections = nn.Linear(config.width, 3 * config.width, bias=config.projection_bias)
        self.filter = long_filter
        self.out_filter_dense = nn.Linear(config.width, config.width, bias=config.output_bias)

    def arrange(self, rows: torch.Tensor) -> None:
        """Bring the projected channels into the order of the streams outer, inner and value."""
        for owner, name in (
            (self.projections, "weight"),
            (self.projections, "bias"),
            (self.filter, "short_filter_weight"),
            (self.filter, "short_filter_bias"),
        ):
            found = getattr(owner, name)
            if found is not None:
                setattr(owner, name, nn.Parameter(found[rows], requires_grad=False))

    def mixed(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Output of the gated convolution."""
        pairs = (
            (self.projections.weight, self.projections.bias),
            (self.filter.short_filter_weight[:, 0], self.filter.short_filter_bias),
        )
        width = states.shape[-1]
        projection, taps = (
            (weight.view(3, width, -1), None if bias is None else bias.view(3, width))
            for weight, bias in pairs
        )
        return self.out_filter_dense(gated_convolution(states, projection, taps, [self.filter.mix], mask))


class StripedHyena(nn.Module):
    """The network of Evo and Evo 2.

    Parameters
    ----------
    config : StripedHyenaConfig
    vocabulary : int
        Rows of the embedding.
    filters : sequence of LongFilter or None
        Long filter of each block, None for an attention block.
    """

    def __init__(
        self, config: StripedHyenaConfig, vocabulary: int, filters: Sequence[LongFilter | None]
    ) -> None:
        super().__init__()
        self.config = config
        self.embedding_layer = nn.Embedding(vocabulary, config.width)
        limit = len(filters) if config.gated_layers is None else config.gated_layers
        self.blocks = nn.ModuleList(
            AttentionBlock(config, depth < limit)
            if found is None
            else HyenaBlock(config, depth < limit, found)
            for depth, found in enumerate(filters)
        )
        self.norm = _RMSNorm(config)

    def forward(
        self, ids: torch.Tensor, layer: str = "norm", mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """States of a layer; what lies above it is not computed.

        Parameters
        ----------
        ids : torch.Tensor, shape=(n, length), dtype=int64
            Padding may stand on the right only.
        layer : str
            ``norm``, ``blocks.N`` (the states behind a block) or ``blocks.N.mlp.l3`` (the output of its
            perceptron).
        mask : torch.Tensor, shape=(n, length), dtype=bool, optional
            True where a token is, as `gated_convolution` has it.

        Returns
        -------
        torch.Tensor, shape=(n, length, width)
        """
        depth = layer_depth(layer)
        states = self.embedding_layer(ids)
        for number, block in enumerate(self.blocks):
            last = number == depth
            states = block(states, mask, perceptron_alone=last and layer.endswith(".mlp.l3"))
            if last:
                return states
        return self.norm(states)

    def to_precision(self, dtype: torch.dtype) -> StripedHyena:
        """Convert the parameters; those of the exponential filters and rotary frequencies stay in fp32."""
        for module in self.modules():
            for name, tensor in [
                *module.named_parameters(recurse=False),
                *module.named_buffers(recurse=False),
            ]:
                if not FULL_PRECISION.fullmatch(name):
                    tensor.data = tensor.data.to(dtype)
        return self


def _rotated(values: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Values, shape=(n, heads, length, d), of which the halves are turned against each other."""
    first, second = values.float().chunk(2, dim=-1)
    turned = torch.cat([first * cosines - second * sines, first * sines + second * cosines], dim=-1)
    return turned.to(values.dtype)
