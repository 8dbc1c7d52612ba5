"""LucaOne on configurations of its own against the definition in float64, in both layouts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from definitions import attention, drawn, exact, gelu, layer_norm, linear, turned
from golden_sets import TOLERANCE, difference, write_checkpoint

from genoprot_evaluate.encoders import load_encoder

TEXTS = {
    "dna": ["ATGCGTACGTTAGCNNACGATCGATTTACGAC", "acguRY", "G"],
    "protein": ["MKTAYIAKQRQISFVKSHFSRQLEERLGXBUZOJ.-*", "mktay", "W"],
}
TOKENS = {"dna": dict(zip("ATUCG", (5, 6, 6, 7, 8)))}
TOKENS["protein"] = {letter: row for row, letter in enumerate("LAGVSERTIDPKQNFYMHWCXBUZOJ.-*", start=10)}
RELEASED = {"hidden_size": 48, "num_attention_heads": 3, "num_hidden_layers": 3, "ffn_dim": 100}
POSITIONS = {"no_position_embeddings": False, "max_position_embeddings": 60}
CASES = {
    "released": RELEASED,
    "released dropping": RELEASED | {"token_dropout": True, "layer_norm_eps": 1e-12},
    "with positions": RELEASED
    | POSITIONS
    | {"use_embed_layer_norm": True, "hidden_size": 80, "num_attention_heads": 10, "num_hidden_layers": 2},
    "every option": RELEASED
    | POSITIONS
    | {"use_embed_layer_norm": True, "use_last_layer_norm": False, "embed_scale": 1.5, "token_dropout": True}
    | {"no_token_type_embeddings": True},
}


def shapes_of(config):
    d, inner, layers = config["hidden_size"], config["ffn_dim"], config["num_hidden_layers"]
    shapes = {"embeddings.embed_tokens.weight": (39, d)}
    norms = ["encoder.last_layer_norm"] if config.get("use_last_layer_norm", True) else []
    if not config.get("no_token_type_embeddings"):
        shapes["embeddings.embed_type.weight"] = (2, d)
    if not config.get("no_position_embeddings", True):
        shapes["embeddings.embed_pos.weight"] = (config["max_position_embeddings"], d)
    if config.get("use_embed_layer_norm"):
        norms.append("embeddings.embed_layer_norm")
    for number in range(layers):
        p = f"encoder.layers.{number}."
        norms += [f"{p}pre_layer_norm", f"{p}post_layer_norm"]
        sizes = {f"self_attn.{part}_proj": (d, d) for part in ("q", "k", "v", "out")}
        for name, shape in (sizes | {"fc1": (inner, d), "fc2": (d, inner)}).items():
            shapes |= {f"{p}{name}.weight": shape, f"{p}{name}.bias": shape[:1]}
    for name in norms:
        shapes |= {f"{name}.weight": (d,), f"{name}.bias": (d,)}
    return shapes


def original(weights, prefix):
    """Weights by the original names."""
    return {
        prefix + key.removeprefix("embeddings.").removeprefix("encoder."): tensor
        for key, tensor in weights.items()
    }


def states_of(w, config, ids, kind):
    x = w["embeddings.embed_tokens.weight"][ids]
    if "embeddings.embed_type.weight" in w:
        x = x + w["embeddings.embed_type.weight"][kind]
    if "embeddings.embed_pos.weight" in w:
        x = x + w["embeddings.embed_pos.weight"][: len(ids)]
    x = config.get("embed_scale", 1.0) * x
    if config.get("use_embed_layer_norm"):
        x = layer_norm(w, "embeddings.embed_layer_norm", x)
    if config.get("token_dropout"):
        x = x * (1 - 0.15 * 0.8)
    for number in range(config["num_hidden_layers"]):
        p = f"encoder.layers.{number}."
        u = layer_norm(w, f"{p}pre_layer_norm", x)
        q, k, v = (linear(w, f"{p}self_attn.{part}_proj", u) for part in "qkv")
        mixed = attention(q, k, v, config["num_attention_heads"], turn=turned)
        x = x + linear(w, f"{p}self_attn.out_proj", mixed)
        u = layer_norm(w, f"{p}post_layer_norm", x)
        x = x + linear(w, f"{p}fc2", gelu(linear(w, f"{p}fc1", u)))
    return layer_norm(w, "encoder.last_layer_norm", x) if config.get("use_last_layer_norm", True) else x


@pytest.mark.parametrize("layout", ["transformers", "original", "module."])
@pytest.mark.parametrize("case", CASES)
def test_states_and_vectors(case, layout, tmp_path):
    config = CASES[case]
    weights = drawn(shapes_of(config), seed=len(case))
    if layout == "transformers":
        named = {f"lucaone.{key}": tensor for key, tensor in weights.items()}
    else:
        named = original(weights, layout if layout == "module." else "")
    w, folder = exact(weights), write_checkpoint(tmp_path, named, config)
    means = {}
    for kind, (view, texts) in enumerate(TEXTS.items()):
        encoder = load_encoder("lucaone", weights=folder, modality=view, device="cpu")
        vectors = encoder.embed(texts)
        for text, vector in zip(texts, vectors):
            unknown = 9 if view == "dna" else 1
            ids = [2, *(TOKENS[view].get(letter, unknown) for letter in text.upper()), 3]
            assert encoder.tokenize(text.upper()) == ids
            states = states_of(w, config, ids, kind)
            row = torch.tensor([ids])
            found = encoder.model(row, torch.full_like(row, kind), row != 0)[0]
            scale = max(1.0, abs(states).max()) if not config.get("use_last_layer_norm", True) else 1.0
            assert difference(found, states) <= TOLERANCE * scale
            means[text] = states[1:-1].mean(0)
            assert difference(vector, means[text]) <= TOLERANCE
        for pooling, expected in {"cls": states[0], "max": states[1:-1].max(0)}.items():
            readout = {"pooling": pooling}
            other = load_encoder("lucaone", weights=folder, modality=view, device="cpu", readout=readout)
            assert difference(other.embed([text])[0], expected) <= TOLERANCE * scale
    both = load_encoder("lucaone", weights=folder, modality="both", device="cpu")
    pairs = list(zip(*TEXTS.values()))
    joined = [np.concatenate([means[dna], means[protein]]) for dna, protein in pairs]
    assert difference(both.embed(["\t".join(pair) for pair in pairs]), np.array(joined)) <= TOLERANCE


@pytest.mark.parametrize("stored", [True, False])
def test_heads_without_a_configuration(stored, tmp_path):
    """As wide as the stored rotary frequencies tell, else 64 as released."""
    width = 16 if stored else 64
    config = RELEASED | {"hidden_size": 3 * width}
    weights = drawn(shapes_of(config), seed=5)
    named = original(weights, "")
    if stored:
        for number in range(config["num_hidden_layers"]):
            frequencies = 10_000.0 ** (-torch.arange(width // 2) / (width // 2))
            named[f"layers.{number}.self_attn.rot_emb.inv_freq"] = frequencies
    encoder = load_encoder("lucaone", weights=write_checkpoint(tmp_path, named), modality="dna", device="cpu")
    states = states_of(exact(weights), config, encoder.tokenize("GATTACA"), 0)
    assert difference(encoder.embed(["GATTACA"])[0], states[1:-1].mean(0)) <= TOLERANCE
