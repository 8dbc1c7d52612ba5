"""Caduceus on configurations of its own against the definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from definitions import correlated, drawn, exact, layer_norm, linear, rms_norm, silu
from golden_sets import TOLERANCE, difference, write_checkpoint

from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.caduceus import tokenize

TEXTS = ["ACGTNACGGTACCATTGACCATTTAGGACATNNACGRYACGT", "acgTTGACA", "C"]
IDS = {"A": 7, "C": 8, "G": 9, "T": 10, "N": 11}
COMPLEMENT = {7: 10, 8: 9, 9: 8, 10: 7}
BASE = {"d_model": 20, "n_layer": 2, "norm_epsilon": 1e-5, "rms_norm": True, "fused_add_norm": True}
CASES = {
    "ps fused": BASE | {"d_model": 32, "n_layer": 3},
    "ps unstated": BASE | {"ssm_cfg": {"d_state": 3}},
    "ph unstated": BASE | {"stored": "untied", "ssm_cfg": {"d_conv": 2, "dt_rank": 4}},
    "ps unfused": BASE | {"fused_add_norm": False, "stored": "untied", "ssm_cfg": {"d_state": 5}},
    "ps multiplied": BASE | {"bidirectional_strategy": "ew_multiply", "ssm_cfg": {"d_conv": 3, "expand": 3}},
    "ps layer norm": BASE | {"rms_norm": False, "stored": "mamba_rev", "ssm_cfg": {"bias": True}},
    "ps unfused layer norm": BASE | {"rms_norm": False, "fused_add_norm": False, "norm_epsilon": 1e-2},
    "ph": BASE | {"n_layer": 3, "stored": "mamba_fwd", "ssm_cfg": {"conv_bias": False}, "norm_epsilon": 0.1},
    "ph multiplied": BASE | {"bidirectional_strategy": "ew_multiply", "stored": "untied", "rms_norm": False},
    "ph of one direction": BASE | {"bidirectional": False, "ssm_cfg": {"d_state": 7}, "vocab_size": 12},
}


def shapes_of(config):
    """Shapes by the names of Ph; both directions, tied projections too."""
    d, of = config["d_model"], config.get("ssm_cfg", {})
    inner, states, rank = of.get("expand", 2) * d, of.get("d_state", 16), of.get("dt_rank", -(-d // 16))
    shapes = {"embeddings.word_embeddings.weight": (config.get("vocab_size", 16), d)}
    norms = ["norm_f"]
    for number in range(config["n_layer"]):
        norms.append(f"layers.{number}.norm")
        for side in ("fwd", "rev") if config.get("bidirectional", True) else ("fwd",):
            m = f"layers.{number}.mixer.mamba_{side}."
            shapes |= {
                f"{m}in_proj.weight": (2 * inner, d),
                f"{m}conv1d.weight": (inner, 1, of.get("d_conv", 4)),
                f"{m}x_proj.weight": (rank + 2 * states, inner),
                f"{m}dt_proj.weight": (inner, rank),
                f"{m}dt_proj.bias": (inner,),
                f"{m}A_log": (inner, states),
                f"{m}D": (inner,),
                f"{m}out_proj.weight": (d, inner),
            }
            shapes |= {f"{m}conv1d.bias": (inner,)} if of.get("conv_bias", True) else {}
            if of.get("bias"):
                shapes |= {f"{m}in_proj.bias": (2 * inner,), f"{m}out_proj.bias": (d,)}
    for name in norms:
        shapes |= {f"{name}.weight": (d,)} | ({} if config["rms_norm"] else {f"{name}.bias": (d,)})
    return shapes


def weights_of(config, seed):
    """Weights by the names of Ph under both names of tied projections."""
    weights = drawn(shapes_of(config), seed)
    if config.get("stored") != "untied":
        for key in weights:
            if "mamba_rev.in_proj" in key or "mamba_rev.out_proj" in key:
                weights[key] = weights[key.replace("_rev", "_fwd")].clone()
    return weights


def stored(weights, config, kind):
    """The same weights as a file of PS or Ph has them."""
    lost = {"mamba_fwd": "mamba_rev", "mamba_rev": "mamba_fwd"}.get(config.get("stored"), "nothing")
    named = {"lm_head.weight": torch.zeros(1)}
    for key, tensor in weights.items():
        if f".{lost}.in_proj." in key or f".{lost}.out_proj." in key:
            continue
        if kind == "ps":
            key = key.replace(".mixer.", ".mixer.submodule.")
            key = key.replace("word_embeddings.", "word_embeddings.embedding.")
            if not config["fused_add_norm"]:
                key = key.replace("norm.", "norm.submodule.").replace("norm_f.", "norm_f.submodule.")
        named[f"caduceus.backbone.{key}"] = tensor
    if kind == "ps":
        rows = len(weights["embeddings.word_embeddings.weight"])
        table = torch.tensor([COMPLEMENT.get(row, row) for row in range(rows)])
        named["caduceus.backbone.embeddings.word_embeddings.complement_map"] = table
    return named


def normed(w, name, x, config):
    if config["rms_norm"]:
        return rms_norm(w[f"{name}.weight"], x, config["norm_epsilon"])
    return layer_norm(w, name, x, config["norm_epsilon"])


def mamba(w, m, x):
    a, z = np.split(linear(w, f"{m}in_proj", x), 2, axis=1)
    a = silu(correlated(a, w[f"{m}conv1d.weight"]) + w.get(f"{m}conv1d.bias", 0.0))
    rates = -np.exp(w[f"{m}A_log"])
    rank, states = w[f"{m}dt_proj.weight"].shape[1], rates.shape[1]
    steps, enter, leave = np.split(a @ w[f"{m}x_proj.weight"].T, [rank, rank + states], axis=1)
    steps = np.log1p(np.exp(linear(w, f"{m}dt_proj", steps)))
    h, found = np.zeros_like(rates), []
    for u, dt, b, c in zip(a, steps, enter, leave):
        h = np.exp(dt[:, None] * rates) * h + dt[:, None] * b * u[:, None]
        found.append(h @ c + w[f"{m}D"] * u)
    return linear(w, f"{m}out_proj", np.array(found) * silu(z))


def mixed(w, number, x, config):
    m = f"layers.{number}.mixer.mamba_"
    there = mamba(w, f"{m}fwd.", x)
    if not config.get("bidirectional", True):
        return there
    back = mamba(w, f"{m}rev.", x[::-1])[::-1]
    return there * back if config.get("bidirectional_strategy") == "ew_multiply" else there + back


def states_of_ph(w, config, ids):
    x = w["embeddings.word_embeddings.weight"][ids]
    for number in range(config["n_layer"]):
        x = x + mixed(w, number, normed(w, f"layers.{number}.norm", x, config), config)
    return normed(w, "norm_f", x, config)


def states_of_ps(w, config, ids):
    """Strand and reverse complement side by side, 2 d channels; the latter in reverse in both axes."""

    def flip(x):
        return x[::-1, ::-1]

    table = w["embeddings.word_embeddings.weight"]
    one, other = table[ids], flip(table[complemented(ids)])
    for number in range(config["n_layer"]):
        if config["fused_add_norm"]:
            one, other = other, one
        parts = []
        for x in (one, flip(other)):
            parts.append(x + mixed(w, number, normed(w, f"layers.{number}.norm", x, config), config))
        one, other = parts[0], flip(parts[1])
    return np.concatenate(
        [normed(w, "norm_f", one, config), flip(normed(w, "norm_f", flip(other), config))], axis=1
    )


def complemented(ids):
    return [COMPLEMENT.get(token, token) for token in ids[::-1]]


@pytest.mark.parametrize("case", CASES)
def test_states_and_vectors(case, tmp_path):
    config, kind = CASES[case], case[:2]
    weights = weights_of(config, seed=len(case))
    stated = None if "unstated" in case else config | {"rcps": kind == "ps"}
    folder = write_checkpoint(tmp_path, stored(weights, config, kind), stated)
    encoder = load_encoder(f"caduceus-{kind}", weights=folder, device="cpu")
    joined = load_encoder(f"caduceus-{kind}", weights=folder, device="cpu", readout={"strands": "both"})
    w, d, vectors = exact(weights), config["d_model"], encoder.embed(TEXTS)
    both = joined.embed(TEXTS)
    for row, text in enumerate(TEXTS):
        ids = [IDS.get(letter, 6) for letter in text.upper()]
        assert tokenize(text, end=True) == [*ids, 1]
        if kind == "ps":
            states = states_of_ps(w, config, ids)
            mean = (states[:, :d] + states[:, : d - 1 : -1]).mean(0) / 2
            assert difference(both[row], states.mean(0)) <= TOLERANCE
        else:
            states, reverse = states_of_ph(w, config, ids), states_of_ph(w, config, complemented(ids))
            mean = (states.mean(0) + reverse.mean(0)) / 2
            assert difference(both[row, :d], states.mean(0)) <= TOLERANCE
        assert difference(encoder.model(torch.tensor([ids]))[0], states) <= TOLERANCE
        assert difference(vectors[row], mean) <= TOLERANCE
