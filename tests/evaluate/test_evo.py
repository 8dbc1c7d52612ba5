"""Evo against the vectors of its official code."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
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
from genoprot_evaluate.encoders.checkpoint import open_checkpoint
from genoprot_evaluate.encoders.evo import Evo, tokenize
from genoprot_evaluate.encoders.long_filters import ModalFilter
from genoprot_evaluate.encoders.striped_checkpoint import fit_network
from genoprot_evaluate.encoders.stripedhyena import StripedHyena, StripedHyenaConfig, layer_depth

CASE = "tiny_131k_style"
HALF_TOLERANCE = 0.2
IDS = torch.tensor([[65, 67, 71, 84, 65, 65, 84, 71, 67]])


@pytest.fixture(params=PLACES)
def golden(request):
    return golden_folder(request, "evo1")


@pytest.fixture
def weights(golden):
    return tensors(golden / f"{CASE}.weights.safetensors")


@pytest.fixture
def config(golden):
    return json.loads((golden / "meta.json").read_text(encoding="utf-8"))[CASE]["config"]


def made_up(**options):
    """Encoder with random weights: a filter, attention, a filter."""
    torch.manual_seed(3)
    common = {"width": 16, "inner": 24, "heads": 2, "rotary_scale": 16.0}
    filters = [ModalFilter(16, 3, True, 16, 3), None, ModalFilter(16, 3, True, 16, 3)]
    network = StripedHyena(StripedHyenaConfig(**common), 512, filters).requires_grad_(False).eval()
    for name, tensor in network.state_dict().items():
        scale = 1.0 if "norm" in name or name.startswith("embedding") else 0.3
        tensor.copy_(scale * torch.randn_like(tensor))
    return Evo(network, device="cpu", **options)


def checkpoint(network, prefix=""):
    return {prefix + name: tensor for name, tensor in network.state_dict().items()}


def compare(encoder, outputs, tolerance):
    """Compare every layer of every case over real positions; the number of comparisons."""
    compared = 0
    for key, expected in outputs.items():
        layer, _, name = key.rpartition(".")
        layer = layer.replace("block", "blocks.")
        if layer_depth(layer) == -1:
            continue
        real = 40 if name == "rightpad40of64" else expected.shape[1]
        states = encoder.model(outputs[f"in.{name}"], layer).float()
        assert difference(states[:, :real], expected[:, :real].float()) <= tolerance, key
        compared += 1
    return compared


def test_states_of_every_layer_and_length(golden, weights, config, tmp_path):
    encoder = load_encoder("evo", weights=write_checkpoint(tmp_path / "evo", weights, config), device="cpu")
    assert compare(encoder, tensors(golden / f"{CASE}.fp32.io.safetensors"), TOLERANCE) >= 4


def test_states_in_half_precision(shared, tmp_path):
    folder = shared / "golden" / "evo1"
    config = json.loads((folder / "meta.json").read_text(encoding="utf-8"))[CASE]["config"]
    written = write_checkpoint(tmp_path / "evo", tensors(folder / f"{CASE}.weights.safetensors"), config)
    encoder = Evo.load(written, "cpu", dtype=torch.bfloat16)
    outputs = tensors(folder / f"{CASE}.bf16_official.io.safetensors")
    assert encoder.model(outputs["in.L1"]).dtype == torch.bfloat16
    assert compare(encoder, outputs, HALF_TOLERANCE) >= 20
    kept = {name: tensor for name, tensor in encoder.model.named_parameters() if "filter.poles" in name}
    assert {tensor.dtype for tensor in kept.values()} == {torch.float32}
    assert encoder.embed(["ACGT"]).dtype == np.float32
    assert "bfloat16" in encoder.spec.readout


def test_precision_can_be_changed_afterwards(weights, config, tmp_path):
    path = write_checkpoint(tmp_path / "evo", weights, config)
    changed, begun = Evo.load(path, "cpu"), Evo.load(path, "cpu", dtype=torch.bfloat16)
    readout = changed.spec.readout
    changed.cast("bfloat16")
    assert (changed.dtype, changed.spec) == (begun.dtype, begun.spec)
    np.testing.assert_array_equal(changed.embed(["ACGTTGCA"]), begun.embed(["ACGTTGCA"]))
    changed.cast("float32")
    assert changed.spec.readout == readout
    with pytest.raises(GenoProtError, match="float16"):
        changed.cast("float16")


def test_parameters_are_read_in_the_precision_of_the_computation(weights, config, tmp_path):
    checkpoint = open_checkpoint(write_checkpoint(tmp_path / "evo", weights, config))
    halves = fit_network(checkpoint, Evo.released, torch.bfloat16).state_dict()
    converted = fit_network(checkpoint, Evo.released).to_precision(torch.bfloat16).state_dict()
    assert {name: tensor.dtype for name, tensor in halves.items()} == {
        name: tensor.dtype for name, tensor in converted.items()
    }
    assert all(torch.equal(tensor, converted[name]) for name, tensor in halves.items())
    assert {tensor.dtype for tensor in halves.values()} == {torch.bfloat16, torch.float32}


def test_released_names_with_prefix_and_without_unembedding(golden, weights, config, tmp_path):
    renamed = {f"backbone.{key}": tensor for key, tensor in weights.items()}
    renamed.pop("backbone.unembed.weight", None)
    outputs = tensors(golden / f"{CASE}.fp32.io.safetensors")
    encoder = Evo.load(write_shards(tmp_path / "evo", renamed, config), "cpu")
    assert compare(encoder, outputs, TOLERANCE) >= 4
    with_head = renamed | {"backbone.unembed.weight": torch.zeros(512, 64)}
    assert Evo.load(write_checkpoint(tmp_path / "head", with_head, config), "cpu").spec == encoder.spec


def test_no_configuration_means_the_released_one(golden, weights, config, tmp_path):
    plain = Evo.load(write_checkpoint(tmp_path / "plain", weights), "cpu")
    assert compare(plain, tensors(golden / f"{CASE}.fp32.io.safetensors"), TOLERANCE) >= 4
    assert plain.spec.context == 131_072
    short = config | {"use_interpolated_rotary_pos_emb": False}
    encoder = Evo.load(write_checkpoint(tmp_path / "short", weights, short), "cpu")
    assert encoder.spec.context == 8_192
    ids = IDS.repeat(1, 3)
    assert difference(encoder.model(ids, "blocks.1"), plain.model(ids, "blocks.1")) == 0.0
    assert difference(encoder.model(ids, "blocks.2"), plain.model(ids, "blocks.2")) > 1e-3


def test_rows_of_a_filter_are_split_by_head_or_plainly(tmp_path):
    encoder = made_up()
    arranged = checkpoint(encoder.model)
    config = {
        "num_attention_heads": 2,
        "use_interpolated_rotary_pos_emb": True,
        "rotary_emb_scaling_factor": 16,
    }
    plain = write_checkpoint(tmp_path / "plain", arranged, config | {"column_split_hyena": False})
    rows = torch.arange(48).view(3, 2, 8).transpose(0, 1).flatten()
    by_head = {
        key: tensor[rows] if "short_filter" in key or ".projections." in key else tensor
        for key, tensor in arranged.items()
    }
    for folder in (plain, write_checkpoint(tmp_path / "heads", by_head, config)):
        assert difference(Evo.load(folder, "cpu").model(IDS), encoder.model(IDS)) <= 1e-6
    flipped = write_checkpoint(
        tmp_path / "flipped", arranged, config | {"column_split_hyena": False, "hyena_flip_x1x2": True}
    )
    assert difference(Evo.load(flipped, "cpu").model(IDS), encoder.model(IDS)) > 1e-3


def test_layers_and_poolings():
    network = made_up().model
    texts = ["ACGTAATGC", "ACG"]
    for layer in ("norm", "blocks.1", "blocks.2.mlp.l3"):
        for pooling in ("mean", "last"):
            encoder = Evo(network, layer=layer, pooling=pooling, device="cpu")
            states = [network(torch.tensor([tokenize(text)]), layer)[0] for text in texts]
            expected = [state.mean(0) if pooling == "mean" else state[-1] for state in states]
            assert difference(encoder.embed(texts), torch.stack(expected)) <= 1e-5
            assert layer in encoder.spec.readout
            assert pooling in encoder.spec.readout
    states = network(IDS, "blocks.1")
    added = network(IDS, "blocks.2") - network(IDS, "blocks.2.mlp.l3")
    assert difference(added, states) > 1e-2


def test_both_strands():
    forward, both = made_up(), made_up(strands="both")
    assert both.spec.dimension == 2 * forward.spec.dimension
    text, reverse = "ACGTTRCAN", "NTGYAACGT"
    joined = both.embed([text, reverse])
    assert difference(joined[:, :16], forward.embed([text, reverse])) <= 1e-6
    assert difference(joined[0], np.roll(joined[1], 16)) <= 1e-6


def test_tokenizer(golden):
    cases = json.loads((golden / "tokenizer_cases.json").read_text(encoding="utf-8"))
    for text, expected in cases.items():
        if isinstance(expected, list):
            assert tokenize(text) == expected


def test_batch_order_padding_and_case():
    assert_conforms(made_up(), ["ACGTACGTAC", "GGTTRYKNNACG", "T", "GATTACAT" * 8])


def test_pieces_change_nothing(monkeypatch):
    encoder = made_up()
    whole = encoder.embed(["GATTACAT" * 8])
    monkeypatch.setattr("genoprot_evaluate.encoders.convolution.BLOCK", 200)
    monkeypatch.setattr("genoprot_evaluate.encoders.stripedhyena.PIECE", 7)
    assert difference(encoder.embed(["GATTACAT" * 8]), whole) <= 2e-6


def test_beyond_the_context():
    encoder = made_up()
    assert encoder.spec.context == 131_072
    encoder.spec = replace(encoder.spec, context=20)
    with pytest.raises(GenoProtError, match="21 letters is beyond the context of 20"):
        encoder.embed(["A" * 21])
    with pytest.raises(GenoProtError, match="empty sequence"):
        encoder.embed([""])


@pytest.mark.parametrize("layer", ["blocks.3", "block1", "blocks.-1", "norm.scale"])
def test_unknown_layer(layer):
    with pytest.raises(GenoProtError, match="N below 3"):
        made_up(layer=layer)


def test_unknown_strands_and_pooling():
    with pytest.raises(GenoProtError, match="strands 'reverse' is not forward or both"):
        made_up(strands="reverse")
    with pytest.raises(GenoProtError, match="pooling 'max' is not one of mean, last"):
        made_up(pooling="max")


def test_weights_have_to_fit(weights, config, tmp_path):
    def load(name, weights, **options):
        return Evo.load(write_checkpoint(tmp_path / name, weights, config | options), "cpu")

    lacking = {key: tensor for key, tensor in weights.items() if "blocks.1.filter.residues" not in key}
    with pytest.raises(SourceError, match=r"missing blocks\.1\.filter\.residues"):
        load("residues", lacking)
    lacking = {key: tensor for key, tensor in weights.items() if "blocks.1.filter.poles" not in key}
    with pytest.raises(SourceError, match=r"missing blocks\.1\.: any of filter\.poles"):
        load("poles", lacking)
    with pytest.raises(SourceError, match="unexpected blocks.0.extra"):
        load("extra", weights | {"blocks.0.extra": torch.zeros(1)})
    with pytest.raises(SourceError, match="mlp_activation 'relu' is not one of gelu, silu"):
        load("relu", weights, mlp_activation="relu")
    with pytest.raises(SourceError, match="proj_groups is 2, which is not read; only 1 is"):
        load("groups", weights, proj_groups=2)
    with pytest.raises(SourceError, match="num_attention_heads 5 does not divide the width 64"):
        load("heads", weights, num_attention_heads=5)
    with pytest.raises(SourceError, match="column_split_hyena is 'yes', not true or false"):
        load("flag", weights, column_split_hyena="yes")
