"""Nucleotide Transformer v2 on configurations of its own against the definition, in both layouts."""

from __future__ import annotations

import itertools

import pytest
import torch
from definitions import attention, drawn, exact, layer_norm, linear, silu, turned
from golden_sets import TOLERANCE, difference, write_checkpoint

from genoprot_evaluate.encoders import load_encoder

TEXTS = ["ACGTGTACGTGCACGGACGACTAGTCAGCAN" * 3, "acgtgtNNtgcacgtaARY", "T"]
IDS = {"".join(six): row for row, six in enumerate(itertools.product("ATCG", repeat=6), start=6)}
IDS |= {base: row for row, base in enumerate("ATCGN", start=4102)}
SIZES = {"hidden_size": 48, "num_attention_heads": 3, "num_hidden_layers": 3, "intermediate_size": 70}
CASES = {
    "three heads": SIZES,
    "one layer": SIZES
    | {"hidden_size": 40, "num_attention_heads": 2, "num_hidden_layers": 1, "layer_norm_eps": 1e-12},
    "wide heads": SIZES
    | {"hidden_size": 32, "num_attention_heads": 4, "key_size": 14, "layer_norm_eps": 1e-3},
}
HAIKU = {
    "attention.self.query": "self_attention/query",
    "attention.self.key": "self_attention/key",
    "attention.self.value": "self_attention/value",
    "attention.output.dense": "self_attention/mha_output",
    "attention.LayerNorm": "self_attention_layer_norm",
    "LayerNorm": "final_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
}


def shapes_of(config):
    d, inner = config["hidden_size"], config["intermediate_size"]
    attended = config["num_attention_heads"] * config.get("key_size", d // config["num_attention_heads"])
    shapes = {"embeddings.word_embeddings.weight": (4107, d)}
    norms = ["encoder.emb_layer_norm_after"]
    for number in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{number}."
        norms += [f"{p}attention.LayerNorm", f"{p}LayerNorm"]
        for part in ("query", "key", "value"):
            shapes |= {f"{p}attention.self.{part}.weight": (attended, d)}
            shapes |= {f"{p}attention.self.{part}.bias": (attended,)}
        shapes |= {f"{p}attention.output.dense.weight": (d, attended)}
        shapes |= {f"{p}attention.output.dense.bias": (d,)}
        shapes |= {f"{p}intermediate.dense.weight": (2 * inner, d), f"{p}output.dense.weight": (d, inner)}
    for name in norms:
        shapes |= {f"{name}.weight": (d,), f"{name}.bias": (d,)}
    return shapes


def haiku(weights, config):
    """Weights and options by the names of the JAX release, whose matrices are transposed."""
    named = {}
    for key, tensor in weights.items():
        place, _, field = key.rpartition(".")
        fields = {"weight": "scale", "bias": "offset"} if "orm" in place else {"weight": "w", "bias": "b"}
        if place.startswith("encoder.layer."):
            number, part = place.removeprefix("encoder.layer.").split(".", 1)
            name = f"attention_layer_{number}/~/{HAIKU[part]}"
        else:
            name = "~/roberta_lm_head/~/emb_layer_norm_after"
        if "word_embeddings" in key:
            named["nt/~/embed::embeddings"] = tensor
        else:
            named[f"nt/{name}::{fields[field]}"] = tensor.T if fields[field] == "w" else tensor
    named["nt/~/roberta_lm_head/~/lm_final_fc::b"] = torch.zeros(4107)
    options = {"attention_heads": config["num_attention_heads"], "embed_dim": config["hidden_size"]}
    return named, options | {key: config[key] for key in ("layer_norm_eps", "key_size") if key in config}


def tokens_of(text):
    """Whole 6-mers from the left up to the next N, what is left of them base by base."""
    tokens, rest = [3], text.upper()
    while rest:
        size = 6 if len(rest) >= 6 and "N" not in rest[:6] else 1
        tokens.append(IDS.get(rest[:size], 0))
        rest = rest[size:]
    return tokens


def states_of(w, config, ids):
    epsilon, heads = config.get("layer_norm_eps", 1e-5), config["num_attention_heads"]
    x, seen = w["embeddings.word_embeddings.weight"][ids], []
    for number in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{number}."
        u = layer_norm(w, f"{p}attention.LayerNorm", x, epsilon)
        q, k, v = (linear(w, f"{p}attention.self.{part}", u) for part in ("query", "key", "value"))
        x = x + linear(w, f"{p}attention.output.dense", attention(q, k, v, heads, turn=turned))
        u = linear(w, f"{p}intermediate.dense", layer_norm(w, f"{p}LayerNorm", x, epsilon))
        inner = u.shape[1] // 2
        x = x + linear(w, f"{p}output.dense", silu(u[:, :inner]) * u[:, inner:])
        seen.append(x)
    return seen, layer_norm(w, "encoder.emb_layer_norm_after", x, epsilon)


@pytest.mark.parametrize("layout", ["transformers", "haiku"])
@pytest.mark.parametrize("case", CASES)
def test_states_and_vectors(case, layout, tmp_path):
    config = CASES[case]
    weights = drawn(shapes_of(config), seed=len(case))
    if layout == "haiku":
        folder = write_checkpoint(tmp_path, *haiku(weights, config))
    else:
        named = {f"esm.{key}": tensor for key, tensor in weights.items()}
        named["lm_head.bias"] = torch.zeros(4107)
        folder = write_checkpoint(tmp_path, named, config | {"model_type": "esm"})
    encoder = load_encoder("ntv2-250m", weights=folder, device="cpu")
    first = load_encoder("ntv2-250m", weights=folder, device="cpu", readout={"layer": 0, "pooling": "cls"})
    assert encoder.spec.dimension == config["hidden_size"]
    for text, vector in zip(TEXTS, encoder.embed(TEXTS)):
        ids = tokens_of(text)
        assert encoder.tokenize(text.upper()) == ids
        seen, states = states_of(exact(weights), config, ids)
        row = torch.tensor([ids])
        assert difference(encoder.model(row, row != 1)[0], states) <= TOLERANCE
        assert difference(vector, states.mean(0)) <= TOLERANCE
        start = weights["embeddings.word_embeddings.weight"][3]
        assert difference(first.embed([text])[0], start) <= TOLERANCE
    if len(seen) > 1:
        second = load_encoder("ntv2-250m", weights=folder, device="cpu", readout={"layer": 1})
        assert difference(second.embed([text])[0], seen[0].mean(0)) <= TOLERANCE * abs(seen[0]).max()
