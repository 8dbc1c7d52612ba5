"""Nucleotide Transformer v2 against the vectors of its JAX code."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from golden_sets import (
    PLACES,
    TOLERANCE,
    assert_conforms,
    assert_half_precision,
    difference,
    golden_folder,
    tensors,
    write_checkpoint,
    write_shards,
)
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.chunking import chunk_spans
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.ntv2 import (
    LAYER,
    TOKENS,
    NTv2M50,
    NTv2M500,
    NTv2Network,
    NTv2Sizes,
    sixmer_tokens,
)

SEQUENCES = ["ACGTGTACGTGCACGGACGACTAGTCAGCA", "ACGTGTACNTGCACGGANCGACTAGTCTGA", "ATTCCGA", "N"]


@pytest.fixture(params=PLACES)
def golden(request):
    return golden_folder(request, "ntv2")


@pytest.fixture
def config(golden):
    return json.loads((golden / "meta.json").read_text(encoding="utf-8"))["config"]


@pytest.fixture
def weights(golden):
    return tensors(golden / "small.weights.safetensors")


@pytest.fixture
def outputs(golden):
    return tensors(golden / "small.io.safetensors")


@pytest.fixture(scope="module")
def small():
    """A network with random weights, written by the names of transformers."""
    torch.manual_seed(0)
    network = NTv2Network(NTv2Sizes(4107, 48, 2, 4, 48, 80)).requires_grad_(False)
    return transformers_names(network.state_dict())


def transformers_names(state):
    renamed = {}
    for key, tensor in state.items():
        place, _, field = key.rpartition(".")
        if place.startswith("layers."):
            _, layer, part = place.split(".")
            there = next(there for here, there, _ in LAYER if here == part)
            place = f"esm.encoder.layer.{layer}.{there}"
        else:
            place = {
                "embedding": "esm.embeddings.word_embeddings",
                "norm": "esm.encoder.emb_layer_norm_after",
            }[place]
        renamed[f"{place}.{field}"] = tensor
    return renamed


def test_states(weights, config, outputs, tmp_path):
    encoder = load_encoder("ntv2-50m", weights=write_checkpoint(tmp_path, weights, config))
    ids, mask = outputs["in.ids"], outputs["in.ids"] != 1
    assert not mask.all()
    states = encoder.model(ids, mask)
    assert difference(states[mask], outputs["embeddings_3"][mask]) <= TOLERANCE


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_layers(weights, config, outputs, layer, tmp_path):
    encoder = NTv2M50.load(write_checkpoint(tmp_path, weights, config), "cpu", layer=layer)
    ids, mask = outputs["in.ids"], outputs["in.ids"] != 1
    assert difference(encoder.model(ids, mask)[mask], outputs[f"embeddings_{layer}"][mask]) <= TOLERANCE


def test_names_of_transformers(weights, config, outputs, tmp_path):
    haiku = NTv2M500.load(write_checkpoint(tmp_path / "haiku", weights, config), "cpu")
    renamed = transformers_names(haiku.model.state_dict())
    renamed |= {"lm_head.bias": torch.zeros(4107), "esm.embeddings.position_ids": torch.arange(9)}
    stated = {"model_type": "esm", "num_attention_heads": config["attention_heads"]}
    ported = NTv2M500.load(write_shards(tmp_path / "hf", renamed, stated), "cpu")
    ids, mask = outputs["in.ids"], outputs["in.ids"] != 1
    assert difference(ported.model(ids, mask)[mask], outputs["embeddings_3"][mask]) <= TOLERANCE
    released = stated | {"layer_norm_eps": 1e-12}
    sharper = NTv2M500.load(write_checkpoint(tmp_path / "eps", renamed, released), "cpu")
    assert sharper.model.sizes.epsilon == 1e-12
    assert 0.0 < difference(sharper.model(ids, mask), ported.model(ids, mask)) < 1e-3
    without_prefix = {key.removeprefix("esm."): tensor for key, tensor in renamed.items()}
    bare = NTv2M500.load(write_checkpoint(tmp_path / "bare", without_prefix, stated), "cpu")
    assert difference(bare.model(ids, mask), ported.model(ids, mask)) == 0.0
    name = "encoder.layer.0.attention.self.rotary_embeddings.inv_freq"
    with_frequencies = without_prefix | {name: torch.ones(8)}
    bare = NTv2M500.load(write_checkpoint(tmp_path / "heads", with_frequencies), "cpu")
    assert bare.model.sizes.heads == config["attention_heads"]


def test_tokens(golden, small, tmp_path):
    encoder = NTv2M50.load(write_checkpoint(tmp_path, small, {"num_attention_heads": 4}), "cpu")
    cases = json.loads((golden / "tokenizer_cases.json").read_text(encoding="utf-8"))
    assert len(TOKENS) + len(cases["special"]) == cases["vocab_size"]
    for sequence, expected in cases["cases"].items():
        assert encoder.tokenize(sequence) == expected["ids"]
    for sequence, number in (cases["first_kmers"] | cases["single"]).items():
        assert sixmer_tokens(sequence) == [number]


@given(st.text("ACGTN", max_size=60))
def test_tokens_spell_the_sequence(sequence):
    letters = {number: token for token, number in TOKENS.items()}
    tokens = [letters[number] for number in sixmer_tokens(sequence)]
    assert "".join(tokens) == sequence
    for run in sequence.split("N"):
        assert len(run) < 6 or run[:6] in tokens


def test_letters_without_a_token():
    assert sixmer_tokens("ACGRTANAY") == [0, TOKENS["N"], TOKENS["A"], 0]
    assert sixmer_tokens("acgtac") == [0]


def test_mean_counts_every_token(small, tmp_path):
    encoder = NTv2M50.load(write_checkpoint(tmp_path, small, {"num_attention_heads": 4}), "cpu")
    for sequence, vector in zip(SEQUENCES, encoder.embed(SEQUENCES)):
        ids = torch.tensor([encoder.tokenize(sequence)])
        states = encoder.model(ids, torch.ones_like(ids, dtype=torch.bool))
        assert difference(vector, states[0].mean(dim=0)) <= TOLERANCE


def test_windows(small, tmp_path):
    encoder = NTv2M50.load(write_checkpoint(tmp_path, small, {"num_attention_heads": 4}), "cpu")
    rng = np.random.default_rng(0)
    fitting = "".join(rng.choice(list("ACGT"), size=6 * 2047))
    assert encoder.window_counts([fitting, fitting + "A", "A"]) == [1, 2, 1]
    long = fitting + "ANGT" * 40
    tokens, expected = sixmer_tokens(long), 0.0
    for window in chunk_spans(len(tokens), 2047):
        ids = torch.tensor([[3, *tokens[window.start : window.stop]]])
        assert ids.shape[1] <= encoder.spec.context
        states = encoder.model(ids, torch.ones_like(ids, dtype=torch.bool))
        expected = expected + window.weight / len(tokens) * states[0].mean(dim=0)
    assert difference(encoder.embed(["ACGT", long])[1], expected) <= TOLERANCE


def test_conforms(small, tmp_path):
    folder = write_checkpoint(tmp_path, small, {"num_attention_heads": 4})
    assert_conforms(NTv2M50.load(folder, "cpu"), [*SEQUENCES, "A", "ACGRYKMSWBDHV", "ACGTTGCA" * 40])
    assert_conforms(NTv2M50.load(folder, "cpu", pooling="max"), SEQUENCES)
    assert_half_precision(NTv2M50.load(folder, "cpu"), SEQUENCES)
    with pytest.raises(GenoProtError, match="empty sequence"):
        NTv2M50.load(folder, "cpu").embed(["A", ""])


def test_weights_that_do_not_fit(weights, config, small, tmp_path):
    haiku, key = "nt/attention_layer_2/~/fc2::w", "esm.encoder.layer.1.intermediate.dense.weight"
    stated = {"num_attention_heads": 4}
    faults = {
        f"missing {haiku}": ({name: t for name, t in weights.items() if name != haiku}, config),
        "unexpected nt/extra::w": (weights | {"nt/extra::w": torch.zeros(1)}, config),
        f"missing {key}": ({name: t for name, t in small.items() if name != key}, stated),
        # ESM-2 has an ordinary feed-forward part: half as wide, with bias.
        "unexpected .*intermediate.dense.bias": (
            small | {key.replace("weight", "bias"): torch.zeros(80)},
            stated,
        ),
        "of another shape .*\\[80, 48\\] instead of \\[160, 48\\]": (
            small | {key: torch.zeros(80, 48)},
            stated,
        ),
        "not two axes": (small | {"esm.embeddings.word_embeddings.weight": torch.zeros(9)}, stated),
    }
    for number, (message, (faulty, about)) in enumerate(faults.items()):
        with pytest.raises(SourceError, match=message):
            NTv2M50.load(write_checkpoint(tmp_path / str(number), faulty, about), "cpu")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "do not tell num_attention_heads"),
        ({"num_attention_heads": 5}, "5 does not divide the width 48"),
        (
            {"num_attention_heads": 4, "position_embedding_type": "absolute"},
            "absolute positions, as of version 1",
        ),
        ({"num_attention_heads": 4, "embed_scale": 8.0}, "embed_scale is 8.0, which is not read"),
        ({"num_attention_heads": 4, "layer_norm_eps": 0}, "layer_norm_eps is 0, not a positive number"),
    ],
)
def test_configurations_that_are_wrong(small, config, message, tmp_path):
    with pytest.raises(SourceError, match=message):
        NTv2M50.load(write_checkpoint(tmp_path, small, config), "cpu")


def test_released_size():
    with torch.device("meta"):
        network = NTv2Network(NTv2Sizes(4107, 1_024, 29, 16, 1_024, 4_096))
    assert sum(each.numel() for each in network.parameters()) == NTv2M500.spec.parameters
