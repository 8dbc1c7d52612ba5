"""ProteInfer against the vectors of its TensorFlow graph."""

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
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.proteinfer import ProteInferGO, ProteInferNetwork, residue_codes

CASES = ("dil3_l3_f24_k5", "dil1_l1_f10_k3", "testdata_savedmodel")
PORT = {
    "batch_normalization/gamma": "bn_activation_1.0.weight",
    "batch_normalization/beta": "bn_activation_1.0.bias",
    "batch_normalization/moving_mean": "bn_activation_1.0.running_mean",
    "batch_normalization/moving_variance": "bn_activation_1.0.running_var",
    "conv1d/kernel": "masked_conv1.weight",
    "conv1d/bias": "masked_conv1.bias",
    "batch_normalization_1/gamma": "bn_activation_2.0.weight",
    "batch_normalization_1/beta": "bn_activation_2.0.bias",
    "batch_normalization_1/moving_mean": "bn_activation_2.0.running_mean",
    "batch_normalization_1/moving_variance": "bn_activation_2.0.running_var",
    "conv1d_1/kernel": "masked_conv2.weight",
    "conv1d_1/bias": "masked_conv2.bias",
}


@pytest.fixture(params=PLACES)
def golden(request):
    return golden_folder(request, "proteinfer")


@pytest.fixture
def network(golden):
    """Weights, configuration, sequences and outputs of the case with dilation."""
    return case(golden, CASES[0])


def case(golden, name):
    meta = json.loads((golden / "meta.json").read_text(encoding="utf-8"))
    about = meta.get(name, meta["dil1_l1_f10_k3"])
    weights = tensors(golden / f"{name}.weights.safetensors")
    return weights, about["hparams"], about["sequences"], tensors(golden / f"{name}.io.safetensors")


def ported(weights):
    renamed = {}
    for key, tensor in weights.items():
        block, _, rest = key.partition("/")
        if block.startswith("residual_block_"):
            name = f"resnet_blocks.{block.removeprefix('residual_block_')}.{PORT[rest]}"
        else:
            field = {"kernel": "weight", "bias": "bias"}[rest]
            name = {"conv1d": "conv1.", "logits": "output_layer."}[block] + field
        renamed[name] = tensor.permute(*range(tensor.ndim)[::-1]) if key.endswith("kernel") else tensor
    counters = [key for key in renamed if key.endswith("running_mean")]
    return renamed | {key.replace("running_mean", "num_batches_tracked"): torch.tensor(9) for key in counters}


@pytest.mark.parametrize("name", CASES)
def test_pooled_representation(golden, name, tmp_path):
    weights, config, sequences, outputs = case(golden, name)
    encoder = load_encoder("proteinfer-go", weights=write_checkpoint(tmp_path / "go", weights, config))
    assert encoder.spec.dimension == outputs["pooled_representation"].shape[1]
    assert difference(encoder.embed(sequences), outputs["pooled_representation"]) <= TOLERANCE


@pytest.mark.parametrize("garbage", [0.0, 7.5, float("nan")])
def test_representation_does_not_depend_on_padding(network, garbage, tmp_path):
    weights, config, sequences, outputs = network
    encoder = ProteInferGO.load(write_checkpoint(tmp_path, weights, config), "cpu")
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    residues = torch.full((*mask.shape, 20), garbage)
    for row, sequence in enumerate(sequences):
        residues[row, : len(sequence)] = torch.from_numpy(residue_codes())[encoder.tokenize(sequence)]
    assert difference(encoder.model(residues, mask), outputs["representation"]) <= TOLERANCE


def test_port_shards_and_single_file_are_the_same_network(network, tmp_path):
    weights, config, sequences, outputs = network
    write_checkpoint(tmp_path / "file", weights, config)
    layouts = (
        write_checkpoint(tmp_path / "port", ported(weights), {"dilation_base": config["dilation_rate"]}),
        write_shards(tmp_path / "shards", weights | {"global_step": torch.tensor(500)}, config),
        tmp_path / "file" / "model.safetensors",
    )
    for layout in layouts:
        vectors = load_encoder("proteinfer-ec", weights=layout).embed(sequences)
        assert difference(vectors, outputs["pooled_representation"]) <= TOLERANCE


def test_options_without_a_golden_case(network, tmp_path):
    weights, config, sequences, _ = network
    lengths = np.array([[len(sequence)] for sequence in sequences])
    plain = ProteInferGO.load(write_checkpoint(tmp_path / "a", weights, config), "cpu").embed(sequences)
    powered = config | {"denominator_power": 0.88}
    vectors = ProteInferGO.load(write_checkpoint(tmp_path / "b", weights, powered), "cpu").embed(sequences)
    np.testing.assert_allclose(vectors, plain * lengths / lengths**0.88, rtol=1e-5, atol=1e-6)
    for first, dilations in ((0, [3, 9, 27]), (1, [1, 3, 9]), (2, [1, 1, 3]), (9, [1, 1, 1])):
        late = config | {"first_dilated_layer": first}
        encoder = ProteInferGO.load(write_checkpoint(tmp_path / str(first), weights, late), "cpu")
        assert [block.narrowing.dilation for block in encoder.model.blocks] == [(d,) for d in dilations]


def test_released_graph(shared, tmp_path):
    """Five blocks of 1,100 filters with weights drawn by the rule of the set."""
    golden = shared / "golden" / "proteinfer"
    about = json.loads((golden / "released_go_graph_seeded.json").read_text(encoding="utf-8"))
    weights = {}
    for number, key in enumerate(about["variables_in_seed_order"]):
        rng, shape = np.random.RandomState(1000 + number), about["shapes"][key]
        if key.endswith("moving_variance"):
            values = rng.uniform(0.5, 1.5, shape)
        elif key.endswith("gamma"):
            values = rng.uniform(0.7, 1.3, shape)
        elif key.endswith("kernel"):
            values = rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))
        else:
            values = 0.2 * rng.standard_normal(shape)
        weights[key] = torch.from_numpy(values.astype(np.float32))
    _, _, sequences, _ = case(golden, CASES[0])
    outputs = tensors(golden / "released_go_graph_seeded.io.safetensors")
    released = ProteInferNetwork(1100, 550, 9, about["dilations"])
    trained = sum(parameter.numel() for parameter in released.parameters())
    assert trained == ProteInferGO.spec.parameters
    encoder = ProteInferGO.load(write_checkpoint(tmp_path, weights), "cpu")
    assert difference(encoder.embed(sequences), outputs["pooled_representation"]) <= TOLERANCE


def test_residue_codes(shared):
    table = shared / "golden" / "proteinfer" / "residue_encoding.json"
    about = json.loads(table.read_text(encoding="utf-8"))
    assert "".join(about["FULL_RESIDUE_VOCAB"]) == "ACDEFGHIKLMNPQRSTVWYUOBZX."
    assert difference(residue_codes(), np.array(about["encodings"])) <= 1e-7


def test_conforms(network, tmp_path):
    weights, config, sequences, _ = network
    encoder = ProteInferGO.load(write_checkpoint(tmp_path, weights, config), "cpu")
    assert_conforms(encoder, [*sequences, "W", "MJK"])
    assert_half_precision(encoder, sequences)
    assert difference(encoder.embed(["MJK"]), encoder.embed(["MXK"])) == 0.0
    assert difference(encoder.embed(["MUK"]), encoder.embed(["MCK"])) == 0.0


@pytest.mark.parametrize(("sequence", "message"), [("MK*", "residue '\\*'"), ("", "empty sequence")])
def test_sequences_it_cannot_read(network, sequence, message, tmp_path):
    weights, config, _, _ = network
    encoder = ProteInferGO.load(write_checkpoint(tmp_path, weights, config), "cpu")
    with pytest.raises(GenoProtError, match=message):
        encoder.embed(["MK", sequence])


def test_weights_that_do_not_fit(network, tmp_path):
    weights, config, _, _ = network
    key = "residual_block_1/conv1d_1/bias"
    faults = {
        f"missing {key}": {name: tensor for name, tensor in weights.items() if name != key},
        "unexpected Adam/slot": weights | {"Adam/slot": torch.zeros(1)},
        f"of another shape {key} \\[25\\] instead of \\[24\\]": weights | {key: torch.zeros(25)},
        "missing conv1d/kernel": {"embed.weight": torch.zeros(3, 4)},
        "not three axes": weights | {"conv1d/kernel": torch.zeros(3, 4)},
    }
    for number, (message, faulty) in enumerate(faults.items()):
        with pytest.raises(SourceError, match=message):
            ProteInferGO.load(write_checkpoint(tmp_path / str(number), faulty, config), "cpu")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"dilation_rate": 0}, "dilation_rate is 0, not an integer of at least 1"),
        ({"denominator_power": "mean"}, "denominator_power is 'mean', not a positive number"),
    ],
)
def test_configurations_that_are_wrong(network, config, message, tmp_path):
    weights, _, _, _ = network
    with pytest.raises(SourceError, match=message):
        ProteInferGO.load(write_checkpoint(tmp_path, weights, config), "cpu")
