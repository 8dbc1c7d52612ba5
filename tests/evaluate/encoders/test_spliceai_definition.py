"""SpliceAI-10k with weights of its own against the layers of its graph in float64."""

from __future__ import annotations

import numpy as np
import torch
from definitions import drawn
from golden_sets import difference, write_checkpoint
from torch.nn.functional import conv1d

from genoprot_evaluate.encoders import load_encoder

TEXTS = ["ACGTNACGGTACCATTGACCATTTAGGACATNNACGRYACGT", "acgTTGACA", "C"]
STAGES = [(11, 1)] * 4 + [(11, 4)] * 4 + [(21, 10)] * 4 + [(41, 25)] * 4
TOLERANCE = 1e-4


def shapes_of():
    kernels = [1, 1]
    for number, (kernel, _) in enumerate(STAGES, start=1):
        kernels += [kernel, kernel] + [1] * (number % 4 == 0)
    shapes = {}
    for number, kernel in enumerate([*kernels, 1], start=1):
        outputs = 3 if number == len(kernels) + 1 else 32
        shapes |= {f"conv1d_{number}/kernel": (kernel, 4 if number == 1 else 32, outputs)}
        shapes |= {f"conv1d_{number}/bias": (outputs,)}
    for number in range(1, 33):
        fields = ("beta", "gamma", "moving_mean", "moving_variance")
        shapes |= {f"batch_normalization_{number}/{field}": (32,) for field in fields}
    return shapes


def features_of(w, text):
    """Input of the last convolution at every base; convolutions are not padded, what is added is cut."""
    hot = np.array([[letter == base for base in "ACGT"] for letter in text.upper()], dtype=np.float64)
    x = torch.from_numpy(np.pad(hot, ((5_000, 5_000), (0, 0)))).T[None]
    numbers, norms = iter(range(1, 39)), iter(range(1, 33))

    def convolution(x, dilation=1):
        name = f"conv1d_{next(numbers)}"
        return conv1d(x, w[f"{name}/kernel"].permute(2, 1, 0), w[f"{name}/bias"], dilation=dilation)

    def active(x):
        name = f"batch_normalization_{next(norms)}"
        beta, gamma, mean, variance = (
            w[f"{name}/{field}"][:, None] for field in ("beta", "gamma", "moving_mean", "moving_variance")
        )
        return ((x - mean) / torch.sqrt(variance + 1e-3) * gamma + beta).relu()

    def cut(x, length):
        margin = (x.shape[2] - length) // 2
        return x[:, :, margin : margin + length]

    x = convolution(x)
    total = cut(convolution(x), len(text))
    for number, (_, dilation) in enumerate(STAGES, start=1):
        inner = convolution(active(convolution(active(x), dilation)), dilation)
        x = inner + cut(x, inner.shape[2])
        if number % 4 == 0:
            total = total + cut(convolution(x), len(text))
    assert x.shape[2] == len(text)
    return total[0].T.numpy()


def test_vectors(tmp_path):
    weights = drawn(shapes_of(), seed=3)
    # Residual branches are drawn smaller, so that sixteen of them stay near one.
    weights |= {key: tensor / 2 for key, tensor in weights.items() if key.endswith("gamma")}
    folder = write_checkpoint(tmp_path, weights)
    encoder = load_encoder("spliceai", weights=folder, device="cpu")
    w = {key: tensor.double() for key, tensor in weights.items()}
    for text, vector in zip(TEXTS, encoder.embed(TEXTS)):
        assert difference(vector, features_of(w, text).mean(0)) <= TOLERANCE
