"""DNABERT-2 against the vectors of MosaicBERT, of which it is one."""

from __future__ import annotations

import itertools
import json

import numpy as np
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
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.checkpoint import open_checkpoint
from genoprot_evaluate.encoders.dnabert2 import DnaBert2, DnaBert2Network, DnaBert2Sizes, alibi_slopes
from genoprot_evaluate.encoders.pooled import pooled_states

CASE = "d64_h4_l3_alibi32"
SEQUENCES = ["ACGTACGTTGCA", "GATTACANNNGAT", "A", "TTGACATTGACA" * 9]


@pytest.fixture
def golden(shared):
    return shared / "golden" / "dnabert2"


@pytest.fixture
def config(golden):
    return json.loads((golden / "meta.json").read_text(encoding="utf-8"))[CASE]["config"]


@pytest.fixture
def weights(golden):
    return tensors(golden / f"{CASE}.weights.safetensors")


@pytest.fixture
def outputs(golden):
    return tensors(golden / f"{CASE}.io.safetensors")


@pytest.fixture(scope="module")
def small():
    """A network of three heads with random weights, by the names of the released file."""
    torch.manual_seed(0)
    network = DnaBert2Network(DnaBert2Sizes(40, 2, 48, 2, 3, 80))
    return {f"bert.{key}": tensor for key, tensor in network.state_dict().items()}


def write_tokenizer(folder, *, special=("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")):
    """A byte-pair tokenizer of single bases and the sixteen pairs, built as the released one is."""
    pairs = ["".join(pair) for pair in itertools.product("ACGT", repeat=2)]
    vocabulary = {token: number for number, token in enumerate([*special, *"ACGT", *pairs])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(pair) for pair in pairs], unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if "[CLS]" in special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
    tokenizer.enable_truncation(8)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture
def folder(small, tmp_path):
    write_checkpoint(tmp_path / "small", small, {"num_attention_heads": 3})
    write_tokenizer(tmp_path / "small")
    return tmp_path / "small"


def test_states(weights, config, outputs, tmp_path):
    network = DnaBert2Network.load(open_checkpoint(write_checkpoint(tmp_path, weights, config)))
    ids, mask = outputs["in.ids"], outputs["in.mask"].bool()
    assert difference(network(ids, mask)[mask], outputs["last_hidden"][mask]) <= TOLERANCE
    alone = network(ids[1:2, : mask[1].sum()], mask[1:2, : mask[1].sum()])
    assert difference(alone, outputs["last_hidden.row1_unpadded"]) <= TOLERANCE
    rows = [row[kept].tolist() for row, kept in zip(ids, mask)]
    for budget in (1_000, 50):
        found = pooled_states(network, rows, pad=3, margins=(0, 0), budget=budget, device=torch.device("cpu"))
        assert difference(found, outputs["mean_masked"]) <= TOLERANCE


def test_slopes_of_any_number_of_heads():
    assert alibi_slopes(8) == [2.0**-power for power in range(1, 9)]
    assert alibi_slopes(1) == [2.0**-8]
    for heads in (3, 5, 6, 7, 12, 20):
        below, above = 2 ** (heads.bit_length() - 1), 2 ** heads.bit_length()
        expected = alibi_slopes(below) + alibi_slopes(above)[::2][: heads - below]
        np.testing.assert_allclose(alibi_slopes(heads), expected, rtol=1e-12)
    np.testing.assert_allclose(alibi_slopes(12)[8:], [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5])


def test_embeddings_are_layer_0(folder, small):
    encoder = DnaBert2.load(folder, "cpu", layer=0)
    words = small["bert.embeddings.word_embeddings.weight"][encoder.tokenize(SEQUENCES[0])]
    kind = small["bert.embeddings.token_type_embeddings.weight"][0]
    expected = torch.nn.functional.layer_norm(words + kind, (48,), eps=1e-12).mean(dim=0)
    assert difference(encoder.embed(SEQUENCES)[0], expected.detach()) <= TOLERANCE
    assert encoder.spec.readout.startswith("mean over all tokens of layer 0,")


def test_tokens(folder):
    encoder = load_encoder("dnabert2", weights=folder)
    official = Tokenizer.from_file(str(folder / "tokenizer.json"))
    official.no_truncation()
    for sequence in SEQUENCES:
        assert encoder.tokenize(sequence) == official.encode(sequence).ids
    assert len(encoder.tokenize(SEQUENCES[3])) > 8


def test_every_way_to_store_them(folder, small, tmp_path):
    vectors = DnaBert2.load(folder, "cpu").embed(SEQUENCES)
    head = {"bert.pooler.dense.bias": torch.zeros(48), "cls.predictions.decoder.weight": torch.zeros(40, 48)}
    for name, weights in {
        "head": small | head,
        "bare": {key.removeprefix("bert."): tensor for key, tensor in small.items()},
    }.items():
        other = write_shards(tmp_path / name, weights, {"num_attention_heads": 3})
        write_tokenizer(other)
        assert difference(DnaBert2.load(other, "cpu").embed(SEQUENCES), vectors) == 0.0
    single = DnaBert2.load(folder / "model.safetensors", "cpu")
    assert difference(single.embed(SEQUENCES), vectors) == 0.0
    assert single.weights_digest == DnaBert2.load(folder, "cpu").weights_digest


def test_the_digest_tells_tokenizers_apart(folder):
    first = DnaBert2.load(folder, "cpu").weights_digest
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").write_text(text + "\n", encoding="utf-8")
    assert DnaBert2.load(folder, "cpu").weights_digest != first


def test_conforms(folder):
    assert_conforms(DnaBert2.load(folder, "cpu"), [*SEQUENCES, "ACGRYKN", "N"])
    assert_conforms(DnaBert2.load(folder, "cpu", pooling="max"), SEQUENCES)
    assert_half_precision(DnaBert2.load(folder, "cpu"), SEQUENCES)
    with pytest.raises(GenoProtError, match="empty sequence"):
        DnaBert2.load(folder, "cpu").embed(["A", ""])


def test_weights_that_do_not_fit(small, tmp_path):
    key = "bert.encoder.layer.1.attention.self.Wqkv.weight"
    faults = {
        f"missing {key}": {name: tensor for name, tensor in small.items() if name != key},
        "unexpected bert.embeddings.position_embeddings.weight": small
        | {"bert.embeddings.position_embeddings.weight": torch.zeros(512, 48)},
        "of another shape .*\\[96, 48\\] instead of \\[144, 48\\]": small | {key: torch.zeros(96, 48)},
        "not all matrices": small | {"bert.embeddings.word_embeddings.weight": torch.zeros(9)},
    }
    for number, (message, faulty) in enumerate(faults.items()):
        with pytest.raises(SourceError, match=message):
            DnaBert2.load(write_checkpoint(tmp_path / str(number), faulty, {"num_attention_heads": 3}), "cpu")
    with pytest.raises(SourceError, match="do not tell num_attention_heads"):
        DnaBert2.load(write_checkpoint(tmp_path / "none", small), "cpu")


def test_tokenizers_that_do_not_fit(folder, small, tmp_path):
    write_tokenizer(folder, special=("[UNK]", "[PAD]"))
    with pytest.raises(SourceError, match=r"a tokenizer without \[CLS\], \[SEP\]"):
        DnaBert2.load(folder, "cpu")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SourceError, match="not a tokenizer"):
        DnaBert2.load(folder, "cpu")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(SourceError, match="tokenizer.json: no such file"):
        DnaBert2.load(folder, "cpu")
    few = small | {"bert.embeddings.word_embeddings.weight": torch.zeros(20, 48)}
    write_checkpoint(tmp_path / "few", few, {"num_attention_heads": 3})
    write_tokenizer(tmp_path / "few")
    with pytest.raises(SourceError, match="25 tokens, but the weights have only 20"):
        DnaBert2.load(tmp_path / "few", "cpu")


def test_released_size():
    with torch.device("meta"):
        network = DnaBert2Network(DnaBert2Sizes(4096, 2, 768, 12, 12, 3072))
    assert sum(each.numel() for each in network.parameters()) == DnaBert2.spec.parameters
