"""LucaOne against the vectors of both of its official implementations."""

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

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.lucaone import LucaOne, LucaOneNetwork, LucaOneSizes
from genoprot_evaluate.store import load_embeddings

CASE = "d64_h4_l3"
VIEWS = {"gene": "dna", "prot": "protein"}
OPTIONS = {
    "hidden_size": 80,
    "num_attention_heads": 10,
    "no_position_embeddings": False,
    "max_position_embeddings": 50,
    "use_embed_layer_norm": True,
    "embed_scale": 1.5,
}


@pytest.fixture(params=PLACES)
def golden(request):
    return golden_folder(request, "lucaone")


@pytest.fixture
def about(golden):
    return json.loads((golden / "meta.json").read_text(encoding="utf-8"))[CASE]


@pytest.fixture
def weights(golden):
    return tensors(golden / f"{CASE}.hf_layout.weights.safetensors")


@pytest.fixture
def outputs(golden):
    return tensors(golden / f"{CASE}.io.safetensors")


def original(weights):
    """The original names of weights named as in transformers."""
    renamed = {}
    for key, tensor in weights.items():
        name = key.removeprefix("lucaone.embeddings.").removeprefix("lucaone.encoder.")
        renamed["lm_head.weight" if name == "lm_head.decoder.weight" else name] = tensor
    return renamed


def assert_golden(folder, about, outputs):
    for number, (kind, sequence) in enumerate(about["sequences"]):
        encoder = LucaOne.load(folder, "cpu", modality=VIEWS[kind])
        ids, kinds = outputs[f"in.ids.{number}"], outputs[f"in.type.{number}"]
        states = encoder.model(ids, kinds, ids != 0)
        assert difference(states, outputs[f"last_hidden.{number}"]) <= TOLERANCE
        mean, first = outputs[f"mean_no_special.{number}"], outputs[f"cls.{number}"]
        assert difference(encoder.embed([sequence])[0], mean) <= TOLERANCE
        by_first = LucaOne.load(folder, "cpu", pooling="cls", modality=VIEWS[kind])
        assert difference(by_first.embed([sequence, "M"])[0], first) <= TOLERANCE
        by_maximum = LucaOne.load(folder, "cpu", pooling="max", modality=VIEWS[kind])
        assert difference(by_maximum.embed([sequence, "M"])[0], states[0, 1:-1].amax(dim=0)) <= TOLERANCE


def test_names_of_transformers(weights, about, outputs, tmp_path):
    assert_golden(write_checkpoint(tmp_path / "hf", weights, about["config"]), about, outputs)
    assert_golden(write_shards(tmp_path / "shards", weights), about, outputs)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_original_names(weights, about, outputs, prefix, tmp_path):
    renamed = {prefix + key: tensor for key, tensor in original(weights).items()}
    assert_golden(write_checkpoint(tmp_path, renamed), about, outputs)


def test_original_file(shared, about, outputs, tmp_path):
    folder = shared / "golden" / "lucaone"
    assert_golden(folder / f"{CASE}.original_layout.weights.safetensors", about, outputs)
    full = tensors(folder / f"{CASE}.io.safetensors")
    encoder = LucaOne.load(folder / f"{CASE}.original_layout.weights.safetensors", "cpu", modality="dna")
    for number in range(len(about["sequences"])):
        ids = full[f"in.ids.{number}"]
        states = encoder.model(ids, full[f"in.type.{number}"], ids != 0)
        assert difference(states, full[f"lucaoneapp_original.last_hidden.{number}"]) <= TOLERANCE


def test_earlier_layers(shared, weights, about, tmp_path):
    outputs = tensors(shared / "golden" / "lucaone" / f"{CASE}.io.safetensors")
    folder = write_checkpoint(tmp_path, weights, about["config"])
    for layer in range(about["config"]["num_hidden_layers"] + 1):
        encoder = LucaOne.load(folder, "cpu", layer=layer, modality="dna")
        for number in range(len(about["sequences"])):
            ids = outputs[f"in.ids.{number}"]
            states = encoder.model(ids, outputs[f"in.type.{number}"], ids != 0)
            assert difference(states, outputs[f"hidden_states.{number}.{layer}"]) <= TOLERANCE
    with pytest.raises(GenoProtError, match="layer -1 is not one of 0 to 3"):
        LucaOne.load(folder, "cpu", layer=-1, modality="dna")


def test_padded_batch_of_both_kinds(weights, about, outputs, tmp_path):
    encoder = LucaOne.load(write_checkpoint(tmp_path, weights, about["config"]), "cpu", modality="dna")
    mask = outputs["in.mask.batch"].bool()
    states = encoder.model(outputs["in.ids.batch"], outputs["in.type.batch"], mask)
    assert difference(states[mask], outputs["last_hidden.batch"][mask]) <= TOLERANCE


def test_tokens(golden, weights, tmp_path):
    cases = json.loads((golden / "tokenizer_cases.json").read_text(encoding="utf-8"))["cases"]
    folder = write_checkpoint(tmp_path, weights)
    readers = {kind: LucaOne.load(folder, "cpu", modality=view) for kind, view in VIEWS.items()}
    for text, expected in cases.items():
        kind, _, sequence = text.partition(":")
        assert readers[kind].tokenize(sequence) == expected["input_ids"], text


def test_views(weights, about, tmp_path):
    folder = write_checkpoint(tmp_path, weights, about["config"])
    dna = load_encoder("lucaone", weights=folder, modality="dna")
    protein = load_encoder("lucaone", weights=folder, modality="protein")
    assert (dna.spec.name, protein.spec.name) == ("lucaone-dna", "lucaone-protein")
    assert dna.spec.readout == "mean over bases of the last layer, [CLS] and [SEP] excluded"
    assert (dna.spec.modality, protein.spec.modality) == ("dna", "protein")
    assert dna.spec.dimension == protein.spec.dimension == about["config"]["hidden_size"]
    assert difference(dna.embed(["ACGACC"]), protein.embed(["ACGACC"])) > 1e-3
    assert difference(dna.embed(["ACGURY"]), dna.embed(["acgtnn"])) == 0.0
    with pytest.raises(GenoProtError, match="encoder lucaone reads both modalities; choose --modality"):
        load_encoder("lucaone", weights=folder)
    with pytest.raises(GenoProtError, match="modality 'rna' is not one of dna, protein, both"):
        load_encoder("lucaone", weights=folder, modality="rna")


def test_both_views_in_one_folder(weights, about, tiny_dataset, tmp_path):
    folder = write_checkpoint(tmp_path / "weights", weights, about["config"])
    for view in VIEWS.values():
        embed("lucaone", tiny_dataset, tmp_path / "out", weights=folder, modality=view, device="cpu")
    for view in VIEWS.values():
        table = load_embeddings(tmp_path / "out", config=f"lucaone-{view}")
        assert (table.run["view"], table.run["encoder"]["modality"]) == (view, view)
        encoder = load_encoder("lucaone", weights=folder, modality=view, device="cpu")
        first = PublishedDataset.open(tiny_dataset).sequences([view])[view][0].as_py()
        assert difference(table.vectors[0], encoder.embed([first])[0]) <= TOLERANCE


@pytest.mark.parametrize("readout", [{}, {"layer": 1, "pooling": "max"}])
def test_joined_views(readout, weights, about, tiny_dataset, tmp_path):
    folder = write_checkpoint(tmp_path / "weights", weights, about["config"])
    views = [
        load_encoder("lucaone", weights=folder, modality=view, device="cpu", readout=readout)
        for view in VIEWS.values()
    ]
    out = embed(
        "lucaone",
        tiny_dataset,
        tmp_path / "out",
        weights=folder,
        modality="both",
        device="cpu",
        readout=readout,
    )
    table = load_embeddings(out)
    assert (table.run["view"], table.run["name"], table.run["chunked"]) == ("both", "lucaone-both", 0)
    records = PublishedDataset.open(tiny_dataset).sequences(["dna", "protein"])
    expected = [
        np.concatenate([encoder.embed([texts[encoder.spec.modality]])[0] for encoder in views])
        for texts in records.slice(0, 5).to_pylist()
    ]
    assert difference(table.vectors[:5], expected) <= TOLERANCE
    assert table.run["encoder"]["dimension"] == 2 * about["config"]["hidden_size"]
    assert table.run["encoder"]["readout"] == (
        f"DNA: {views[0].spec.readout}; protein: {views[1].spec.readout}; joined"
    )


def test_embeddings_of_masked_tokens_may_be_dropped(weights, about, tmp_path):
    plain, dropping = (
        LucaOne.load(
            write_checkpoint(tmp_path / str(on), weights, about["config"] | {"token_dropout": on}),
            "cpu",
            modality="dna",
            layer=0,
        ).model
        for on in (False, True)
    )
    ids, kinds = torch.tensor([[2, 5, 4, 6, 3, 0]]), torch.zeros(1, 6, dtype=torch.int64)
    states = plain(ids, kinds, ids != 0) * (1 - 0.15 * 0.8) / (1 - 1 / 5)
    states[0, 2] = 0
    assert difference(dropping(ids, kinds, ids != 0), states) <= TOLERANCE


def test_conforms(weights, about, tmp_path):
    folder = write_checkpoint(tmp_path, weights, about["config"])
    assert_conforms(LucaOne.load(folder, "cpu", modality="dna"), ["ACGTNRYACG", "G", "TTGACA" * 30, "ACG"])
    assert_conforms(
        LucaOne.load(folder, "cpu", modality="protein"), ["MKTAYIAK", "W", "MXBUZOJ*-", "ACDEFGHIKL" * 15]
    )
    assert_half_precision(LucaOne.load(folder, "cpu", modality="dna"), ["ACGTNRYACG", "TTGACA" * 30])
    with pytest.raises(GenoProtError, match="empty sequence"):
        LucaOne.load(folder, "cpu", modality="dna").embed(["A", ""])
    with pytest.raises(GenoProtError, match="pooling 'median' is not one of mean, max, cls"):
        LucaOne.load(folder, "cpu", pooling="median", modality="dna")


@pytest.fixture
def with_options():
    """A network with position embeddings, normalised and scaled embeddings, and no last normalisation."""
    torch.manual_seed(0)
    sizes = LucaOneSizes(
        39, 80, 2, 10, 160, positions=50, input_norm=True, output_norm=False, scale=OPTIONS["embed_scale"]
    )
    return LucaOneNetwork(sizes).requires_grad_(False)


def named(network, prefix="lucaone."):
    return {prefix + key: tensor for key, tensor in network.state_dict().items()}


def test_options(with_options, tmp_path):
    config = OPTIONS | {"use_last_layer_norm": False}
    encoder = LucaOne.load(write_checkpoint(tmp_path, named(with_options), config), "cpu", modality="protein")
    assert encoder.model.sizes == with_options.sizes
    assert encoder.spec.context == 48
    with pytest.raises(GenoProtError, match="positions for 48 letters"):
        encoder.embed(["M" * 49])


def test_options_are_taken_from_the_weights_where_nothing_states_them(with_options, tmp_path):
    frequencies = {f"layers.{n}.self_attn.rot_emb.inv_freq": torch.ones(4) for n in range(2)}
    weights = original(named(with_options)) | frequencies
    weights |= {"last_layer_norm.weight": torch.ones(80), "last_layer_norm.bias": torch.zeros(80)}
    sizes = LucaOne.load(write_checkpoint(tmp_path, weights), "cpu", modality="dna").model.sizes
    assert sizes == LucaOneSizes(39, 80, 2, 10, 160, positions=50, input_norm=True)


def test_weights_that_do_not_fit(weights, about, tmp_path):
    key, config = "lucaone.encoder.layers.1.fc1.bias", about["config"]
    faults = {
        f"missing {key}": {name: tensor for name, tensor in weights.items() if name != key},
        "unexpected lucaone.pooler.weight": weights | {"lucaone.pooler.weight": torch.zeros(1)},
        "of another shape .*fc1.bias \\[255\\]": weights | {key: torch.zeros(255)},
        "missing embed_tokens.weight": {"bert.weight": torch.zeros(1)},
        "missing lucaone.encoder.last_layer_norm.bias, .*weight": {
            name: tensor for name, tensor in weights.items() if "last_layer_norm" not in name
        },
        "missing lucaone.embeddings.embed_type.weight": {
            name: tensor for name, tensor in weights.items() if "embed_type" not in name
        },
    }
    for number, (message, faulty) in enumerate(faults.items()):
        with pytest.raises(SourceError, match=message):
            LucaOne.load(write_checkpoint(tmp_path / str(number), faulty, config), "cpu", modality="dna")
    positions = weights | {"lucaone.embeddings.embed_pos.weight": torch.zeros(9, 64)}
    off = write_checkpoint(tmp_path / "off", positions, config | {"no_position_embeddings": True})
    with pytest.raises(SourceError, match="unexpected lucaone.embeddings.embed_pos.weight"):
        LucaOne.load(off, "cpu", modality="dna")
    on = write_checkpoint(tmp_path / "on", weights, config | {"no_position_embeddings": False})
    with pytest.raises(SourceError, match="missing lucaone.embeddings.embed_pos.weight"):
        LucaOne.load(on, "cpu", modality="dna")


def test_released_size():
    sizes = LucaOneSizes(39, 2_560, 20, 40, 10_240)
    with torch.device("meta"):
        network = LucaOneNetwork(sizes)
    counted = sum(parameter.numel() for parameter in network.parameters())
    assert LucaOne.spec.parameters == counted
    assert LucaOne.spec.dimension == sizes.width
