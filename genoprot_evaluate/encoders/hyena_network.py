"""The network of HyenaDNA: implicit long convolutions between gates."""

from __future__ import annotations

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

    def mix(self, length: int) -> Mix:
        """Convolution with the filter at a length of the sequence."""
        *linears, last = self.implicit_filter.values()
        hidden = self.pos_emb.z[0, :length]
        for linear in linears:
            hidden = torch.sin(self.freq * linear(hidden))
        time = -self.pos_emb.t[0, :length, 0]
        rates = self.modulation.deltas[0, 0].abs()[:, None]

        def convolve(signal: torch.Tensor, channels: slice) -> torch.Tensor:
            kernel = last.weight[channels] @ hidden.T
            if self.floor is not None:
                kernel.mul_((rates[channels] * time).exp_().add_(self.floor))
            return fft_convolve(signal, kernel).addcmul_(signal, self.bias[channels, None])

        return convolve


class _Mixer(nn.Module):
    def __init__(self, width: int, taps: int, long_filter: _Filter) -> None:
        super().__init__()
        self.in_proj = nn.Linear(width, 3 * width)
        self.short_filter = nn.Conv1d(3 * width, 3 * width, taps, groups=3 * width)
        self.filter_fn = long_filter
        self.out_proj = nn.Linear(width, width)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        width = states.shape[-1]
        gated = gated_convolution(
            states,
            (self.in_proj.weight.view(3, width, width), self.in_proj.bias.view(3, width)),
            (self.short_filter.weight.view(3, width, -1), self.short_filter.bias.view(3, width)),
            self.filter_fn.mix(states.shape[1]),
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
    def __init__(self, width: int, inner: int, taps: int, long_filter: _Filter, epsilon: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, epsilon)
        self.mixer = _Mixer(width, taps, long_filter)
        self.norm2 = nn.LayerNorm(width, epsilon)
        self.mlp = _Perceptron(width, inner)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        states = states + self.mixer(self.norm1(states))
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
    ) -> None:
        super().__init__()
        self.longest = longest
        self.embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(vocabulary, width)})
        self.layers = nn.ModuleList(
            _Layer(
                width, inner, taps, _Filter(width, features, hidden, filter_linears, longest, floor), epsilon
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

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """States behind the final normalisation, in inference mode.

        Parameters
        ----------
        ids : torch.Tensor, shape=(n, length), dtype=int64
            Padding may stand on the right only: it would change every position behind it.

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
            states = layer(states)
        return self.ln_f(states)
