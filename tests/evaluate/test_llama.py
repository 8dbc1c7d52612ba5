"""GENERator and BSM: their tokens, what they state, and weights that do not fit."""

from __future__ import annotations

import json

import pytest
import torch
from golden_sets import TOLERANCE, assert_conforms, assert_half_precision, difference, write_checkpoint
from safetensors.torch import load_file
from small_checkpoints import llama, llama_tokenizer

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.llama import BSM110M, sixmer_tokens

SCALED = {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 4.0, "low_freq_factor": 1.0}
SCALED |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 16}


def read(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return load_file(folder / "model.safetensors"), config


def test_scaled_frequencies_are_those_of_transformers(tmp_path):
    from transformers import LlamaConfig, LlamaModel

    folder = llama(tmp_path, rope_parameters=SCALED)
    weights, config = read(folder)
    model = LlamaModel(LlamaConfig(**config)).eval()
    model.load_state_dict(
        {key.removeprefix("model."): value for key, value in weights.items() if "lm_" not in key}
    )
    ids = torch.tensor([[1, *sixmer_tokens("GATTACAGATTA" * 9)]])
    encoder = load_encoder("generator-1.2b", weights=folder, device="cpu")
    with torch.inference_mode():
        expected = model(ids).last_hidden_state[0, -1]
    assert difference(encoder.embed(["GATTACAGATTA" * 9])[0], expected) <= TOLERANCE
    plain = llama(tmp_path / "plain")
    other = load_encoder("generator-1.2b", weights=plain, device="cpu").embed(["GATTACAGATTA" * 9])
    assert difference(other[0], expected) > 1e-3


def test_tokens_of_generator():
    assert sixmer_tokens("AAAAAAAAAAAT") == [32, 33]
    assert sixmer_tokens("GGGGGG") == [32 + 4_095]
    assert sixmer_tokens("GACGTACG") == sixmer_tokens("AAAAGACGTACG"[0:12])
    assert sixmer_tokens("ACGTNAACGTAC")[0] == 0


def test_what_generator_states(tmp_path):
    folder = llama(tmp_path)
    encoder = load_encoder("generator-3b", weights=folder, device="cpu")
    assert encoder.spec.context == 6 * 64
    assert encoder.spec.readout == "last token of the normalised last layer, special tokens excluded"
    assert encoder.spec.dimension == 48
    earlier = load_encoder("generator-3b", weights=folder, device="cpu", readout={"layer": 1})
    assert earlier.spec.readout == "last token of layer 1, special tokens excluded"
    with pytest.raises(GenoProtError, match="beyond the context of 384"):
        encoder.embed(["A" * 385])
    with pytest.raises(GenoProtError, match="pooling 'cls' is not one of mean, max, last"):
        load_encoder("generator-3b", weights=folder, device="cpu", readout={"pooling": "cls"})
    with pytest.raises(GenoProtError, match="layer 'norm' is not one of 0 to 3"):
        load_encoder("generator-3b", weights=folder, device="cpu", readout={"layer": "norm"})


def test_generator_conforms(tmp_path):
    encoder = load_encoder("generator-1.2b", weights=llama(tmp_path), device="cpu")
    assert_conforms(encoder, ["ACGTACGTAC", "G", "TTGACA" * 30, "NNNNNN"])
    assert_half_precision(encoder, ["ACGTACGTAC", "TTGACA" * 30])
    with pytest.raises(GenoProtError, match="empty sequence"):
        encoder.embed(["ACG", ""])


def bsm(folder, **options):
    path = llama(folder, vocab_size=12, **options)
    llama_tokenizer(path)
    return path


def test_bsm_conforms(tmp_path):
    folder = bsm(tmp_path, rope_parameters={"rope_type": "default", "rope_theta": 100_000.0})
    encoder = load_encoder("bsm-110m", weights=folder, device="cpu")
    assert encoder.tokenize("ACGTN") == [2, 4, 5, 6, 7, 8, 3]
    assert encoder.spec.context == 63
    assert_conforms(encoder, ["ACGTACGTAC", "G", "TTGACA" * 10])


def test_published_configuration_of_bsm_without_a_file(tmp_path):
    rope = {"rope_type": "default", "rope_theta": 100_000.0}
    sizes = {"hidden_size": 768, "num_attention_heads": 12, "num_key_value_heads": 12, "num_hidden_layers": 1}
    folder = bsm(tmp_path, **sizes, intermediate_size=64, rope_parameters=rope, rms_norm_eps=1e-6)
    with_file = BSM110M.load(folder, "cpu").embed(["GATTACA"])
    (folder / "config.json").unlink()
    encoder = BSM110M.load(folder, "cpu")
    assert (encoder.spec.context, encoder.spec.dimension) == (1_022, 768)
    assert difference(encoder.embed(["GATTACA"]), with_file) == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights, config: weights.pop("model.norm.weight"), "missing norm.weight|missing model.norm"),
        (lambda weights, config: weights.update({"model.extra": torch.ones(1)}), "unexpected model.extra"),
        (
            lambda weights, config: config.update({"model_type": "gpt2"}),
            "a model of type 'gpt2', not 'llama'",
        ),
        (lambda weights, config: config.pop("num_attention_heads"), "do not tell num_attention_heads"),
        (lambda weights, config: config.update({"hidden_act": "none"}), "does not fit the weights"),
    ],
)
def test_weights_that_do_not_fit(change, message, tmp_path):
    weights, config = read(llama(tmp_path / "whole"))
    change(weights, config)
    with pytest.raises(SourceError, match=message):
        load_encoder("generator-1.2b", weights=write_checkpoint(tmp_path / "other", weights, config))


def test_vocabularies_that_do_not_fit(tmp_path):
    with pytest.raises(SourceError, match="12 tokens; GENERator has 32 special ones and 4,096 6-mers"):
        load_encoder("generator-1.2b", weights=bsm(tmp_path / "bsm"), device="cpu")
    with pytest.raises(SourceError, match=r"tokenizer\.json: no such file"):
        load_encoder("bsm-110m", weights=llama(tmp_path / "bare", vocab_size=12), device="cpu")
    narrow = llama(tmp_path / "narrow", vocab_size=8)
    llama_tokenizer(narrow)
    with pytest.raises(SourceError, match="9 tokens, but the weights have only 8"):
        load_encoder("bsm-110m", weights=narrow, device="cpu")
