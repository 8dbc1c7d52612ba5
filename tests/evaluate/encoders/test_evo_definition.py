"""Evo and Evo 2 on configurations of their own against the definitions in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from definitions import attention, causal, convolved, correlated, drawn, exact, gelu, linear, silu, turned
from golden_sets import TOLERANCE, difference, write_checkpoint

from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.evo import tokenize

TEXT = "ACGTTGACNNRTACCATTGACCATTTAGGACATNNACGATTACAGGT"
TEXTS = [TEXT * 2, TEXT.lower(), "G"]
PAIRS = dict(zip("ACGTRY", "TGCAYR"))
HCS, HCM, HCL, ATTENTION = "short", "medium", "long", "attention"
EVO = {"attn_layer_idxs": [0, 3], "num_layers": 5, "num_attention_heads": 5, "eps": 1e-5, "hidden_size": 40}
EVO2 = {"attn_layer_idxs": [0, 4], "hcl_layer_idxs": [1], "hcm_layer_idxs": [2, 6], "hcs_layer_idxs": [3, 5]}
EVO2 |= {"num_layers": 7, "num_attention_heads": 3, "hidden_size": 48, "eps": 1e-6}
DIVIDED = {"use_interpolated_rotary_pos_emb": True, "rotary_emb_scaling_factor": 128}
NO_BIAS = {"qkv_proj_bias": False, "short_filter_bias": False, "mha_out_proj_bias": False}
CASES = {
    "evo-8k": ("evo", EVO),
    "evo-131k": (
        "evo",
        EVO | DIVIDED | {"rotary_emb_scaling_factor": 16, "state_size": 2},
    ),
    "evo-contiguous": (
        "evo",
        EVO | NO_BIAS | {"column_split_hyena": False, "hyena_filter_groups": 4, "short_filter_length": 4},
    ),
    "evo-silu": ("evo", EVO | {"mlp_activation": "silu", "rotary_emb_base": 500, "num_attention_heads": 2}),
    "evo-unstated": ("evo", EVO | DIVIDED | {"rotary_emb_scaling_factor": 16, "eps": 1e-6, "stored": True}),
    "evo2-unstated": ("evo2-7b", EVO2 | DIVIDED),
    "evo2-8k": ("evo2-7b", EVO2 | DIVIDED | {"use_interpolated_rotary_pos_emb": False}),
    "evo2-1m": ("evo2-7b", EVO2 | DIVIDED),
    "evo2-computed": (
        "evo2-7b",
        EVO2 | {"stored": False, "rotary_emb_base": 700, "hcl_filter_groups": 12, "hcm_filter_length": 150},
    ),
    "evo2-options": (
        "evo2-7b",
        EVO2
        | {"interleave": False, "column_split": False, "evo2_style_activations": False, "qkv_proj_bias": True}
        | {"hyena_flip_x1x2": True, "short_filter_bias": True, "hyena_out_proj_bias": False}
        | {"hcm_filter_length": 40, "hcm_has_skip": True, "hcs_filter_length": 3, "num_attention_heads": 4},
    ),
}


def kind_of(config, number):
    if number in config["attn_layer_idxs"]:
        return ATTENTION
    if number in config.get("hcs_layer_idxs", ()):
        return HCS
    return HCM if number in config.get("hcm_layer_idxs", ()) else HCL


def shapes_of(config, second):
    """Shapes in the released layout; a bias is there where the option is on, as it is in Evo 1 alone."""
    d, inner = config["hidden_size"], 112
    shapes = {"embedding_layer.weight": (512, d), "norm.scale": (d,)}
    for number in range(config["num_layers"]):
        p = f"blocks.{number}."
        shapes |= {f"{p}pre_norm.scale": (d,), f"{p}post_norm.scale": (d,), f"{p}mlp.l3.weight": (d, inner)}
        shapes |= {f"{p}mlp.l1.weight": (inner, d), f"{p}mlp.l2.weight": (inner, d)}
        if kind_of(config, number) == ATTENTION:
            a = f"{p}inner_mha_cls."
            shapes |= {f"{a}Wqkv.weight": (3 * d, d), f"{a}out_proj.weight": (d, d)}
            shapes |= {f"{a}Wqkv.bias": (3 * d,)} if config.get("qkv_proj_bias", not second) else {}
            shapes |= {f"{a}out_proj.bias": (d,)} if config.get("mha_out_proj_bias", True) else {}
            continue
        f, taps = f"{p}filter.", config.get("short_filter_length", 3)
        shapes |= {f"{p}projections.weight": (3 * d, d), f"{p}out_filter_dense.weight": (d, d)}
        shapes |= {f"{f}short_filter_weight": (3 * d, 1, taps)}
        shapes |= {f"{p}projections.bias": (3 * d,)} if config.get("qkv_proj_bias", not second) else {}
        shapes |= {f"{f}short_filter_bias": (3 * d,)} if config.get("short_filter_bias", not second) else {}
        shapes |= {f"{p}out_filter_dense.bias": (d,)} if config.get("hyena_out_proj_bias", True) else {}
        if not second:
            rows = (d // config.get("hyena_filter_groups", 1), config.get("state_size", 8), 1, 2)
            shapes |= {f"{f}poles": rows, f"{f}residues": rows, f"{f}D": (d,)}
        elif kind_of(config, number) == HCL:
            rows = (config.get("hcl_filter_groups", d), config.get("state_size", 16))
            shapes |= {f"{f}log_poles": (*rows, 1), f"{f}residues": rows, f"{f}D": (d,)}
        elif kind_of(config, number) == HCM:
            shapes |= {f"{f}h": (6, 1, config.get("hcm_filter_length", 128)), f"{f}D": (d,)}
        else:
            shapes |= {f"{f}h": (4, 1, config.get("hcs_filter_length", 7))}
    return shapes


def weights_of(config, second, seed):
    weights = drawn(shapes_of(config, second), seed)
    for key, values in weights.items():
        if key.endswith(".poles"):
            weights[key] = 0.9 * values / (0.3 + values.norm(dim=-1, keepdim=True))
        if key.endswith("log_poles"):
            weights[key] = -values.abs() / 2
    half = config["hidden_size"] // config["num_attention_heads"] // 2
    for number in config["attn_layer_idxs"] if config.get("stored", second) else ():
        frequencies = config.get("rotary_emb_base", 10_000.0) ** (-torch.arange(half) / half)
        # Files of Evo have them rounded, and they are computed anew; those of Evo 2 are used.
        frequencies = frequencies if second else frequencies.bfloat16()
        weights[f"blocks.{number}.inner_mha_cls.rotary_emb.inv_freq"] = frequencies
    return weights


def rms(scale, x, epsilon):
    size = np.sqrt((x**2).sum(-1, keepdims=True)) * x.shape[1] ** -0.5
    return scale * x / (size + epsilon)


def attended(w, p, u, config, second):
    heads, d = config["num_attention_heads"], u.shape[1]
    z = linear(w, f"{p}Wqkv", u)
    if second and config.get("column_split", True):
        z = z.reshape(len(u), heads, 3, -1).swapaxes(1, 2).reshape(len(u), 3 * d)
    interpolated = config.get("use_interpolated_rotary_pos_emb", False)
    scale = config["rotary_emb_scaling_factor"] if interpolated else 1.0
    hidden, base = causal(len(u)), config.get("rotary_emb_base", 10_000.0)
    q, k, v = np.split(z, 3, axis=1)
    mixed = attention(q, k, v, heads, lambda _: hidden, lambda part: turned(part, base, scale))
    return linear(w, f"{p}out_proj", mixed)


def filtered(w, p, u, config, second):
    f, d, length = f"{p}filter.", u.shape[1], len(u)
    z = linear(w, f"{p}projections", u)
    z = correlated(z, w[f"{f}short_filter_weight"]) + w.get(f"{f}short_filter_bias", 0.0)
    if second and config.get("interleave", True):
        x2, x1, v = z[:, 0::3], z[:, 1::3], z[:, 2::3]
    elif not second and config.get("column_split_hyena", True):
        by_head = z.reshape(length, config["num_attention_heads"], 3, -1)
        x2, x1, v = (by_head[:, :, stream].reshape(length, d) for stream in range(3))
    else:
        x2, x1, v = np.split(z, 3, axis=1)
    if config.get("hyena_flip_x1x2"):
        x1, x2 = x2, x1
    g, t = x1 * v, np.arange(length)
    if f"{f}h" in w:
        h = np.repeat(w[f"{f}h"], d // len(w[f"{f}h"]), axis=0)
        y = convolved(g, h[:, 0].T) + g * w[f"{f}D"] if f"{f}D" in w else correlated(g, h)
    else:
        if second:
            terms = w[f"{f}residues"][..., None] * np.exp(w[f"{f}log_poles"] * t)
        else:
            poles, residues = (w[f"{f}{name}"][:, :, 0] @ [1, 1j] for name in ("poles", "residues"))
            terms = (residues[..., None] * np.exp(np.log(poles)[..., None] * t)).real
        h = np.repeat(terms.sum(1), d // len(terms), axis=0)
        y = convolved(g, h.T) + g * w[f"{f}D"]
    return linear(w, f"{p}out_filter_dense", x2 * y)


def layers_of(w, config, second, ids):
    """States of every layer by the names of `StripedHyena.forward`."""
    x, found = w["embedding_layer.weight"][ids], {}
    for number in range(config["num_layers"]):
        p = f"blocks.{number}."
        u = rms(w[f"{p}pre_norm.scale"], x, config["eps"])
        if kind_of(config, number) == ATTENTION:
            x = x + attended(w, f"{p}inner_mha_cls.", u, config, second)
        else:
            x = x + filtered(w, p, u, config, second)
        u = rms(w[f"{p}post_norm.scale"], x, config["eps"])
        gate = linear(w, f"{p}mlp.l1", u)
        if number == 0 or not config.get("evo2_style_activations", second):
            gate = silu(gate) if config.get("mlp_activation") == "silu" else gelu(gate)
        inner = linear(w, f"{p}mlp.l3", gate * linear(w, f"{p}mlp.l2", u))
        x = x + inner
        found |= {f"{p}mlp.l3": inner, p.rstrip("."): x}
    return found | {"norm": rms(w["norm.scale"], x, config["eps"])}


def tolerance(layer, expected):
    """The blocks' stream is not normalised and grows to dozens, and what fp32 resolves grows with it."""
    return TOLERANCE if layer == "norm" else TOLERANCE * max(1.0, float(abs(expected).max()))


@pytest.mark.parametrize("case", CASES)
def test_states_and_vectors(case, tmp_path):
    name, config = CASES[case]
    second = name == "evo2-7b"
    weights = weights_of(config, second, seed=len(case))
    stored = {f"backbone.{key}": tensor for key, tensor in weights.items()}
    if second:
        stored["backbone.blocks.0.mlp.l1._extra_state"] = torch.zeros(3)
    else:
        stored["backbone.unembed.weight"] = torch.zeros(512, config["hidden_size"])
    stated = None if "unstated" in case else config
    folder = write_checkpoint(tmp_path, stored if case.endswith("k") else weights, stated)
    encoder = load_encoder(name, weights=folder, device="cpu")
    assert encoder.spec.dimension == config["hidden_size"]
    ids = torch.ones(len(TEXTS), len(TEXTS[0]), dtype=torch.int64)
    for row, text in enumerate(TEXTS):
        ids[row, : len(text)] = torch.tensor(tokenize(text.upper()))
    of_rows = []
    for text in TEXTS:
        tokens = [ord(letter) for letter in text.upper()]
        assert tokenize(text.upper()) == tokens
        of_rows.append(layers_of(exact(weights), config, second, tokens))
    for layer in of_rows[0]:
        for found, text, of in zip(encoder.model(ids, layer, ids != 1), TEXTS, of_rows):
            assert difference(found[: len(text)], of[layer]) <= tolerance(layer, of[layer]), layer
    vectors = encoder.embed(TEXTS)
    readout = {"layer": "norm", "pooling": "last", "strands": "both"}
    last = load_encoder(name, weights=folder, device="cpu", readout=readout).embed(TEXTS)
    for row, of in enumerate(of_rows):
        assert difference(vectors[row], of[encoder.layer].mean(0)) <= TOLERANCE
        assert difference(last[row, : config["hidden_size"]], of["norm"][-1]) <= TOLERANCE
    reverse = [ord(PAIRS.get(letter, letter)) for letter in TEXTS[1].upper()[::-1]]
    states = layers_of(exact(weights), config, second, reverse)["norm"]
    assert difference(last[1, config["hidden_size"] :], states[-1]) <= TOLERANCE


def test_padding_costs_a_short_sequence_no_precision(tmp_path):
    """Two tokens beside 190 are as exact as alone: padding is masked before a transform mixes it in."""
    name, config = CASES["evo2-1m"]
    ratios = []
    for seed in range(3):
        weights = weights_of(config, True, seed)
        encoder = load_encoder(
            name, weights=write_checkpoint(tmp_path / str(seed), weights, config), device="cpu"
        )
        ids = torch.ones(1, 192, dtype=torch.int64)
        ids[0, :2] = torch.tensor([0, 84])
        expected = layers_of(exact(weights), config, True, [0, 84])["blocks.6"]
        errors = [
            difference(encoder.model(batch, "blocks.6", mask)[0, :2], expected)
            for batch, mask in ((ids[:, :2], None), (ids, ids != 1), (ids, None))
        ]
        assert errors[1] <= 3 * errors[0]
        ratios.append(errors[2] / errors[1])
    assert max(ratios) > 3
