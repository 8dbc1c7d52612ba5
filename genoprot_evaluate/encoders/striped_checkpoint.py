"""Checkpoints of Evo and Evo 2: what their keys and their configuration tell of the network."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.checkpoint import Checkpoint, Origin
from genoprot_evaluate.encoders.long_filters import ExplicitFilter, LongFilter, ModalFilter, RealModalFilter
from genoprot_evaluate.encoders.shapes import shape_of
from genoprot_evaluate.encoders.stripedhyena import HyenaBlock, StripedHyena, StripedHyenaConfig
from genoprot_evaluate.encoders.weights import check_keys

__all__ = ["Released", "fit_network"]

PREFIX = "backbone."
ACTIVATIONS = ("gelu", "silu")
MEDIUM = 128
PLAIN = {"proj_groups": 1, "smeared_gqa": False, "final_norm": True}
FILTER_AXES = {"poles": 4, "log_poles": 3, "h": 3}
UNUSED = re.compile(r"(backbone\.)?(unembed\.weight|.*\._extra_state|.*\.rotary_emb\.inv_freq)")


@dataclass(frozen=True)
class Released:
    """What holds for the released weights of a family where no configuration says otherwise.

    Parameters
    ----------
    filters : tuple of str
        What its long filters are made of: ``poles``, ``log_poles`` or ``h``.
    rotary_scale : float
        What positions are divided by, when there is no configuration at all.
    column_split : bool
        Whether the projected channels of a filter are ordered by head, then stream.
    interleaved : bool
        Whether they are ordered by channel, then stream.
    head_major : bool
        Whether the projected channels of attention are ordered by head, then stream.
    first_gate_only : bool
        Whether only the first block's gate has an activation.
    stored_frequencies : bool
        Whether the rotary frequencies of the file are used.
    """

    filters: tuple[str, ...]
    rotary_scale: float
    column_split: bool = False
    interleaved: bool = False
    head_major: bool = False
    first_gate_only: bool = False
    stored_frequencies: bool = False


def fit_network(
    checkpoint: Checkpoint, released: Released, dtype: torch.dtype = torch.float32
) -> StripedHyena:
    """Build the network of a checkpoint and give it its parameters.

    Parameters
    ----------
    checkpoint : Checkpoint
    released : Released
    dtype : torch.dtype
        Precision of the parameters, as of `StripedHyena.to_precision`.

    Raises
    ------
    SourceError
        If a key is missing or unexpected, a shape differs, or the configuration is not usable.
    """
    checkpoint.only(PLAIN)
    keys = _Keys(checkpoint)
    config = keys.config(released)
    with torch.device("meta"):
        filters = keys.filters(config.width, released.filters)
        network = StripedHyena(config, keys.shape("embedding_layer.weight", 2)[0], filters).to_precision(
            dtype
        )
    origins = {keys.key(name): Origin((name,)) for name in network.state_dict()}
    checkpoint.fit(network, origins, UNUSED)
    rows = _stream_rows(checkpoint, released, config)
    for block in network.blocks:
        if isinstance(block, HyenaBlock):
            block.arrange(rows)
    return network


class _Keys:
    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._prefix = checkpoint.prefix(PREFIX)

    def key(self, name: str) -> str:
        return self._prefix + name.replace("inner_mha_cls.inv_freq", "inner_mha_cls.rotary_emb.inv_freq")

    def shape(self, name: str, axes: int) -> tuple[int, ...]:
        return shape_of(self._checkpoint, self.key(name), axes)

    def has(self, name: str) -> bool:
        return self.key(name) in self._checkpoint.shapes

    def anywhere(self, ending: str) -> str | None:
        return next((key for key in sorted(self._checkpoint.shapes) if key.endswith(ending)), None)

    def config(self, released: Released) -> StripedHyenaConfig:
        checkpoint = self._checkpoint
        width = self.shape("embedding_layer.weight", 2)[1]
        frequencies = self.anywhere(".rotary_emb.inv_freq")
        heads = None
        if frequencies is not None:
            heads = width // (2 * shape_of(checkpoint, frequencies, 1)[0])
        activation = checkpoint.option(["mlp_activation"], ACTIVATIONS[0])
        if activation not in ACTIVATIONS:
            raise SourceError(
                checkpoint.path, f"mlp_activation {activation!r} is not one of {', '.join(ACTIVATIONS)}"
            )
        first_only = checkpoint.flag("evo2_style_activations", released.first_gate_only)
        return StripedHyenaConfig(
            width=width,
            inner=self.shape("blocks.0.mlp.l1.weight", 2)[0],
            heads=checkpoint.heads(["num_attention_heads"], width, heads),
            epsilon=checkpoint.number(["eps"], 1e-6),
            gate=activation,
            gated_layers=1 if first_only else None,
            rotary_base=checkpoint.number(["rotary_emb_base"], 10_000.0),
            rotary_scale=_rotary_scale(checkpoint, released),
            stored_frequencies=released.stored_frequencies and frequencies is not None,
            head_major=released.head_major and checkpoint.flag("column_split", True),
            projection_bias=bool(self.anywhere(".projections.bias") or self.anywhere(".Wqkv.bias")),
            attention_bias=self.anywhere(".inner_mha_cls.out_proj.bias") is not None,
            output_bias=self.anywhere(".out_filter_dense.bias") is not None,
        )

    def filters(self, width: int, kinds: tuple[str, ...]) -> list[LongFilter | None]:
        layers = self._checkpoint.count(re.escape(self._prefix) + r"blocks\.(\d+)\.")
        return [self._filter(f"blocks.{layer}.", width, kinds) for layer in range(layers)]

    def _filter(self, place: str, width: int, kinds: tuple[str, ...]) -> LongFilter | None:
        if self.has(f"{place}inner_mha_cls.Wqkv.weight"):
            return None
        kind = next((kind for kind in kinds if self.has(f"{place}filter.{kind}")), None)
        if kind is None:
            names = ", ".join(f"filter.{kind}" for kind in kinds)
            check_keys(
                self._checkpoint.path, missing=[f"{self.key(place)}: any of {names}, inner_mha_cls.Wqkv"]
            )
        taps = self.shape(f"{place}filter.short_filter_weight", 3)[-1]
        common = (width, taps, self.anywhere(".short_filter_bias") is not None)
        groups, *sizes = self.shape(f"{place}filter.{kind}", FILTER_AXES[kind])
        if width % groups:
            raise SourceError(self._checkpoint.path, f"{groups} filters do not divide the width {width}")
        if kind == "h":
            skip = sizes[-1] >= MEDIUM or self.has(f"{place}filter.D")
            return ExplicitFilter(*common, groups, sizes[-1], skip)
        return (ModalFilter if kind == "poles" else RealModalFilter)(*common, groups, sizes[0])


def _rotary_scale(checkpoint: Checkpoint, released: Released) -> float:
    if "num_attention_heads" not in checkpoint.config:
        return released.rotary_scale
    if not checkpoint.flag("use_interpolated_rotary_pos_emb", False):
        return 1.0
    return checkpoint.number(["rotary_emb_scaling_factor"], 1.0)


def _stream_rows(checkpoint: Checkpoint, released: Released, config: StripedHyenaConfig) -> torch.Tensor:
    """Rows of a filter's projection in the order of the streams outer, inner and value."""
    rows = torch.arange(3 * config.width)
    if checkpoint.flag("interleave", released.interleaved):
        rows = rows.view(-1, 3).T.flatten()
    if checkpoint.flag("column_split_hyena", released.column_split):
        rows = rows.view(config.heads, 3, -1).transpose(0, 1).flatten()
    outer, inner, value = rows.chunk(3)
    if checkpoint.flag("hyena_flip_x1x2", False):
        outer, inner = inner, outer
    return torch.cat([outer, inner, value])
