"""ProtT5 on configurations of its own against the definition of T5 in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from definitions import attention, drawn, exact, linear, rms_norm
from golden_sets import TOLERANCE, difference, write_checkpoint

from genoprot_evaluate.encoders import load_encoder

TEXTS = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQXBUZO.-J*" * 3, "mkTAYI", "W"]
TOKENS = dict(zip("ALGVSREDTIPKFQNYMHWCX", range(3, 24))) | dict.fromkeys("UZOB", 23)
SIZES = {"d_model": 48, "d_kv": 20, "d_ff": 96, "num_layers": 2, "num_heads": 3}
CASES = {
    "relu": SIZES,
    "gated": SIZES
    | {"feed_forward_proj": "gated-gelu", "relative_attention_num_buckets": 12, "layer_norm_epsilon": 1e-3}
    | {"relative_attention_max_distance": 50},
    "one layer": SIZES | {"num_layers": 1, "num_heads": 5, "d_kv": 8, "relative_attention_max_distance": 20},
}


def shapes_of(config):
    d, inner, attended = config["d_model"], config["d_ff"], config["num_heads"] * config["d_kv"]
    gated = config.get("feed_forward_proj") == "gated-gelu"
    shapes = {"shared.weight": (128, d), "encoder.final_layer_norm.weight": (d,)}
    buckets = (config.get("relative_attention_num_buckets", 32), config["num_heads"])
    shapes["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = buckets
    for number in range(config["num_layers"]):
        p = f"encoder.block.{number}.layer."
        shapes |= {f"{p}0.SelfAttention.{part}.weight": (attended, d) for part in "qkv"}
        shapes[f"{p}0.SelfAttention.o.weight"] = (d, attended)
        shapes[f"{p}1.DenseReluDense.wo.weight"] = (d, inner)
        names = ("wi_0", "wi_1") if gated else ("wi",)
        shapes |= {f"{p}1.DenseReluDense.{name}.weight": (inner, d) for name in names}
        shapes |= {f"{p}{part}.layer_norm.weight": (d,) for part in (0, 1)}
    return shapes


def bucket(offset, buckets, longest):
    """Bucket of a key so far behind the query: half of them for each side, half of these one by one."""
    side, near = buckets // 2, buckets // 4
    start, offset = (side, offset) if offset > 0 else (0, -offset)
    if offset < near:
        return start + offset
    far = math.log(offset / near) / math.log(longest / near) * (side - near)
    return start + min(side - 1, near + int(far + 1e-6))


def states_of(w, config, ids):
    epsilon, heads = config.get("layer_norm_epsilon", 1e-6), config["num_heads"]
    buckets = config.get("relative_attention_num_buckets", 32)
    longest = config.get("relative_attention_max_distance", 128)
    places = range(len(ids))
    table = w["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    offsets = [[bucket(key - query, buckets, longest) for key in places] for query in places]
    bias, x = table[np.array(offsets)], w["shared.weight"][ids]
    for number in range(config["num_layers"]):
        p = f"encoder.block.{number}.layer."
        u = rms_norm(w[f"{p}0.layer_norm.weight"], x, epsilon)
        q, k, v = (linear(w, f"{p}0.SelfAttention.{part}", u) for part in "qkv")
        mixed = attention(q, k, v, heads, bias=lambda head: bias[:, :, head], scale=1.0)
        x = x + linear(w, f"{p}0.SelfAttention.o", mixed)
        u, p = rms_norm(w[f"{p}1.layer_norm.weight"], x, epsilon), f"{p}1.DenseReluDense."
        if f"{p}wi.weight" in w:
            inner = np.maximum(linear(w, f"{p}wi", u), 0)
        else:
            gate = linear(w, f"{p}wi_0", u)
            gate = 0.5 * gate * (1 + np.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))
            inner = gate * linear(w, f"{p}wi_1", u)
        x = x + linear(w, f"{p}wo", inner)
    return rms_norm(w["encoder.final_layer_norm.weight"], x, epsilon)


@pytest.mark.parametrize("case", CASES)
def test_states_and_vectors(case, tmp_path):
    config = CASES[case]
    weights = drawn(shapes_of(config), seed=len(case))
    # Scores of T5 are not divided by the root of a head's width: its queries are drawn that much smaller.
    weights |= {key: tensor / config["d_kv"] ** 0.5 for key, tensor in weights.items() if ".q." in key}
    folder = write_checkpoint(tmp_path, weights, config | {"model_type": "t5"})
    encoder = load_encoder("prott5", weights=folder, device="cpu")
    for text, vector in zip(TEXTS, encoder.embed(TEXTS)):
        ids = [*(TOKENS.get(letter, 2) for letter in text.upper()), 1]
        assert encoder.tokenize(text.upper()) == ids
        states = states_of(exact(weights), config, ids)
        found = encoder.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        assert difference(found, states) <= TOLERANCE
        assert difference(vector, states[:-1].mean(0)) <= TOLERANCE
