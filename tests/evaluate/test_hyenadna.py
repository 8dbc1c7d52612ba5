"""HyenaDNA against the vectors of its official module."""

from __future__ import annotations

import json

import pytest
import torch
from golden_sets import (
    PLACES,
    TOLERANCE,
    assert_conforms,
    difference,
    golden_folder,
    tensors,
    write_checkpoint,
    write_shards,
)

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.hyena_network import HyenaDNANetwork
from genoprot_evaluate.encoders.hyenadna import Hyena160K, tokenize

CASE = "small_d64_l2_512"
KEPT = "leftpad_100_of_160"


@pytest.fixture(params=PLACES)
def golden(request):
    return golden_folder(request, "hyenadna")


@pytest.fixture
def weights(golden):
    return tensors(golden / f"{CASE}.weights.safetensors")


@pytest.fixture
def outputs(golden):
    return tensors(golden / f"{CASE}.io.safetensors")


@pytest.fixture(scope="module")
def encoder():
    return made_up(longest=66, width=16, layers=2, taps=3, features=3, hidden=8)


def made_up(*, longest, width, layers, taps, features, hidden, linears=3):
    """Encoder of any size with random weights."""
    torch.manual_seed(7)
    network = HyenaDNANetwork(
        vocabulary=16,
        width=width,
        inner=3 * width,
        taps=taps,
        features=features,
        hidden=hidden,
        filter_linears=linears,
        longest=longest,
        layers=layers,
    )
    for name, tensor in network.state_dict().items():
        scale = 1.0 if "norm" in name or name.startswith(("embeddings", "ln_f")) else 0.4
        tensor.copy_(scale * torch.randn_like(tensor))
    return Hyena160K(network.requires_grad_(False).eval())


def named(weights, prefix, wrapped=False):
    names = {key: key.replace("backbone.", prefix, 1) for key in weights}
    if wrapped:
        names = {
            key: name.replace(".mixer.", ".mixer.layer.").replace(".mlp.", ".mlp.layer.")
            for key, name in names.items()
        }
    return {names[key]: tensor for key, tensor in weights.items()}


def test_states_of_every_length(weights, outputs, tmp_path):
    encoder = load_encoder("hyena-160k", weights=write_checkpoint(tmp_path / "hyena", weights))
    cases = [key.removeprefix("in.") for key in outputs if key.startswith("in.")]
    assert len(cases) >= 4
    for name in cases:
        states = encoder.model(outputs[f"in.{name}"])
        assert difference(states.mean(1), outputs[f"mean.{name}"]) <= TOLERANCE
        if f"out.{name}" in outputs:
            assert difference(states, outputs[f"out.{name}"]) <= TOLERANCE


@pytest.mark.parametrize(("prefix", "wrapped"), [("hyena.backbone.", False), ("model.backbone.", True)])
def test_layouts_of_the_releases_are_the_same_model(weights, outputs, prefix, wrapped, tmp_path):
    renamed = named(weights, prefix, wrapped)
    head = prefix.replace("backbone.", "lm_head.weight")
    renamed[head] = torch.zeros(16, 64)
    encoder = load_encoder("hyena-1m", weights=write_shards(tmp_path / "hyena", renamed))
    assert difference(encoder.model(outputs[f"in.{KEPT}"]), outputs[f"out.{KEPT}"]) <= TOLERANCE


@pytest.mark.parametrize("kept", [1, 3, 5])
def test_shared_frequency_under_any_of_its_names(weights, outputs, kept, tmp_path):
    some = {key: tensor for key, tensor in weights.items() if not key.endswith("freq")}
    some |= {key: tensor for key, tensor in weights.items() if key.endswith(f".{kept}.freq")}
    encoder = load_encoder("hyena-450k", weights=write_checkpoint(tmp_path / "hyena", some))
    assert difference(encoder.model(outputs[f"in.{KEPT}"]), outputs[f"out.{KEPT}"]) <= TOLERANCE


def test_vector_is_the_mean_over_bases_alone(weights, outputs, tmp_path):
    encoder = Hyena160K.load(write_checkpoint(tmp_path / "hyena", weights))
    letters = {7: "A", 8: "C", 9: "G", 10: "T", 11: "N"}
    rows = outputs[f"in.{KEPT}"].tolist()
    texts = ["".join(letters.get(token, "R") for token in row) for row in rows]
    expected = torch.tensor([tokenize(text) for text in texts])
    assert difference(encoder.embed(texts), encoder.model(expected).mean(1)) <= TOLERANCE
    last = Hyena160K.load(tmp_path / "hyena", pooling="last")
    assert difference(last.embed(texts), encoder.model(expected)[:, -1]) <= TOLERANCE
    assert "last position" in last.spec.readout


def test_tokenizer(golden):
    cases = json.loads((golden / "tokenizer_cases.json").read_text(encoding="utf-8"))
    for text, expected in cases.items():
        if not text.startswith("__"):
            assert tokenize(text) == expected["no_special"]
            assert tokenize(text, ends=True) == expected["default_call"]


def test_spec_is_of_the_weights(weights, tmp_path):
    spec = Hyena160K.load(write_checkpoint(tmp_path / "hyena", weights)).spec
    assert (spec.dimension, spec.context) == (64, 512)
    assert (Hyena160K.spec.dimension, Hyena160K.spec.context) == (256, 160_000)


def test_batch_order_padding_and_case(encoder):
    assert_conforms(encoder, ["ACGTACGTAC", "GGTTRYKNNACG", "T", "GATTACAT" * 8])


def test_blocks_of_channels_and_positions_change_nothing(encoder, monkeypatch):
    sequence = ["GATTACAT" * 8]
    whole = encoder.embed(sequence)
    monkeypatch.setattr("genoprot_evaluate.encoders.convolution.BLOCK", 200)
    monkeypatch.setattr("genoprot_evaluate.encoders.hyena_network.PIECE", 7)
    assert difference(encoder.embed(sequence), whole) <= 2e-6


def test_unknown_letters_are_one_token(encoder):
    assert difference(encoder.embed(["ACRT"]), encoder.embed(["AC\u00e9T"])) == 0.0
    assert difference(encoder.embed(["ACRT"]), encoder.embed(["ACNT"])) > 1e-4


def test_beyond_the_context(encoder):
    assert encoder.embed(["A" * 64]).shape == (1, 16)
    with pytest.raises(GenoProtError, match="65 letters is beyond the context of 64"):
        encoder.embed(["ACG", "A" * 65])
    with pytest.raises(GenoProtError, match="67 tokens, but the filters of these weights end at 66"):
        encoder.model(torch.zeros(1, 67, dtype=torch.int64))
    with pytest.raises(GenoProtError, match="empty sequence"):
        encoder.embed(["ACG", ""])


def test_weights_have_to_fit(weights, tmp_path):
    with pytest.raises(SourceError, match=r"missing .*implicit_filter\.1\.freq"):
        lacking = {key: tensor for key, tensor in weights.items() if ".freq" not in key}
        Hyena160K.load(write_checkpoint(tmp_path / "freq", lacking))
    with pytest.raises(SourceError, match=r"missing backbone\.layers\.1\.norm1\.weight"):
        lacking = {key: tensor for key, tensor in weights.items() if "1.norm1.weight" not in key}
        Hyena160K.load(write_checkpoint(tmp_path / "norm", lacking))
    with pytest.raises(SourceError, match=r"unexpected backbone\.extra"):
        Hyena160K.load(write_checkpoint(tmp_path / "extra", weights | {"backbone.extra": torch.zeros(1)}))
    with pytest.raises(SourceError, match=r"of another shape .*fc2\.bias \[63\] instead of \[64\]"):
        key = "backbone.layers.1.mlp.fc2.bias"
        Hyena160K.load(write_checkpoint(tmp_path / "shape", weights | {key: weights[key][:-1].clone()}))
    with pytest.raises(SourceError, match="missing backbone.embeddings"):
        Hyena160K.load(write_checkpoint(tmp_path / "other", {"wte.weight": torch.zeros(4, 4)}))
    with pytest.raises(GenoProtError, match="pooling 'max' is not one of mean, last"):
        Hyena160K.load(write_checkpoint(tmp_path / "good", weights), pooling="max")


CONFIG = {"d_model": 32, "n_layer": 3, "layer": {"l_max": 66, "emb_dim": 3, "filter_order": 64}}


def second_weights():
    """Weights of that configuration by the names of the release."""
    encoder = made_up(longest=66, width=32, layers=3, taps=3, features=3, hidden=64)
    weights = {}
    for key, tensor in encoder.model.state_dict().items():
        for place in (1, 3, 5) if key.endswith(".freq") else (0,):
            name = key.replace("freq", f"implicit_filter.{place}.freq") if place else key
            weights[f"backbone.{name}"] = tensor
    return weights


def test_states_behind_every_block(shared, tmp_path):
    folder = shared / "golden" / "hyenadna"
    path = write_checkpoint(tmp_path, tensors(folder / f"{CASE}.weights.safetensors"))
    outputs = tensors(folder / f"{CASE}.io.safetensors")
    compared = 0
    for key, expected in outputs.items():
        if key.startswith("stream."):
            _, name, block = key.split(".")
            layer = int(block.removeprefix("layer")) + 1
            encoder = Hyena160K.load(path, "cpu", layer=layer)
            assert difference(encoder.model(outputs[f"in.{name}"]), expected) <= TOLERANCE
            compared += 1
    assert compared >= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hyena_order": 3}, "hyena_order is 3, but the weights are of order 2"),
        ({"layer": {"order": 4}}, "order is 4"),
        ({"layer": {"activation": "gelu"}}, "activation is 'gelu', which is not read; only 'id' is"),
        ({"use_bias": "yes"}, "use_bias is 'yes', not true or false"),
        ({"layer": {"shift": -1}}, "shift is -1, not a positive number"),
    ],
)
def test_configurations_that_are_not_read(options, message, tmp_path):
    config = CONFIG | options
    with pytest.raises(SourceError, match=message):
        Hyena160K.load(write_checkpoint(tmp_path / "odd", second_weights(), config), "cpu")
    with pytest.raises(GenoProtError, match="layer 'norm' is not one of 0 to 3"):
        Hyena160K.load(write_checkpoint(tmp_path, second_weights()), "cpu", layer="norm")
