"""Evo 2 against the vectors of its official code."""

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

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.evo import Evo, tokenize
from genoprot_evaluate.encoders.evo2 import Evo2
from genoprot_evaluate.encoders.long_filters import ExplicitFilter, RealModalFilter
from genoprot_evaluate.encoders.stripedhyena import StripedHyena, StripedHyenaConfig, layer_depth

CASE = "tiny_1m_style"
HALF_TOLERANCE = 0.2
IDS = torch.tensor([[65, 67, 71, 84, 65, 65, 84, 71, 67]])
CONFIG = {
    "num_attention_heads": 2,
    "use_interpolated_rotary_pos_emb": True,
    "rotary_emb_scaling_factor": 128,
    "interleave": False,
    "column_split": False,
}


@pytest.fixture(params=PLACES)
def golden(request):
    return golden_folder(request, "evo2")


@pytest.fixture
def weights(golden):
    return tensors(golden / f"{CASE}.ckpt_layout.weights.safetensors")


@pytest.fixture
def config(golden):
    return json.loads((golden / "meta.json").read_text(encoding="utf-8"))[CASE]["config"]


def made_up(**options):
    """Encoder with random weights: a short, a medium and a long filter, attention, a short filter."""
    torch.manual_seed(3)
    config = StripedHyenaConfig(
        width=16, inner=24, heads=2, gated_layers=1, rotary_scale=128.0, projection_bias=False
    )
    short = [ExplicitFilter(16, 3, False, groups=4, longest=5, skip=False) for _ in range(2)]
    medium = ExplicitFilter(16, 3, False, groups=4, longest=130, skip=True)
    filters = [short[0], medium, RealModalFilter(16, 3, False, 16, 3), None, short[1]]
    network = StripedHyena(config, 512, filters).requires_grad_(False).eval()
    for name, tensor in network.state_dict().items():
        scale = 1.0 if "norm" in name or name.startswith("embedding") else 0.3
        tensor.copy_(scale * torch.randn_like(tensor))
        if name.endswith("log_poles"):
            tensor.copy_(-tensor.abs())
    return Evo2(network, device="cpu", **options)


def compare(encoder, outputs, tolerance):
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
    folder = write_checkpoint(tmp_path / "evo2", weights, config)
    encoder = load_encoder("evo2-7b", weights=folder, device="cpu")
    assert compare(encoder, tensors(golden / f"{CASE}.fp32.io.safetensors"), TOLERANCE) >= 8


def test_states_in_half_precision(shared, tmp_path):
    folder = shared / "golden" / "evo2"
    config = json.loads((folder / "meta.json").read_text(encoding="utf-8"))[CASE]["config"]
    weights = tensors(folder / f"{CASE}.ckpt_layout.weights.safetensors")
    encoder = Evo2.load(write_checkpoint(tmp_path / "e", weights, config), "cpu", dtype=torch.bfloat16)
    outputs = tensors(folder / f"{CASE}.bf16_official.io.safetensors")
    assert compare(encoder, outputs, HALF_TOLERANCE) >= 40
    full = {name for name, p in encoder.model.named_parameters() if p.dtype == torch.float32}
    full |= {name for name, b in encoder.model.named_buffers() if b.dtype == torch.float32}
    assert {name.rpartition(".")[2] for name in full} == {"log_poles", "residues", "inv_freq"}


def test_released_file_without_configuration_and_with_extra_states(golden, weights, config, tmp_path):
    more = {
        key.replace(".weight", "._extra_state"): torch.zeros(3, dtype=torch.uint8)
        for key in weights
        if ".projections." in key or ".mlp." in key
    }
    heads = {"num_attention_heads": config["num_attention_heads"]}
    scale = {"use_interpolated_rotary_pos_emb": True, "rotary_emb_scaling_factor": 128}
    encoder = Evo2.load(write_shards(tmp_path / "evo2", weights | more, heads | scale), "cpu")
    assert compare(encoder, tensors(golden / f"{CASE}.fp32.io.safetensors"), TOLERANCE) >= 8


def test_default_readout(weights, config, tmp_path):
    assert Evo2.default_layer(32) == "blocks.28.mlp.l3"
    assert "blocks.28.mlp.l3" in Evo2.spec.readout
    encoder = Evo2.load(write_checkpoint(tmp_path / "evo2", weights, config), "cpu")
    assert encoder.layer == Evo2.default_layer(len(encoder.model.blocks))
    assert encoder.layer in encoder.spec.readout
    assert encoder.spec.context == 1_048_576
    expected = encoder.model(torch.tensor([tokenize("ACGGTA")]), encoder.layer).mean(1)
    assert difference(encoder.embed(["acggta"]), expected) <= TOLERANCE


def test_orders_of_rows(tmp_path):
    """The same network from files of every order of rows."""
    encoder = made_up()
    arranged = dict(encoder.model.state_dict())
    interleaved = torch.arange(48).view(3, 16).T.flatten()
    by_head = torch.arange(48).view(3, 2, 8).transpose(0, 1).flatten()

    def reordered(part, rows):
        return {key: tensor[rows] if part in key else tensor for key, tensor in arranged.items()}

    for number, (weights, options) in enumerate(
        (
            (arranged, {}),
            (reordered("Wqkv", by_head), {"column_split": True}),
            (
                reordered("projections", interleaved)
                | {
                    key: tensor
                    for key, tensor in reordered("short_filter", interleaved).items()
                    if "short_filter" in key
                },
                {"interleave": True},
            ),
        )
    ):
        folder = write_checkpoint(tmp_path / str(number), weights, CONFIG | options)
        found = Evo2.load(folder, "cpu").model
        assert difference(found(IDS), encoder.model(IDS)) <= 2e-6
    other = Evo2.load(write_checkpoint(tmp_path / "other", arranged, CONFIG | {"column_split": True}), "cpu")
    assert difference(other.model(IDS, "blocks.2"), encoder.model(IDS, "blocks.2")) <= 2e-6
    assert difference(other.model(IDS), encoder.model(IDS)) > 1e-3


def test_gate_of_the_first_block_alone(tmp_path):
    encoder = made_up()
    weights = dict(encoder.model.state_dict())
    every = CONFIG | {"evo2_style_activations": False}
    found = Evo2.load(write_checkpoint(tmp_path / "every", weights, every), "cpu").model
    assert difference(found(IDS, "blocks.0"), encoder.model(IDS, "blocks.0")) <= 2e-6
    assert difference(found(IDS, "blocks.1"), encoder.model(IDS, "blocks.1")) > 1e-3


def test_frequencies_of_the_file_are_used(tmp_path):
    encoder = made_up()
    key = "blocks.3.inner_mha_cls.rotary_emb.inv_freq"
    weights = dict(encoder.model.state_dict())
    computed = 10_000.0 ** (-torch.arange(0, 8, 2) / 8)
    far = CONFIG | {"use_interpolated_rotary_pos_emb": False}
    models = [
        Evo2.load(
            write_checkpoint(tmp_path / str(scale), weights | {key: scale * computed}, far), "cpu"
        ).model
        for scale in (1.0, 1 / 128, 3.0)
    ]
    assert difference(models[1](IDS), encoder.model(IDS)) <= 2e-6
    assert difference(models[0](IDS), encoder.model(IDS)) > 1e-4
    assert difference(models[0](IDS), models[2](IDS)) > 1e-4


def test_batch_order_padding_and_case():
    assert_conforms(made_up(layer="norm"), ["ACGTACGTAC", "GGTTRYKNNACG", "T", "GATTACAT" * 8])


def test_weights_have_to_fit(weights, config, tmp_path):
    def load(name, weights):
        return Evo2.load(write_checkpoint(tmp_path / name, weights, config), "cpu")

    for block in (1, 2):
        lacking = {key: tensor for key, tensor in weights.items() if key != f"blocks.{block}.filter.D"}
        with pytest.raises(SourceError, match=rf"missing blocks\.{block}\.filter\.D"):
            load(f"skip{block}", lacking)
    with pytest.raises(SourceError, match=r"blocks\.0\.filter\.h has the shape \[4, 7\], not 3 axes"):
        load("axes", weights | {"blocks.0.filter.h": torch.zeros(4, 7)})
    with pytest.raises(SourceError, match=r"missing blocks\.0\.: any of filter\.poles, inner_mha_cls"):
        Evo.load(write_checkpoint(tmp_path / "evo", weights, config), "cpu")
    with pytest.raises(SourceError, match="5 filters do not divide the width 64"):
        load("groups", weights | {"blocks.0.filter.h": torch.zeros(5, 1, 7)})
