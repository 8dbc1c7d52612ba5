"""ESM-2 against the vectors of fair-esm, and against the masked language model of transformers."""

from __future__ import annotations

import json

import pytest
import torch
from golden_sets import (
    TOLERANCE,
    assert_conforms,
    assert_half_precision,
    difference,
    tensors,
    write_checkpoint,
    write_shards,
)

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.esm2 import LAYER, Esm2, Esm2M8

CASE = "d64_h4_l3"
SEQUENCES = ["MKTAYIAKQRQISFVKSHFSRQ", "ACDEFGHIKLMNPQRSTVWY", "MXBUZO", "MK<mask>TAYIAK"]
SIZES = {
    "vocab_size": 33,
    "hidden_size": 40,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 5,
    "position_embedding_type": "rotary",
    "layer_norm_eps": 1e-5,
    "token_dropout": True,
    "pad_token_id": 1,
    "mask_token_id": 32,
}


@pytest.fixture(scope="module")
def reference():
    """A small masked language model of transformers with random weights."""
    from transformers import EsmConfig, EsmForMaskedLM

    torch.manual_seed(0)
    return EsmForMaskedLM(EsmConfig(**SIZES, initializer_range=0.2)).eval().requires_grad_(False)


def released_names(model):
    """Weights by the names of the released files: rotary frequencies in every layer."""
    weights = dict(model.state_dict())
    frequencies = weights.pop("esm.rotary_embeddings.inv_freq")
    for layer in range(SIZES["num_hidden_layers"]):
        weights[f"esm.encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq"] = frequencies
    return weights | {"esm.embeddings.position_ids": torch.arange(9)}


def fair_names(model):
    """Weights by the names of fair-esm."""
    weights = {}
    for key, tensor in model.state_dict().items():
        name = key.removeprefix("esm.").removeprefix("encoder.")
        name = name.replace("embeddings.word_embeddings", "embed_tokens")
        name = name.replace("rotary_embeddings", "layers.0.self_attn.rot_emb")
        for here, there in LAYER:
            start = "layer.{}." + here + "."
            for layer in range(SIZES["num_hidden_layers"]):
                if name.startswith(start.format(layer)):
                    name = f"layers.{layer}.{there}." + name.removeprefix(start.format(layer))
        weights[name] = tensor
    return weights


def means(model, encoder, sequences):
    """Mean residue states of each sequence, read alone."""
    found = []
    for sequence in sequences:
        output = model.esm(input_ids=torch.tensor([encoder.tokenize(sequence)]))
        found.append(output.last_hidden_state[0, 1:-1].mean(dim=0))
    return torch.stack(found)


def test_golden_vectors(shared):
    golden = shared / "golden" / "esm2"
    about = json.loads((golden / "meta.json").read_text(encoding="utf-8"))[CASE]
    outputs = tensors(golden / f"{CASE}.io.safetensors")
    encoder = load_encoder("esm2-8m", weights=golden / f"{CASE}.weights.safetensors")
    assert encoder.spec.dimension == about["embed_dim"]
    assert encoder.model.config.num_attention_heads == about["heads"]
    assert difference(encoder.embed(about["sequences"]), outputs["mean_no_special.last"]) <= TOLERANCE
    ids, mask = outputs["in.ids"], outputs["in.ids"] != 1
    found = encoder.model(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
    for layer, states in enumerate(found.hidden_states):
        assert difference(states[mask], outputs[f"repr.layer{layer}"][mask]) <= TOLERANCE


def test_earlier_layers(shared):
    golden = shared / "golden" / "esm2"
    outputs = tensors(golden / f"{CASE}.io.safetensors")
    ids, mask = outputs["in.ids"], outputs["in.ids"] != 1
    for layer in range(4):
        encoder = Esm2M8.load(golden / f"{CASE}.weights.safetensors", "cpu", layer=layer)
        states = encoder.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        assert difference(states[mask], outputs[f"repr.layer{layer}"][mask]) <= TOLERANCE
        assert ("layer" if layer == 3 else f"layer {layer}") in encoder.spec.readout


def test_tokens(shared):
    golden = shared / "golden" / "esm2"
    cases = json.loads((golden / "tokenizer_cases.json").read_text(encoding="utf-8"))
    encoder = Esm2M8.load(golden / f"{CASE}.weights.safetensors", "cpu")
    assert {text: encoder.tokenize(text) for text in cases["cases"]} == cases["cases"]
    for text, number in cases["tok_to_idx"].items():
        if text != "<null_1>":
            assert encoder.tokenize(text) == [cases["cls"], number, cases["eos"]]


@pytest.mark.parametrize("naming", [released_names, fair_names, lambda model: model.esm.state_dict()])
def test_every_naming_is_the_same_model(reference, naming, tmp_path):
    folder = write_checkpoint(tmp_path, naming(reference), {"num_attention_heads": 5})
    encoder = Esm2M8.load(folder, "cpu")
    expected = means(reference, encoder, SEQUENCES)
    assert difference(encoder.embed(SEQUENCES), expected) <= TOLERANCE


def test_shards_and_what_it_states(reference, tmp_path):
    folder = write_shards(tmp_path / "shards", released_names(reference))
    encoder = load_encoder("esm2-650m", weights=folder)
    assert difference(encoder.embed(SEQUENCES), means(reference, encoder, SEQUENCES)) <= TOLERANCE
    counted = reference.esm.encoder.parameters(), reference.esm.embeddings.parameters()
    assert encoder.spec.parameters == sum(each.numel() for group in counted for each in group)
    assert encoder.spec.name == "esm2-650m"


def test_token_dropout_is_an_option(reference, tmp_path):
    weights = released_names(reference)
    first = {}
    for on in (True, False):
        folder = write_checkpoint(tmp_path / str(on), weights, SIZES | {"token_dropout": on})
        model = Esm2M8.load(folder, "cpu").model
        ids = torch.tensor([[0, 20, 15, 2]])
        first[on] = model(input_ids=ids, output_hidden_states=True).hidden_states[0]
    assert difference(first[True], 0.88 * first[False]) <= TOLERANCE


def test_conforms(reference, tmp_path):
    encoder = Esm2M8.load(write_checkpoint(tmp_path, released_names(reference)), "cpu")
    assert_conforms(encoder, [*SEQUENCES, "W", "MJ*K", "ACDEFGHIKL" * 12])
    assert_half_precision(encoder, SEQUENCES)
    by_maximum = Esm2M8.load(tmp_path, "cpu", pooling="max")
    assert_conforms(by_maximum, SEQUENCES)
    assert by_maximum.spec.readout.startswith("maximum over residues")
    with pytest.raises(GenoProtError, match="empty sequence"):
        encoder.embed([""])


def test_weights_that_do_not_fit(reference, tmp_path):
    weights, fair = released_names(reference), fair_names(reference)
    key = "esm.encoder.layer.1.intermediate.dense.weight"
    faults = {
        f"missing {key}": {name: tensor for name, tensor in weights.items() if name != key},
        "missing layers.1.fc1.bias": {name: t for name, t in fair.items() if name != "layers.1.fc1.bias"},
        "unexpected esm.trunk.weight": weights | {"esm.trunk.weight": torch.zeros(1)},
        # The feed-forward part of Nucleotide Transformer v2 is gated: twice as wide and without bias.
        "of another shape .*intermediate.dense.weight \\[192, 40\\]": weights | {key: torch.zeros(192, 40)},
        "missing esm.embeddings.word_embeddings.weight": {"esm.weight": torch.zeros(1)},
    }
    for number, (message, faulty) in enumerate(faults.items()):
        with pytest.raises(SourceError, match=message):
            Esm2M8.load(write_checkpoint(tmp_path / str(number), faulty), "cpu")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "do not tell num_attention_heads"),
        ({"num_attention_heads": 3}, "3 does not divide the width 40"),
        ({"position_embedding_type": "absolute"}, "absolute positions, as of ESM-1b"),
    ],
)
def test_configurations_that_are_wrong(reference, config, message, tmp_path):
    weights = {key: tensor for key, tensor in released_names(reference).items() if "inv_freq" not in key}
    with pytest.raises(SourceError, match=message):
        Esm2M8.load(write_checkpoint(tmp_path, weights, config), "cpu")


def test_released_sizes():
    from transformers import EsmConfig, EsmModel

    layers = {"esm2-8m": 6, "esm2-35m": 12, "esm2-150m": 30, "esm2-650m": 33, "esm2-3b": 36, "esm2-15b": 48}
    families = {family.spec.name: family for family in Esm2.__subclasses__()}
    assert families.keys() == layers.keys()
    for name, family in families.items():
        width = family.spec.dimension
        sizes = SIZES | {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": 20}
        with torch.device("meta"):
            model = EsmModel(EsmConfig(**sizes | {"num_hidden_layers": layers[name]}))
        parts = (*model.embeddings.parameters(), *model.encoder.parameters())
        assert sum(parameter.numel() for parameter in parts) == family.spec.parameters
