"""ProtT5 against the encoder of a small T5 of transformers with random weights."""

from __future__ import annotations

import pytest
import torch
from golden_sets import (
    TOLERANCE,
    assert_conforms,
    assert_half_precision,
    difference,
    write_checkpoint,
    write_shards,
)

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.prott5 import BUCKETS, ProtT5

SEQUENCES = ["PRTEINO", "SEQWENCE", "M", "ACDEFGHIKLMNPQRSTVWYXBUZ" * 3]
SIZES = {
    "vocab_size": 128,
    "d_model": 48,
    "d_kv": 20,
    "d_ff": 96,
    "num_layers": 2,
    "num_heads": 3,
    "relative_attention_num_buckets": 16,
    "relative_attention_max_distance": 40,
    "feed_forward_proj": "relu",
}


def reference(**options):
    """A whole T5, decoder included."""
    from transformers import T5Config, T5Model

    torch.manual_seed(0)
    return T5Model(T5Config(**SIZES | options)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def t5():
    return reference()


def stored(model, *, kept="shared.weight"):
    """Weights of the encoder, the table of embeddings under one name."""
    tables = {"shared.weight", "encoder.embed_tokens.weight"} - {kept}
    return {
        key: tensor
        for key, tensor in model.state_dict().items()
        if not key.startswith("decoder.") and key not in tables
    }


def means(model, encoder):
    found = []
    for sequence in SEQUENCES:
        states = model.encoder(input_ids=torch.tensor([encoder.tokenize(sequence)])).last_hidden_state
        found.append(states[0, : len(sequence)].mean(dim=0))
    return torch.stack(found)


def test_means_of_residues(t5, tmp_path):
    encoder = load_encoder("prott5", weights=write_checkpoint(tmp_path, stored(t5), SIZES))
    assert encoder.spec.dimension == SIZES["d_model"]
    assert difference(encoder.embed(SEQUENCES), means(t5, encoder)) <= TOLERANCE
    counted = sum(each.numel() for each in t5.encoder.parameters())
    assert encoder.spec.parameters == counted


@pytest.mark.parametrize(
    "weights",
    [
        lambda model: stored(model, kept="encoder.embed_tokens.weight"),
        lambda model: dict(model.state_dict()),
        lambda model: {key: tensor.half() for key, tensor in stored(model).items()},
    ],
    ids=["other name", "decoder", "half"],
)
def test_every_way_to_store_them(t5, weights, tmp_path):
    found = weights(t5)
    encoder = ProtT5.load(write_shards(tmp_path / "t5", found, SIZES), "cpu")
    tolerance = 1e-2 if any(tensor.dtype == torch.half for tensor in found.values()) else TOLERANCE
    assert difference(encoder.embed(SEQUENCES), means(t5, encoder)) <= tolerance
    assert {parameter.dtype for parameter in encoder.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("layer", [0, 1])
def test_earlier_layers(t5, layer, tmp_path):
    encoder = ProtT5.load(write_checkpoint(tmp_path, stored(t5), SIZES), "cpu", layer=layer)
    for sequence, vector in zip(SEQUENCES, encoder.embed(SEQUENCES)):
        ids = torch.tensor([encoder.tokenize(sequence)])
        states = t5.encoder(input_ids=ids, output_hidden_states=True).hidden_states[layer]
        assert difference(vector, states[0, : len(sequence)].mean(dim=0)) <= TOLERANCE


def test_gated_feed_forward(tmp_path):
    gated = reference(feed_forward_proj="gated-gelu")
    config = {"relative_attention_max_distance": 40}
    encoder = ProtT5.load(write_checkpoint(tmp_path, stored(gated), config), "cpu")
    assert difference(encoder.embed(SEQUENCES), means(gated, encoder)) <= TOLERANCE


def test_tokens(t5, tmp_path):
    encoder = ProtT5.load(write_checkpoint(tmp_path, stored(t5), SIZES), "cpu")
    assert encoder.tokenize("ALGVSREDTIPKFQNYMHWCX") == [*range(3, 24), 1]
    assert encoder.tokenize("UZOB") == [23, 23, 23, 23, 1]
    assert encoder.tokenize("aJ*") == [2, 2, 2, 1]


def test_conforms(t5, tmp_path):
    folder = write_checkpoint(tmp_path, stored(t5), SIZES)
    assert_conforms(ProtT5.load(folder, "cpu"), [*SEQUENCES, "MJ*K"])
    assert_conforms(ProtT5.load(folder, "cpu", pooling="max"), SEQUENCES)
    assert_half_precision(ProtT5.load(folder, "cpu"), SEQUENCES)
    with pytest.raises(GenoProtError, match="empty sequence"):
        ProtT5.load(folder, "cpu").embed(["M", ""])
    with pytest.raises(GenoProtError, match="'cls' is not one of mean, max"):
        ProtT5.load(folder, "cpu", pooling="cls")


def test_weights_that_do_not_fit(t5, tmp_path):
    weights, key = stored(t5), "encoder.block.1.layer.1.DenseReluDense.wi.weight"
    faults = {
        f"missing {key}": {name: tensor for name, tensor in weights.items() if name != key},
        "unexpected classifier.weight": weights | {"classifier.weight": torch.zeros(1)},
        "of another shape .*\\[95, 48\\] instead of \\[96, 48\\]": weights | {key: torch.zeros(95, 48)},
        "missing shared.weight": {n: tensor for n, tensor in weights.items() if n != "shared.weight"},
        "7 heads do not divide the width 60": weights | {BUCKETS: torch.zeros(16, 7)},
        "not all matrices": weights | {BUCKETS: torch.zeros(16)},
    }
    for number, (message, faulty) in enumerate(faults.items()):
        with pytest.raises(SourceError, match=message):
            ProtT5.load(write_checkpoint(tmp_path / str(number), faulty, SIZES), "cpu")
    odd = write_checkpoint(tmp_path / "odd", weights, SIZES | {"feed_forward_proj": "swish"})
    with pytest.raises(SourceError, match="feed_forward_proj is 'swish'"):
        ProtT5.load(odd, "cpu")


def test_released_size():
    from transformers import T5Config, T5EncoderModel

    released = T5Config(vocab_size=128, d_model=1024, d_kv=128, d_ff=16384, num_layers=24, num_heads=32)
    with torch.device("meta"):
        model = T5EncoderModel(released)
    assert sum(each.numel() for each in model.parameters()) == ProtT5.spec.parameters
