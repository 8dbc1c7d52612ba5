"""Caduceus against the vectors of its official code."""

from __future__ import annotations

import json
from dataclasses import replace

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
from genoprot_evaluate.encoders.bimamba import CaduceusConfig, CaduceusNetwork
from genoprot_evaluate.encoders.caduceus import CaduceusPh, CaduceusPs, tokenize

KINDS = {"ps": "ps_fused", "ph": "ph_fused"}
CONFIG = CaduceusConfig(
    vocabulary=16, width=12, inner=20, states=5, taps=3, rank=2, layers=2, projection_bias=True
)


@pytest.fixture(params=PLACES)
def golden(request):
    return golden_folder(request, "caduceus")


@pytest.fixture
def read(golden, tmp_path):
    def of(kind):
        meta = json.loads((golden / "meta.json").read_text(encoding="utf-8"))
        name = KINDS[kind]
        weights = tied(tensors(golden / f"{name}.weights.safetensors"))
        return weights, meta[name]["config"], tensors(golden / f"{name}.io.safetensors")

    return of


def made_up(family=CaduceusPs, **options):
    torch.manual_seed(5)
    network = CaduceusNetwork(replace(CONFIG, **options)).requires_grad_(False).eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and "norm" not in name:
            tensor.copy_(0.5 * torch.randn_like(tensor))
    network.complement = torch.tensor([0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11, 12, 13, 14, 15])
    return family(network)


def tied(weights):
    """Weights with the tied projections under both of their names."""
    return {
        key.replace("mamba_fwd", "mamba_rev"): tensor for key, tensor in weights.items() if is_tied(key)
    } | weights


def is_tied(key):
    return ".in_proj." in key or ".out_proj." in key


def reverse_complement(text):
    return text[::-1].translate(str.maketrans("ACGT", "TGCA"))


def text_of(row):
    letters = {7: "A", 8: "C", 9: "G", 10: "T", 11: "N"}
    return "".join(letters.get(token, "R") for token in row.tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_states(read, kind, tmp_path):
    weights, config, outputs = read(kind)
    encoder = load_encoder(f"caduceus-{kind}", weights=write_checkpoint(tmp_path / kind, weights, config))
    for name in ("L50", "L7"):
        assert difference(encoder.model(outputs[f"in.{name}"]), outputs[f"last_hidden.{name}"]) <= TOLERANCE
        reverse = encoder.model(outputs[f"in_rc.{name}"])
        assert difference(reverse, outputs[f"last_hidden_rc.{name}"]) <= TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_states_of_a_padded_batch(read, kind, tmp_path):
    weights, config, outputs = read(kind)
    encoder = load_encoder(f"caduceus-{kind}", weights=write_checkpoint(tmp_path / kind, weights, config))
    ids = torch.full((2, 50), 4)
    ids[0], ids[1, :7] = outputs["in.L50"][0], outputs["in.L7"][0]
    mask = torch.arange(50) < torch.tensor([[50], [7]])
    states = encoder.model(ids, mask)
    half = states.shape[-1] // 2 if kind == "ps" else states.shape[-1]
    assert difference(states[0], outputs["last_hidden.L50"][0]) <= TOLERANCE
    assert difference(states[1, :7, :half], outputs["last_hidden.L7"][0, :, :half]) <= TOLERANCE


def test_vector_of_ps(read, tmp_path):
    weights, config, outputs = read("ps")
    folder = write_checkpoint(tmp_path / "ps", weights, config)
    averaged, both = CaduceusPs.load(folder), CaduceusPs.load(folder, strands="both")
    assert (averaged.spec.dimension, both.spec.dimension) == (32, 64)
    ids = outputs["in.L50"]
    everything = torch.ones_like(ids, dtype=torch.bool)
    forward, reverse = averaged.model.strands(ids, everything)
    pooled = (forward.mean(1) + reverse.mean(1)) / 2
    assert difference(pooled, outputs["rc_avg_pooled.L50"]) <= TOLERANCE
    texts = [text_of(row) for row in ids]
    expected = averaged.model(torch.tensor([tokenize(text) for text in texts])).mean(1)
    assert difference(both.embed(texts), expected) <= TOLERANCE
    halves = expected.chunk(2, dim=1)
    assert difference(averaged.embed(texts), (halves[0] + halves[1].flip(1)) / 2) <= TOLERANCE


def test_vector_of_ph_is_the_mean_of_two_passes(read, tmp_path):
    weights, config, outputs = read("ph")
    encoder = CaduceusPh.load(write_checkpoint(tmp_path / "ph", weights, config))
    texts = [text_of(row) for row in outputs["in.L50"]]
    passes = [
        encoder.model(torch.tensor([tokenize(text) for text in version])).mean(1)
        for version in (texts, [reverse_complement(text) for text in texts])
    ]
    assert difference(encoder.embed(texts), sum(passes) / 2) <= TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", ["fwd", "rev"])
def test_tied_projections_under_one_name(read, kind, kept, tmp_path):
    weights, config, outputs = read(kind)
    lost = {"fwd": "rev", "rev": "fwd"}[kept]
    some = {key: tensor for key, tensor in weights.items() if not (f"mamba_{lost}." in key and is_tied(key))}
    assert len(some) < len(weights)
    encoder = load_encoder(f"caduceus-{kind}", weights=write_shards(tmp_path / kind, some, config))
    assert difference(encoder.model(outputs["in.L50"]), outputs["last_hidden.L50"]) <= TOLERANCE


def test_untied_projections_are_used(read, tmp_path):
    weights, config, outputs = read("ph")
    key = "caduceus.backbone.layers.0.mixer.mamba_rev.out_proj.weight"
    encoder = CaduceusPh.load(write_checkpoint(tmp_path / "ph", weights | {key: 0 * weights[key]}, config))
    assert difference(encoder.model(outputs["in.L50"]), outputs["last_hidden.L50"]) > 1e-2


def test_unfused_ps_leaves_the_strands_where_they_are(read, tmp_path):
    weights, config, outputs = read("ps")
    unfused = {
        key.replace(".norm.weight", ".norm.submodule.weight").replace(
            "norm_f.weight", "norm_f.submodule.weight"
        ): tensor
        for key, tensor in weights.items()
    }
    ps = CaduceusPs.load(write_checkpoint(tmp_path / "ps", unfused, config | {"fused_add_norm": False}))
    plain = {
        key.replace(".submodule", "").replace("word_embeddings.embedding", "word_embeddings"): tensor
        for key, tensor in weights.items()
        if "complement_map" not in key and "lm_head" not in key
    }
    ph = CaduceusPh.load(write_checkpoint(tmp_path / "ph", plain, config))
    ids, reverse = outputs["in.L50"], outputs["in_rc.L50"]
    states = ps.model(ids)
    assert difference(states, outputs["last_hidden.L50"]) > 1e-2
    assert difference(states[..., :32], ph.model(ids)) <= 1e-6
    assert difference(states[..., 32:], ph.model(reverse).flip(1, 2)) <= 1e-6


def test_tokenizer(golden):
    known = json.loads((golden / "tokenizer_cases.json").read_text(encoding="utf-8"))
    for text, expected in known["cases"].items():
        assert tokenize(text) == expected["no_special"]
        assert tokenize(text, end=True) == expected["default"]


@pytest.mark.parametrize("options", [{"equivariant": True, "swapped": True}, {}])
def test_batch_order_padding_and_case(options):
    encoder = made_up(**options)
    texts = ["ACGTACGTAC", "GGTTRYKNNACG", "T", "GATTACAT" * 8]
    assert_conforms(encoder, texts)
    others = encoder.embed([reverse_complement(text) for text in texts])
    assert difference(encoder.embed(texts), others) <= 1e-6


def test_options_of_the_mixer(tmp_path):
    """Networks of every option come back from a checkpoint with the names of the release."""
    ids = torch.tensor([tokenize("ACGTTGCAAC")])
    seen = []
    for options in (
        {},
        {"multiply": True},
        {"layer_norm": True},
        {"bidirectional": False},
        {"projection_bias": False, "convolution_bias": False},
        {"epsilon": 0.1},
    ):
        network = made_up(**options).model
        weights = {f"caduceus.backbone.{name}": value for name, value in network.state_dict().items()}
        weights["caduceus.backbone.embeddings.word_embeddings.weight"] = weights.pop(
            "caduceus.backbone.embedding.weight"
        )
        config = {
            "bidirectional_strategy": "ew_multiply" if network.config.multiply else "add",
            "norm_epsilon": network.config.epsilon,
        }
        folder = write_checkpoint(tmp_path / str(len(seen)), weights, config)
        found = CaduceusPh.load(folder).model
        assert found.config == network.config
        assert difference(found(ids), network(ids)) <= 1e-6
        seen.append(network(ids))
    assert all(difference(one, other) > 1e-4 for i, one in enumerate(seen) for other in seen[:i])


def test_beyond_the_context():
    encoder = made_up()
    encoder.spec = replace(encoder.spec, context=20)
    with pytest.raises(GenoProtError, match="21 letters is beyond the context of 20"):
        encoder.embed(["A" * 21])
    with pytest.raises(GenoProtError, match="empty sequence"):
        encoder.embed([""])


def test_weights_have_to_fit(read, tmp_path):
    weights, config, _ = read("ps")
    lacking = {key: tensor for key, tensor in weights.items() if not key.endswith("0.norm.weight")}
    with pytest.raises(SourceError, match=r"missing caduceus\.backbone\.layers\.0\.norm\.weight"):
        CaduceusPs.load(write_checkpoint(tmp_path / "norm", lacking, config))
    lacking = {key: tensor for key, tensor in weights.items() if "out_proj" not in key}
    with pytest.raises(SourceError, match=r"missing .*mamba_fwd\.out_proj\.weight"):
        CaduceusPs.load(write_checkpoint(tmp_path / "out", lacking, config))
    with pytest.raises(SourceError, match="unexpected caduceus.extra"):
        more = weights | {"caduceus.extra": torch.zeros(1)}
        CaduceusPs.load(write_checkpoint(tmp_path / "extra", more, config))
    with pytest.raises(SourceError, match="bidirectional_strategy 'max' is not one of add, ew_multiply"):
        folder = write_checkpoint(tmp_path / "max", weights, config | {"bidirectional_strategy": "max"})
        CaduceusPs.load(folder)
    with pytest.raises(SourceError, match="weights of caduceus-ps, not caduceus-ph"):
        CaduceusPh.load(tmp_path / "max")
    with pytest.raises(GenoProtError, match="strands 'one' is not average or both"):
        CaduceusPs.load(write_checkpoint(tmp_path / "good", weights, config), strands="one")
