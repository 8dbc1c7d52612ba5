"""GENERator and BSM on configurations of their own against the definition of Llama in float64."""

from __future__ import annotations

import itertools

import pytest
import torch
from definitions import attention, causal, drawn, exact, linear, rms_norm, silu, turned
from golden_sets import TOLERANCE, difference, write_checkpoint
from small_checkpoints import llama_tokenizer

from genoprot_evaluate.encoders import load_encoder

SIXMERS = {"".join(six): row for row, six in enumerate(itertools.product("ATCG", repeat=6), start=32)}
TEXTS = ["ACGTACGGGTTACCANTTAAAAAAGATTAC", "acgtacgta", "T"]
SIZES = {"hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 6}
SIZES |= {"rms_norm_eps": 1e-6, "model_type": "llama", "max_position_embeddings": 65}
CASES = {
    "grouped": SIZES | {"num_key_value_heads": 2, "rope_theta": 500_000.0, "rope_scaling": None},
    "biased": SIZES | {"attention_bias": True, "mlp_bias": True, "rms_norm_eps": 1e-3, "head_dim": 12},
    "tied": SIZES
    | {"tie_word_embeddings": True, "num_hidden_layers": 1}
    | {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}},
    "bsm": SIZES | {"rope_parameters": {"rope_theta": 1e5, "rope_type": "default"}},
}


def shapes_of(config, vocabulary):
    d, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    width = config.get("head_dim", d // heads)
    kept = config.get("num_key_value_heads", heads)
    shapes = {"embed_tokens.weight": (vocabulary, d), "norm.weight": (d,)}
    for number in range(config["num_hidden_layers"]):
        p = f"layers.{number}."
        shapes |= {f"{p}input_layernorm.weight": (d,), f"{p}post_attention_layernorm.weight": (d,)}
        sizes = {"q": (heads * width, d), "o": (d, heads * width)}
        sizes |= dict.fromkeys("kv", (kept * width, d))
        named = {f"self_attn.{part}_proj": shape for part, shape in sizes.items()}
        named |= {"mlp.gate_proj": (inner, d), "mlp.up_proj": (inner, d), "mlp.down_proj": (d, inner)}
        for name, shape in named.items():
            shapes[f"{p}{name}.weight"] = shape
            if config.get("mlp_bias" if "mlp" in name else "attention_bias"):
                shapes[f"{p}{name}.bias"] = shape[:1]
    return shapes


def states_of(w, config, ids):
    epsilon, rope = config["rms_norm_eps"], config.get("rope_parameters", config)
    base, scale, hidden = rope.get("rope_theta", 1e4), rope.get("factor", 1.0), causal(len(ids))
    x = w["embed_tokens.weight"][ids]
    for number in range(config["num_hidden_layers"]):
        p = f"layers.{number}."
        u = rms_norm(w[f"{p}input_layernorm.weight"], x, epsilon)
        q, k, v = (linear(w, f"{p}self_attn.{part}_proj", u) for part in "qkv")
        mixed = attention(
            q, k, v, config["num_attention_heads"], lambda _: hidden, lambda part: turned(part, base, scale)
        )
        x = x + linear(w, f"{p}self_attn.o_proj", mixed)
        u = rms_norm(w[f"{p}post_attention_layernorm.weight"], x, epsilon)
        gated = silu(linear(w, f"{p}mlp.gate_proj", u)) * linear(w, f"{p}mlp.up_proj", u)
        x = x + linear(w, f"{p}mlp.down_proj", gated)
    return rms_norm(w["norm.weight"], x, epsilon)


def sixmers_of(text):
    """The start token and 6-mers; what is missing to a whole number of them is A, in front."""
    text = "A" * (-len(text) % 6) + text.upper()
    return [1, *(SIXMERS.get(text[start : start + 6], 0) for start in range(0, len(text), 6))]


@pytest.mark.parametrize("case", CASES)
def test_states_and_vectors(case, tmp_path):
    config, single = CASES[case], case == "bsm"
    weights = drawn(shapes_of(config, 12 if single else 4_128), seed=len(case))
    named = {f"model.{key}": tensor for key, tensor in weights.items()}
    if not config.get("tie_word_embeddings"):
        named["lm_head.weight"] = torch.zeros(1)
    folder = write_checkpoint(tmp_path, named, config)
    if single:
        llama_tokenizer(folder)
    name, behind = ("bsm-270m", 1) if single else ("generator-3b", 0)
    w, default = exact(weights), "mean" if single else "last"
    for pooling in ("mean", "last", "max"):
        readout = {} if pooling == default else {"pooling": pooling}
        encoder = load_encoder(name, weights=folder, device="cpu", readout=readout)
        for text, vector in zip(TEXTS, encoder.embed(TEXTS)):
            if single:
                ids = [2, *({"A": 4, "C": 5, "G": 6, "T": 7, "N": 8}[letter] for letter in text.upper()), 3]
            else:
                ids = sixmers_of(text)
            assert encoder.tokenize(text.upper()) == ids
            states = states_of(w, config, ids)
            found = encoder.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
            assert difference(found, states) <= TOLERANCE
            counted = states[1 : len(ids) - behind]
            pooled = {"mean": counted.mean(0), "last": counted[-1], "max": counted.max(0)}[pooling]
            assert difference(vector, pooled) <= TOLERANCE
