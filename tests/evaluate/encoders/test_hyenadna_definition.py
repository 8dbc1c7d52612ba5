"""HyenaDNA on configurations of its own against the definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from definitions import convolved, correlated, drawn, exact, layer_norm, linear
from golden_sets import TOLERANCE, difference, write_checkpoint

from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.hyenadna import tokenize

TEXTS = ["ACGTNACGGTACCATTGACCATTTAGGACATNNACGRYACGT", "acgTTGACA", "C", "GATTACA" * 9]
IDS = {"A": 7, "C": 8, "G": 9, "T": 10, "N": 11}
CASES = {
    "wide": ({"d_model": 48, "n_layer": 3, "d_inner": 100}, {"l_max": 66, "emb_dim": 3}, "hyena.backbone."),
    "unstated": ({"d_model": 32, "n_layer": 2, "d_inner": 64}, {"l_max": 65}, "backbone."),
    "checkpointed": (
        {"d_model": 20, "n_layer": 1, "d_inner": 80, "checkpoint_mixer": True},
        {"l_max": 65, "emb_dim": 7, "filter_order": 24, "short_filter_order": 4, "num_inner_mlps": 1},
        "model.backbone.",
    ),
    "order 3": (
        {
            "d_model": 24,
            "n_layer": 2,
            "d_inner": 48,
            "layer_norm_epsilon": 1e-3,
            "vocab_rows": 12,
        },
        {"l_max": 70, "order": 3, "shift": 0.2, "num_inner_mlps": 3},
        "backbone.",
    ),
    "order 4": (
        {"d_model": 16, "n_layer": 2, "d_inner": 40, "use_bias": False},
        {"l_max": 65, "order": 4, "modulate": False},
        "backbone.",
    ),
}


def shapes_of(config, layer):
    width, order = config["d_model"], layer.get("order", 2)
    hidden, streams, filters = layer.get("filter_order", 64), (order + 1) * width, (order - 1) * width
    shapes = {"embeddings.word_embeddings.weight": (config.get("vocab_rows", 16), width)}
    for number in range(config["n_layer"]):
        place = f"layers.{number}."
        made = f"{place}mixer.filter_fn."
        last = 2 * (1 + layer.get("num_inner_mlps", 2))
        shapes |= {
            f"{place}mixer.in_proj.weight": (streams, width),
            f"{place}mixer.in_proj.bias": (streams,),
            f"{place}mixer.out_proj.weight": (width, width),
            f"{place}mixer.out_proj.bias": (width,),
            f"{place}mixer.short_filter.weight": (streams, 1, layer.get("short_filter_order", 3)),
            f"{place}mixer.short_filter.bias": (streams,),
            f"{made}bias": (filters,),
            f"{made}pos_emb.z": (1, layer["l_max"], layer.get("emb_dim", 5)),
            f"{made}pos_emb.t": (1, layer["l_max"], 1),
            f"{made}modulation.deltas": (1, 1, filters),
            f"{made}implicit_filter.{last}.weight": (filters, hidden),
            f"{place}mlp.fc1.weight": (config["d_inner"], width),
            f"{place}mlp.fc1.bias": (config["d_inner"],),
            f"{place}mlp.fc2.weight": (width, config["d_inner"]),
            f"{place}mlp.fc2.bias": (width,),
        }
        for linears in range(0, last, 2):
            features = hidden if linears else layer.get("emb_dim", 5)
            shapes[f"{made}implicit_filter.{linears}.weight"] = (hidden, features)
            shapes[f"{made}implicit_filter.{linears}.bias"] = (hidden,)
        for name in ("norm1", "norm2"):
            shapes |= {f"{place}{name}.weight": (width,), f"{place}{name}.bias": (width,)}
    return shapes | {"ln_f.weight": (width,), "ln_f.bias": (width,)}


def weights_of(config, layer, seed):
    """Weights without the prefix; the shared frequency of a filter under all of its names."""
    weights = drawn(shapes_of(config, layer), seed)
    for number in range(config["n_layer"]):
        made = f"layers.{number}.mixer.filter_fn."
        weights[f"{made}pos_emb.t"] = torch.linspace(0, 1, layer["l_max"])[None, :, None]
        weights[f"{made}modulation.deltas"] *= 9
        weights[f"{made}implicit_filter.{2 + 2 * layer.get('num_inner_mlps', 2)}.weight"] *= 0.3
        frequency = 1 + torch.rand(
            1, layer.get("filter_order", 64), generator=torch.Generator().manual_seed(seed)
        )
        for place in range(1, 2 * (1 + layer.get("num_inner_mlps", 2)), 2):
            weights[f"{made}implicit_filter.{place}.freq"] = frequency
    return weights


def states_of(w, config, layer, ids):
    """The stream behind every block, and the states behind the final norm."""
    epsilon, order = config.get("layer_norm_epsilon", 1e-5), layer.get("order", 2)
    stream, seen = w["embeddings.word_embeddings.weight"][ids], []
    for number in range(config["n_layer"]):
        place = f"layers.{number}."
        mixer, made = f"{place}mixer.", f"{place}mixer.filter_fn."
        z = linear(w, f"{mixer}in_proj", layer_norm(w, f"{place}norm1", stream, epsilon))
        z = correlated(z, w[f"{mixer}short_filter.weight"]) + w[f"{mixer}short_filter.bias"]
        *gates, v = np.split(z, order + 1, axis=1)
        k, linears = w[f"{made}pos_emb.z"][0, : len(ids)], 2 * (1 + layer.get("num_inner_mlps", 2))
        for depth in range(0, linears, 2):
            freq = w[f"{made}implicit_filter.{depth + 1}.freq"]
            k = np.sin(freq * linear(w, f"{made}implicit_filter.{depth}", k))
        k = linear(w, f"{made}implicit_filter.{linears}", k)
        if layer.get("modulate", True):
            decay = np.exp(-w[f"{made}pos_emb.t"][0, : len(ids)] * abs(w[f"{made}modulation.deltas"][0]))
            k = k * (decay + layer.get("shift", 0.05))
        filters, skips = np.split(k, order - 1, axis=1), np.split(w[f"{made}bias"], order - 1)
        for gate, taps, skip in zip(gates[:0:-1], filters, skips):
            v = convolved(v * gate, taps) + v * gate * skip * config.get("use_bias", True)
        stream = stream + linear(w, f"{mixer}out_proj", v * gates[0])
        inner = linear(w, f"{place}mlp.fc1", layer_norm(w, f"{place}norm2", stream, epsilon))
        inner = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        stream = stream + linear(w, f"{place}mlp.fc2", inner)
        seen.append(stream)
    return seen, layer_norm(w, "ln_f", stream, epsilon)


@pytest.mark.parametrize("case", CASES)
def test_states_and_vectors(case, tmp_path):
    config, layer, prefix = CASES[case]
    weights = weights_of(config, layer, seed=len(case))
    wrapped = {
        prefix + (key.replace(".mixer.", ".mixer.layer.").replace(".mlp.", ".mlp.layer."))
        if config.get("checkpoint_mixer")
        else prefix + key: tensor
        for key, tensor in weights.items()
    }
    folder = write_checkpoint(tmp_path, wrapped, None if case == "unstated" else config | {"layer": layer})
    encoder = load_encoder("hyena-160k", weights=folder, device="cpu")
    assert (encoder.spec.dimension, encoder.spec.context) == (config["d_model"], layer["l_max"] - 2)
    vectors = encoder.embed(TEXTS)
    for text, vector in zip(TEXTS, vectors):
        ids = [IDS.get(letter, 6) for letter in text.upper()]
        assert tokenize(text.upper()) == ids
        stream, states = states_of(exact(weights), config, layer, ids)
        assert difference(encoder.model(torch.tensor([ids]))[0], states) <= TOLERANCE
        assert difference(vector, states.mean(0)) <= TOLERANCE
        for pooling, block in (("last", None), ("mean", 1)):
            readout = {"pooling": pooling} | ({} if block is None else {"layer": block})
            other = load_encoder("hyena-160k", weights=folder, device="cpu", readout=readout)
            expected = states[-1] if block is None else stream[0].mean(0)
            assert difference(other.embed([text])[0], expected) <= TOLERANCE * max(1, abs(expected).max())
