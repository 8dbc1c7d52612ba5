"""ProteInfer on configurations of its own against the definition in float64, in both layouts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from definitions import drawn, exact
from golden_sets import TOLERANCE, difference, write_checkpoint

from genoprot_evaluate.encoders import load_encoder

TEXTS = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ", "ACDEFGHIKLMNPQRSTVWYUOBZX.", "m"]
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
CASES = {
    "unstated": {"filters": 18, "kernel_size": 9, "num_layers": 5, "resnet_bottleneck_factor": 0.5},
    "every option": {
        "filters": 17,
        "kernel_size": 5,
        "num_layers": 4,
        "resnet_bottleneck_factor": 0.88,
        "dilation_rate": 5,
        "first_dilated_layer": 2,
        "denominator_power": 0.88,
    },
    "even kernel": {
        "filters": 12,
        "kernel_size": 4,
        "num_layers": 3,
        "resnet_bottleneck_factor": 1.5,
        "dilation_rate": 2,
        "first_dilated_layer": 0,
        "denominator_power": 1,
    },
}
TORCH = {
    "batch_normalization/": "bn_activation_1.0.",
    "batch_normalization_1/": "bn_activation_2.0.",
    "conv1d/": "masked_conv1.",
    "conv1d_1/": "masked_conv2.",
}
FIELDS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def shapes_of(config):
    wide, kernel = config["filters"], config["kernel_size"]
    narrow = int(wide * config["resnet_bottleneck_factor"])
    shapes = {"conv1d/kernel": (kernel, 20, wide), "conv1d/bias": (wide,)}
    for number in range(config["num_layers"]):
        b = f"residual_block_{number}/"
        shapes |= {f"{b}conv1d/kernel": (kernel, wide, narrow), f"{b}conv1d/bias": (narrow,)}
        shapes |= {f"{b}conv1d_1/kernel": (1, narrow, wide), f"{b}conv1d_1/bias": (wide,)}
        for name, width in (("batch_normalization", wide), ("batch_normalization_1", narrow)):
            shapes |= {f"{b}{name}/{field}": (width,) for field in FIELDS}
    return shapes | {"logits/kernel": (wide, 7), "logits/bias": (7,)}


def ported(weights):
    """Weights by the names of the torch port."""
    named = {}
    for key, tensor in weights.items():
        block, _, rest = key.partition("/")
        start = {"conv1d": "conv1.", "logits": "output_layer."}.get(block)
        if start is None:
            part, field = rest.rsplit("/", 1)
            start = f"resnet_blocks.{block.rpartition('_')[2]}.{TORCH[part + '/']}"
        else:
            field = rest
        field = FIELDS.get(field, {"kernel": "weight"}.get(field, field))
        named[start + field] = tensor.permute(*range(tensor.ndim)[::-1])
    return named


def code(letter):
    """Vector of a residue."""
    members = {"U": "C", "B": "DN", "Z": "EQ", "X": RESIDUES, "O": RESIDUES, ".": ""}.get(letter, letter)
    return [(residue in members) / max(1, len(members)) for residue in RESIDUES]


def convolution(w, name, x, dilation=1):
    """Padded to the same length, an odd number of zeros one longer behind than in front."""
    kernel = w[f"{name}/kernel"]
    reach = dilation * (len(kernel) - 1)
    padded = np.pad(x, ((reach // 2, reach - reach // 2), (0, 0)))
    taps = [padded[tap * dilation :][: len(x)] @ kernel[tap] for tap in range(len(kernel))]
    return sum(taps) + w[f"{name}/bias"]


def normed(w, name, x):
    of = {field: w[f"{name}/{field}"] for field in FIELDS}
    return (x - of["moving_mean"]) / np.sqrt(of["moving_variance"] + 1e-3) * of["gamma"] + of["beta"]


def states_of(w, config, text):
    x = convolution(w, "conv1d", np.array([code(letter) for letter in text]))
    for number in range(config["num_layers"]):
        b, late = f"residual_block_{number}/", number - config.get("first_dilated_layer", 1) + 1
        dilation = config.get("dilation_rate", 3) ** max(0, late)
        inner = np.maximum(normed(w, f"{b}batch_normalization", x), 0)
        inner = convolution(w, f"{b}conv1d", inner, dilation)
        inner = np.maximum(normed(w, f"{b}batch_normalization_1", inner), 0)
        x = x + convolution(w, f"{b}conv1d_1", inner)
    return x


@pytest.mark.parametrize("layout", ["tensorflow", "torch"])
@pytest.mark.parametrize("case", CASES)
def test_states_and_vectors(case, layout, tmp_path):
    config = CASES[case]
    weights = drawn(shapes_of(config), seed=len(case))
    named = weights if layout == "tensorflow" else ported(weights)
    folder = write_checkpoint(tmp_path, named, None if case == "unstated" else config)
    encoder = load_encoder("proteinfer-pfam", weights=folder, device="cpu")
    assert encoder.spec.dimension == config["filters"]
    longest = len(TEXTS[0])
    codes = torch.full((len(TEXTS), longest, 20), 3.0)
    for row, text in enumerate(TEXTS):
        codes[row, : len(text)] = torch.tensor([code(letter) for letter in text.upper()])
    real = torch.arange(longest) < torch.tensor([[len(text)] for text in TEXTS])
    found, vectors = encoder.model(codes, real), encoder.embed(TEXTS)
    for row, text in enumerate(TEXTS):
        states = states_of(exact(weights), config, text.upper())
        assert difference(found[row, : len(text)], states) <= TOLERANCE
        pooled = states.sum(0) / len(text) ** config.get("denominator_power", 1.0)
        assert difference(vectors[row], pooled) <= TOLERANCE * max(1.0, abs(pooled).max())
