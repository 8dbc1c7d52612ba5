"""The network of HyenaDNA: implicit long convolutions between gates."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torch.nn import functional

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.convolution import Mix, fft_convolve, gated_convolution

__all__ = ["EPSILON", "FLOOR", "HyenaDNANetwork"]

EPSILON = 1e-5
FLOOR = 0.05
PIECE = 1 << 14


class _Positions(nn.Module):
    def __init__(self, longest: int, features: int) -> None:
        super().__init__()
        self.register_buffer("z", torch.empty(1, longest, features))
        self.register_buffer("t", torch.empty(1, longest, 1))


class _Window(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("deltas", torch.empty(1, 1, width))


class _Filter(nn.Module):
    """Implicit filter: sines of linear maps of positional features, in an exponential window."""

    def __init__(
        self, width: int, features: int, hidden: int, linears: int, longest: int, floor: float | None
    ) -> None:
        super().__init__()
        self.floor = floor
        sizes = [features, *[hidden] * linears]
        inner = {str(2 * place): nn.Linear(a, b) for place, (a, b) in enumerate(zip(sizes, sizes[1:]))}
        last = nn.Linear(hidden, width, bias=False)
        self.implicit_filter = nn.ModuleDict(inner | {str(2 * linears): last})
        self.freq = nn.Parameter(torch.empty(1, hidden))
        self.bias = nn.Parameter(torch.empty(width))
        self.pos_emb = _Positions(longest, features)
        self.modulation = _Window(width)

    def mixes(self, length: int, width: int) -> list[Mix]:
        """Convolutions with the filters of a length, each of so many channels."""
        *linears, last = self.implicit_filter.values()
        hidden = self.pos_emb.z[0, :length]
        for linear in linears:
            hidden = torch.sin(self.freq * linear(hidden))
        time = -self.pos_emb.t[0, :length, 0]
        rates = self.modulation.deltas[0, 0].abs()[:, None]

        def convolve(signal: torch.Tensor, channels: slice, first: int) -> torch.Tensor:
            channels = slice(first + channels.start, first + channels.stop)
            kernel = last.weight[channels] @ hidden.T
            if self.floor is not None:
                kernel.mul_((rates[channels] * time).exp_().add_(self.floor))
            return fft_convolve(signal, kernel).addcmul_(signal, self.bias[channels, None])

        return [partial(convolve, first=first) for first in range(0, len(self.bias), width)]


class _Mixer(nn.Module):
    def __init__(self, width: int, order: int, taps: int, long_filter: _Filter) -> None:
        super().__init__()
        streams = (order + 1) * width
        self.in_proj = nn.Linear(width, streams)
        self.short_filter = nn.Conv1d(streams, streams, taps, groups=streams)
        self.filter_fn = long_filter
        self.out_proj = nn.Linear(width, width)

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        width = states.shape[-1]
        gated = gated_convolution(
            states,
            (self.in_proj.weight.view(-1, width, width), self.in_proj.bias.view(-1, width)),
            (
                self.short_filter.weight.view(-1, width, self.short_filter.weight.shape[-1]),
                self.short_filter.bias.view(-1, width),
            ),
            self.filter_fn.mixes(states.shape[1], width),
            mask,
        )
        return self.out_proj(gated)


class _Perceptron(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.fc2(functional.gelu(self.fc1(states), approximate="tanh"))


class _Layer(nn.Module):
    def __init__(
        self, width: int, order: int, inner: int, taps: int, long_filter: _Filter, epsilon: float
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, epsilon)
        self.mixer = _Mixer(width, order, taps, long_filter)
        self.norm2 = nn.LayerNorm(width, epsilon)
        self.mlp = _Perceptron(width, inner)

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        states = states + self.mixer(self.norm1(states), mask)
        for piece in states.split(PIECE, dim=1):
            piece += self.mlp(self.norm2(piece))
        return states


class HyenaDNANetwork(nn.Module):
    """The network of HyenaDNA up to the final normalisation.

    Parameters
    ----------
    vocabulary, width, inner : int
        Rows of the embedding, channels, and channels inside a block's perceptron.
    taps : int
        Length of the short filters.
    features, hidden, filter_linears : int
        Positional features, width and inner layers of the networks that make the long filters.
    longest : int
        Most tokens of a sequence.
    layers : int
    floor : float, optional
        What the window of the long filters decays to; None for filters without a window.
    epsilon : float
        Of the layer norms.
    order : int
        Of the operators: long filters of each, and one more.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        width: int,
        inner: int,
        taps: int,
        features: int,
        hidden: int,
        filter_linears: int,
        longest: int,
        layers: int,
        floor: float | None = FLOOR,
        epsilon: float = EPSILON,
        order: int = 2,
    ) -> None:
        super().__init__()
        self.longest = longest
        self.embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(vocabulary, width)})
        self.layers = nn.ModuleList(
            _Layer(
                width,
                order,
                inner,
                taps,
                _Filter((order - 1) * width, features, hidden, filter_linears, longest, floor),
                epsilon,
            )
            for _ in range(layers)
        )
        self.ln_f = nn.LayerNorm(width, epsilon)

    def cut(self, layer: int) -> None:
        """Drop the blocks behind a layer, and the final normalisation.

        Raises
        ------
        GenoProtError
            If there is no such layer.
        """
        if not isinstance(layer, int) or not 0 <= layer <= len(self.layers):
            raise GenoProtError(
                f"HyenaDNA: layer {layer!r} is not one of 0 to {len(self.layers)}; the default is the final "
                "normalisation"
            )
        self.layers, self.ln_f = self.layers[:layer], nn.Identity()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """States behind the final normalisation, in inference mode.

        Parameters
        ----------
        ids : torch.Tensor, shape=(n, length), dtype=int64
            Padding may stand on the right only: it would change every position behind it.
        mask : torch.Tensor, shape=(n, length), dtype=bool, optional
            True where a token is, as `gated_convolution` has it.

        Returns
        -------
        torch.Tensor, shape=(n, length, d), dtype=float32

        Raises
        ------
        GenoProtError
            If the sequences are longer than the filters.
        """
        if ids.shape[1] > self.longest:
            raise GenoProtError(
                f"HyenaDNA: {ids.shape[1]:,} tokens, but the filters of these weights end at {self.longest:,}"
            )
        states = self.embeddings["word_embeddings"](ids)
        for layer in self.layers:
            states = layer(states, mask)
        return self.ln_f(states)
