"""Encoders by their definitions: random checkpoints of any configuration, and plain arithmetic in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.special import erf

Arrays = Mapping[str, np.ndarray]


def drawn(shapes: Mapping[str, Sequence[int]], seed: int) -> dict[str, torch.Tensor]:
    """Random weights by name, of about the size that keeps states near one, dtype=float32."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for key, shape in shapes.items():
        values = torch.randn(*shape, generator=generator)
        if "variance" in key or key.endswith("running_var"):
            values = 0.5 + values.abs()
        elif len(shape) == 1:
            around = 0.0 if key.endswith(("bias", "beta", "mean", "offset", "::b")) else 1.0
            values = around + 0.2 * values
        elif "embed" not in key and "shared" not in key:
            fan = shape[0] if key.endswith("::w") else math.prod(shape[1:])
            if key.endswith("kernel"):
                fan = math.prod(shape[:-1])
            values = values / math.sqrt(fan)
        weights[key] = values
    return weights


def exact(weights: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The same numbers in float64; whole numbers stay as they are."""
    return {
        key: (tensor.double() if tensor.is_floating_point() else tensor).numpy()
        for key, tensor in weights.items()
    }


def linear(w: Arrays, name: str, x: np.ndarray) -> np.ndarray:
    """Linear map, with a bias where there is one."""
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)


def layer_norm(w: Arrays, name: str, x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    """LayerNorm, with a bias where there is one."""
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return scaled * w[f"{name}.weight"] + w.get(f"{name}.bias", 0.0)


def rms_norm(scale: np.ndarray, x: np.ndarray, epsilon: float) -> np.ndarray:
    """RMSNorm with epsilon under the root."""
    return scale * x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon)


def gelu(x: np.ndarray) -> np.ndarray:
    """Exact GELU."""
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function."""
    return 1 / (1 + np.exp(-x))


def silu(x: np.ndarray) -> np.ndarray:
    """x times its logistic function."""
    return x * sigmoid(x)


def turned(x: np.ndarray, base: float = 10_000.0, scale: float = 1.0) -> np.ndarray:
    """Rotary positions on the two halves of a head, shape=(length, d); positions are divided by the scale."""
    length, width = x.shape
    angles = np.outer(np.arange(length) / scale, base ** (-2 * np.arange(width // 2) / width))
    first, second = x[:, : width // 2], x[:, width // 2 :]
    cosines, sines = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cosines - second * sines, first * sines + second * cosines], axis=1)


def causal(length: int) -> np.ndarray:
    """Bias that hides what comes later, shape=(length, length)."""
    return np.triu(np.full((length, length), -np.inf), 1)


def attention(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int, bias=None, turn=None, scale=None
) -> np.ndarray:
    """Attention, one head after the other; heads may share keys and values.

    Parameters
    ----------
    query, key, value : ndarray, shape=(length, d)
    heads : int
        Of the queries.
    bias : callable, optional
        Number of a head to what is added to its scores.
    turn : callable, optional
        Applied to queries and keys of a head.
    scale : float, optional
        Of the scores; one over the root of a head's width when left out.
    """
    width = query.shape[1] // heads
    shared = heads // (key.shape[1] // width)
    found = []
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        kept = slice(head // shared * width, (head // shared + 1) * width)
        q, k = (part if turn is None else turn(part) for part in (query[:, own], key[:, kept]))
        scores = q @ k.T * (width**-0.5 if scale is None else scale)
        scores = scores if bias is None else scores + bias(head)
        powers = np.exp(scores - scores.max(1, keepdims=True))
        found.append(powers / powers.sum(1, keepdims=True) @ value[:, kept])
    return np.concatenate(found, axis=1)


def convolved(signal: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Causal convolution, lag by lag, of channels, shape=(length, c), with taps, shape=(k, c)."""
    result = np.zeros_like(signal)
    for lag in range(min(len(signal), len(taps))):
        result[lag:] += taps[lag] * signal[: len(signal) - lag]
    return result


def correlated(signal: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Causal correlation with taps, shape=(c, 1, k), as a padded and cut convolution of torch has it."""
    return convolved(signal, taps[:, 0, ::-1].T)
