"""ESM Cambrian against the vectors of its first release's code."""

from __future__ import annotations

import json

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

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.esmc import EsmC, EsmC300M, EsmC600M
from genoprot_evaluate.encoders.esmc_package import package_is_there
from genoprot_evaluate.encoders.plugins import import_encoder

CASE = "d64_h4_l3"


@pytest.fixture(params=PLACES)
def golden(request):
    return golden_folder(request, "esmc")


@pytest.fixture
def about(golden):
    return json.loads((golden / "meta.json").read_text(encoding="utf-8"))[CASE]


@pytest.fixture
def weights(golden):
    return tensors(golden / f"{CASE}.weights.safetensors")


@pytest.fixture
def outputs(golden):
    return tensors(golden / f"{CASE}.io.safetensors")


@pytest.fixture
def encoder(weights, about, tmp_path):
    config = {"n_heads": about["n_heads"]}
    return load_encoder("esmc-300m", weights=write_checkpoint(tmp_path / "first", weights, config))


def test_states_and_means(encoder, about, outputs):
    ids, mask = outputs["in.batch"], outputs["in.batch"] != 1
    states = encoder.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    assert difference(states[mask], outputs["embeddings.batch"][mask]) <= TOLERANCE
    assert difference(encoder.embed(about["sequences"]), outputs["mean_no_special.batch"]) <= TOLERANCE


def test_states_of_sequences_alone(encoder, about, shared):
    outputs = tensors(shared / "golden" / "esmc" / f"{CASE}.io.safetensors")
    for number, sequence in enumerate(about["sequences"]):
        ids = torch.tensor([encoder.tokenize(sequence)])
        states = encoder.model(input_ids=ids).last_hidden_state
        assert difference(states, outputs[f"sdk.embeddings.{number}"]) <= TOLERANCE


def test_states_of_earlier_layers(weights, about, shared, tmp_path):
    folder = write_checkpoint(tmp_path, weights, {"n_heads": about["n_heads"]})
    outputs = tensors(shared / "golden" / "esmc" / f"{CASE}.io.safetensors")
    ids, mask = outputs["in.batch"], outputs["in.batch"] != 1
    for layer in range(1, about["n_layers"]):
        encoder = EsmC300M.load(folder, "cpu", layer=layer)
        states = encoder.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        assert difference(states[mask], outputs["hidden_states.batch"][layer - 1][mask]) <= TOLERANCE
        means = torch.stack([row[1 : kept.sum() - 1].mean(dim=0) for row, kept in zip(states, mask)])
        assert difference(encoder.embed(about["sequences"]), means) <= TOLERANCE
        assert f"of layer {layer}, <cls>" in encoder.spec.readout
    last = EsmC300M.load(folder, "cpu", layer=about["n_layers"])
    assert last.spec.readout == EsmC300M.spec.readout
    assert difference(last.embed(about["sequences"]), outputs["mean_no_special.batch"]) <= TOLERANCE
    with pytest.raises(GenoProtError, match="layer 4 is not one of 0 to 3"):
        EsmC300M.load(folder, "cpu", layer=4)


def test_tokens(golden, encoder):
    cases = json.loads((golden / "tokenizer_cases.json").read_text(encoding="utf-8"))
    assert {text: encoder.tokenize(text) for text in cases["cases"]} == cases["cases"]
    for text, number in cases["vocab"].items():
        assert encoder.tokenize(text) == [cases["cls"], number, cases["eos"]]


@pytest.mark.parametrize("prefix", ["esmc.", ""])
def test_names_of_transformers(encoder, about, outputs, prefix, tmp_path):
    weights = {prefix + key: tensor for key, tensor in encoder.model.state_dict().items()}
    weights["lm_head.dense.weight"] = torch.zeros(64, 64)
    config = {"model_type": "esmc", "num_attention_heads": about["n_heads"]}
    other = EsmC600M.load(write_shards(tmp_path / "hf", weights, config), "cpu")
    assert difference(other.embed(about["sequences"]), outputs["mean_no_special.batch"]) <= TOLERANCE
    assert other.weights_digest != encoder.weights_digest


def test_what_it_states(encoder, about, weights, tmp_path):
    config = {"n_heads": about["n_heads"]}
    second = EsmC600M.load(write_checkpoint(tmp_path / "second", weights, config), "cpu")
    ported = EsmC600M.load(write_checkpoint(tmp_path / "hf", encoder.model.state_dict(), config), "cpu")
    assert encoder.spec.licence == "Cambrian Open"
    assert second.spec.licence == "Cambrian Non-Commercial"
    assert ported.spec.licence == "MIT"
    heads = {key: tensor.numel() for key, tensor in weights.items() if "sequence_head" not in key}
    assert encoder.spec.parameters == sum(heads.values())


def test_conforms(encoder, about):
    assert_conforms(encoder, [*about["sequences"], "M", "MK*JT", "ACDEFGHIKL" * 20])
    assert_half_precision(encoder, about["sequences"])
    encoder.batch_tokens = 40
    assert_conforms(encoder, [*about["sequences"], "M"])


def test_special_tokens_do_not_count(encoder):
    states = encoder.model(input_ids=torch.tensor([encoder.tokenize("W")])).last_hidden_state
    assert difference(encoder.embed(["W"])[0], states[0, 1]) <= TOLERANCE
    with pytest.raises(GenoProtError, match="empty sequence"):
        encoder.embed(["W", ""])


def test_weights_that_do_not_fit(weights, about, tmp_path):
    key, config = "transformer.blocks.1.attn.layernorm_qkv.1.weight", {"n_heads": about["n_heads"]}
    faults = {
        f"missing {key}": {name: tensor for name, tensor in weights.items() if name != key},
        "unexpected structure_head.weight": weights | {"structure_head.weight": torch.zeros(1)},
        "of another shape .*\\[191, 64\\] instead of \\[192, 64\\]": weights | {key: torch.zeros(191, 64)},
        "missing embed_tokens.weight": {"bert.weight": torch.zeros(1)},
        "not two matrices": weights | {"embed.weight": torch.zeros(4)},
    }
    for number, (message, faulty) in enumerate(faults.items()):
        with pytest.raises(SourceError, match=message):
            EsmC300M.load(write_checkpoint(tmp_path / str(number), faulty, config), "cpu")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "do not tell num_attention_heads"),
        ({"n_heads": 5}, "5 does not divide the width 64"),
        ({"num_attention_heads": "4"}, "is '4', not an integer"),
    ],
)
def test_configurations_that_are_wrong(weights, config, message, tmp_path):
    with pytest.raises(SourceError, match=message):
        EsmC300M.load(write_checkpoint(tmp_path, weights, config), "cpu")


def test_damaged_folders(weights, about, tmp_path):
    whole = write_shards(tmp_path / "whole", weights, {"n_heads": about["n_heads"]})
    (whole / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(SourceError, match="config.json: not JSON"):
        EsmC300M.load(whole, "cpu")
    (whole / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(SourceError, match="files that are not here: model-00002"):
        EsmC300M.load(whole, "cpu")
    (whole / "model.safetensors.index.json").write_text("[]", encoding="utf-8")
    with pytest.raises(SourceError, match="not an index"):
        EsmC300M.load(whole, "cpu")


@pytest.mark.skipif(not package_is_there(), reason="the package esm is not installed here")
@pytest.mark.parametrize("readout", [{}, {"layer": 1, "pooling": "max"}, {"layer": 0}, {"pooling": "cls"}])
def test_the_package_of_the_authors_gives_the_same_vectors(readout, weights, about, tmp_path):
    folder = write_checkpoint(tmp_path, weights, {"n_heads": about["n_heads"]})
    packaged = import_encoder(f"{EsmC.__module__}:PackagedEsmC300M", folder, "cpu", readout=readout)
    sequences = [*about["sequences"], "W", "MKTAYIAKQRQISFVK" * 20]
    expected = EsmC300M.load(folder, "cpu", **readout).embed(sequences)
    assert difference(packaged.embed(sequences), expected) <= TOLERANCE
    assert packaged.libraries == ("torch", "esm")


@pytest.mark.skipif(package_is_there(), reason="the package esm is installed")
def test_without_the_package_it_is_asked_for(weights, about, tmp_path):
    folder = write_checkpoint(tmp_path, weights, {"n_heads": about["n_heads"]})
    with pytest.raises(GenoProtError, match="the package esm is not installed here"):
        import_encoder(f"{EsmC.__module__}:PackagedEsmC300M", folder, "cpu")
