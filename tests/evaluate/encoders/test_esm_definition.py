"""ESM-2 and ESM C on configurations of their own against the definitions in float64, in both layouts each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from definitions import attention, drawn, exact, gelu, layer_norm, linear, silu, turned
from golden_sets import TOLERANCE, difference, write_checkpoint

from genoprot_evaluate.encoders import load_encoder

TEXTS = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQXBUZO.-J*", "mkTAYI", "W", "MK<mask>TAY<mask>IAK"]
ALPHABET = dict(zip("LAGVSERTIDPKQNFYMHWCXBUZO.-", range(4, 31)))
SIZES = {"hidden_size": 48, "num_attention_heads": 4, "num_hidden_layers": 3, "intermediate_size": 100}
ESM2 = {
    "five heads": SIZES | {"hidden_size": 80, "num_attention_heads": 5, "num_hidden_layers": 2},
    "no dropout": SIZES | {"token_dropout": False, "layer_norm_eps": 1e-3},
}
ROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 700.0}}
ESMC = {"six heads": SIZES | {"hidden_size": 96, "num_attention_heads": 6, "num_hidden_layers": 5}}
ESMC |= {"one layer": SIZES | {"num_hidden_layers": 1, "num_attention_heads": 2}}
FAIR = {
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.output.dense": "self_attn.out_proj",
    "attention.LayerNorm": "self_attn_layer_norm",
    "LayerNorm": "final_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
}


def tokens_of(text, further=()):
    """Tokens of a text between <cls> and <eos>."""
    letters = text.upper().replace("<MASK>", "_")
    table = ALPHABET | dict(further) | {"_": 32}
    return [0, *(table.get(letter, 3) for letter in letters), 2]


def esm2_shapes(config):
    d, inner = config["hidden_size"], config["intermediate_size"]
    norms = ["encoder.emb_layer_norm_after"]
    shapes = {"embeddings.word_embeddings.weight": (33, d)}
    for number in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{number}."
        norms += [f"{p}attention.LayerNorm", f"{p}LayerNorm"]
        sizes = dict.fromkeys([f"attention.self.{part}" for part in ("query", "key", "value")], (d, d))
        sizes |= {"attention.output.dense": (d, d), "intermediate.dense": (inner, d)}
        sizes |= {"output.dense": (d, inner)}
        for name, shape in sizes.items():
            shapes |= {f"{p}{name}.weight": shape, f"{p}{name}.bias": shape[:1]}
    for name in norms:
        shapes |= {f"{name}.weight": (d,), f"{name}.bias": (d,)}
    return shapes


def fair(weights, config):
    """Weights by the names of fair-esm."""
    named = {"lm_head.bias": torch.zeros(33), "contact_head.regression.bias": torch.zeros(1)}
    half = config["hidden_size"] // config["num_attention_heads"] // 2
    for number in range(config["num_hidden_layers"]):
        frequencies = 10_000.0 ** (-torch.arange(half) / half)
        named[f"layers.{number}.self_attn.rot_emb.inv_freq"] = frequencies
    for key, tensor in weights.items():
        place, _, field = key.rpartition(".")
        if place.startswith("encoder.layer."):
            number, part = place.removeprefix("encoder.layer.").split(".", 1)
            place = f"layers.{number}.{FAIR[part]}"
        place = place.replace("embeddings.word_embeddings", "embed_tokens").removeprefix("encoder.")
        named[f"{place}.{field}"] = tensor
    return named


def esm2_states(w, config, ids):
    epsilon, heads = config.get("layer_norm_eps", 1e-5), config["num_attention_heads"]
    masked = np.equal(ids, 32)
    x = w["embeddings.word_embeddings.weight"][ids]
    if config.get("token_dropout", True):
        x = np.where(masked[:, None], 0.0, x) * (1 - 0.15 * 0.8) / (1 - masked.mean())
    for number in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{number}."
        u = layer_norm(w, f"{p}attention.LayerNorm", x, epsilon)
        q, k, v = (linear(w, f"{p}attention.self.{part}", u) for part in ("query", "key", "value"))
        x = x + linear(w, f"{p}attention.output.dense", attention(q, k, v, heads, turn=turned))
        u = linear(w, f"{p}intermediate.dense", layer_norm(w, f"{p}LayerNorm", x, epsilon))
        x = x + linear(w, f"{p}output.dense", gelu(u))
    return layer_norm(w, "encoder.emb_layer_norm_after", x, epsilon)


def check(encoder, states_of, further=()):
    vectors = encoder.embed(TEXTS)
    for text, vector in zip(TEXTS, vectors):
        ids = tokens_of(text, further)
        assert encoder.tokenize(text.replace("mk", "MK")) == ids
        states = states_of(ids)
        found = encoder.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        assert difference(found, states) <= TOLERANCE
        assert difference(vector, states[1:-1].mean(0)) <= TOLERANCE


@pytest.mark.parametrize("layout", ["transformers", "bare", "fair", "heads"])
@pytest.mark.parametrize("case", ESM2)
def test_esm2(case, layout, tmp_path):
    config = ESM2[case]
    weights = drawn(esm2_shapes(config), seed=len(case))
    stated = {key: config[key] for key in ("token_dropout", "layer_norm_eps") if key in config}
    if layout == "fair":
        named = fair(weights, config)
    elif layout == "heads":
        named, stated = fair(weights, config), stated | {"heads": config["num_attention_heads"]}
        named = {key: tensor for key, tensor in named.items() if "inv_freq" not in key}
    else:
        prefix, stated = "esm." if layout == "transformers" else "", config | {"model_type": "esm"}
        named = {prefix + key: tensor for key, tensor in weights.items()}
        named[f"{prefix}embeddings.position_ids"] = torch.arange(9)[None]
        named[f"{prefix}contact_head.regression.weight"] = torch.zeros(1, 12)
    encoder = load_encoder("esm2-150m", weights=write_checkpoint(tmp_path, named, stated), device="cpu")
    w = exact(weights)
    check(encoder, lambda ids: esm2_states(w, config, ids))


def esmc_shapes(config):
    d, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {"embed_tokens.weight": (64, d), "norm.weight": (d,)}
    for number in range(config["num_hidden_layers"]):
        p = f"layers.{number}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes |= {f"{p}{name}.weight": (d,), f"{p}{name}.bias": (d,)}
        shapes |= {f"{p}self_attn.{part}_proj.weight": (d, d) for part in "qkvo"}
        shapes |= {f"{p}self_attn.{part}_norm.weight": (d,) for part in "qk"}
        shapes |= {f"{p}mlp.{part}_proj.weight": (inner, d) for part in ("gate", "up")}
        shapes[f"{p}mlp.down_proj.weight"] = (d, inner)
    return shapes


def first_release(weights, config):
    """Weights by the names of the first release."""
    named = {"embed.weight": weights["embed_tokens.weight"]}
    named["transformer.norm.weight"] = weights["norm.weight"]
    for number in range(config["num_hidden_layers"]):
        of = {key.removeprefix(f"layers.{number}."): tensor for key, tensor in weights.items()}
        p = f"transformer.blocks.{number}."
        for field in ("weight", "bias"):
            named[f"{p}attn.layernorm_qkv.0.{field}"] = of[f"input_layernorm.{field}"]
            named[f"{p}ffn.0.{field}"] = of[f"post_attention_layernorm.{field}"]
        named |= {
            f"{p}attn.layernorm_qkv.1.weight": torch.cat([of[f"self_attn.{x}_proj.weight"] for x in "qkv"]),
            f"{p}attn.q_ln.weight": of["self_attn.q_norm.weight"],
            f"{p}attn.k_ln.weight": of["self_attn.k_norm.weight"],
            f"{p}attn.out_proj.weight": of["self_attn.o_proj.weight"],
            f"{p}ffn.1.weight": torch.cat([of["mlp.gate_proj.weight"], of["mlp.up_proj.weight"]]),
            f"{p}ffn.3.weight": of["mlp.down_proj.weight"],
        }
    return named | {"sequence_head.0.bias": torch.zeros(1)}


def esmc_states(w, config, ids):
    x, branch = w["embed_tokens.weight"][ids], (config["num_hidden_layers"] / 36) ** -0.5
    base = config.get("rope_parameters", {}).get("rope_theta", 10_000.0)
    for number in range(config["num_hidden_layers"]):
        p = f"layers.{number}."
        u = layer_norm(w, f"{p}input_layernorm", x)
        q, k, v = (linear(w, f"{p}self_attn.{part}_proj", u) for part in "qkv")
        q, k = (layer_norm(w, f"{p}self_attn.{name}_norm", part) for name, part in (("q", q), ("k", k)))
        mixed = attention(q, k, v, config["num_attention_heads"], turn=lambda part: turned(part, base))
        x = x + branch * linear(w, f"{p}self_attn.o_proj", mixed)
        u = layer_norm(w, f"{p}post_attention_layernorm", x)
        gated = silu(linear(w, f"{p}mlp.gate_proj", u)) * linear(w, f"{p}mlp.up_proj", u)
        x = x + branch * linear(w, f"{p}mlp.down_proj", gated)
    return layer_norm(w, "norm", x)


@pytest.mark.parametrize("layout", ["transformers", "bare", "first release"])
@pytest.mark.parametrize("case", ESMC)
def test_esmc(case, layout, tmp_path):
    config = ESMC[case]
    weights = drawn(esmc_shapes(config), seed=len(case))
    if layout == "first release":
        named, stated = first_release(weights, config), {"n_heads": config["num_attention_heads"]}
    else:
        config = config | (ROPE if layout == "bare" else {})
        prefix, stated = "esmc." if layout == "transformers" else "", config | {"model_type": "esmc"}
        named = {prefix + key: tensor for key, tensor in weights.items()}
    encoder = load_encoder("esmc-300m", weights=write_checkpoint(tmp_path, named, stated), device="cpu")
    w = exact(weights)
    check(encoder, lambda ids: esmc_states(w, config, ids), {"|": 31})
