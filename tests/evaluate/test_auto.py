"""Checkpoint folders of transformers, against a plain loop over the model."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from transformers import (
    BertConfig,
    BertModel,
    EsmConfig,
    EsmModel,
    EsmTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    T5Model,
)
from transformers.utils import logging

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders.registry import load_encoder

VOCABULARY = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
SEQUENCES = ["MKT", "ACDEFGHIKLMNPQRSTVWYXBUZO", "M", "GGGGAVLK" * 7]


def write_checkpoint(folder, model):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    logging.enable_progress_bar()
    return folder


def esm(positions=1026, **sizes):
    torch.manual_seed(0)
    config = EsmConfig(
        vocab_size=33,
        hidden_size=sizes.get("hidden_size", 32),
        num_hidden_layers=sizes.get("layers", 2),
        num_attention_heads=4,
        intermediate_size=4 * sizes.get("hidden_size", 32),
        position_embedding_type="rotary",
        max_position_embeddings=positions,
        pad_token_id=1,
        mask_token_id=32,
        token_dropout=True,
    )
    return EsmModel(config, add_pooling_layer=False).eval()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("auto") / "tiny esm", esm())


@pytest.fixture
def damaged(checkpoint, tmp_path):
    return shutil.copytree(checkpoint, tmp_path / "damaged")


def states(model, letters):
    ids = [0, *(VOCABULARY.index(letter) for letter in letters), 2]
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).last_hidden_state[0, 1:-1].numpy()


def test_vectors_are_those_of_a_plain_loop(checkpoint):
    encoder = load_encoder(checkpoint, modality="protein", device="cpu")
    assert encoder.spec.name == "tiny-esm"
    assert (encoder.spec.dimension, encoder.spec.context) == (32, 1024)
    expected = [states(esm(), sequence).mean(axis=0) for sequence in SEQUENCES]
    vectors = encoder.embed(SEQUENCES)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=2e-6)
    np.testing.assert_array_equal(encoder.embed([s.lower() for s in SEQUENCES]), vectors)


def test_neither_the_budget_nor_the_order_changes_a_vector(checkpoint):
    encoder = load_encoder(checkpoint, modality="protein", device="cpu")
    one_by_one = load_encoder(checkpoint, modality="protein", device="cpu", batch_tokens=1)
    vectors = encoder.embed(SEQUENCES)
    np.testing.assert_allclose(one_by_one.embed(SEQUENCES), vectors, atol=2e-6)
    np.testing.assert_allclose(encoder.embed(SEQUENCES[::-1])[::-1], vectors, atol=2e-6)


def test_long_sequences_count_every_token_once_from_overlapping_windows(tmp_path):
    model = esm(positions=24)
    encoder = load_encoder(write_checkpoint(tmp_path / "short", model), modality="protein", device="cpu")
    assert encoder.spec.context == 22
    sequence = "ACDEFGHIKLMNPQRSTVWY" * 2
    assert encoder.window_counts([sequence, sequence[:20], sequence[:21]]) == [3, 1, 2]
    # 40 tokens in three windows of 17 tokens that begin at 0, 11 and 23.
    parts = [states(model, sequence[start : start + 17]) for start in (0, 11, 23)]
    bounds = [0, 14, 25, 40]
    own = [part[a - s : b - s] for part, s, a, b in zip(parts, (0, 11, 23), bounds, bounds[1:])]
    np.testing.assert_allclose(encoder.embed([sequence])[0], np.concatenate(own).mean(axis=0), atol=2e-6)


def test_the_official_esm2_is_reproduced(shared, tmp_path):
    names = {
        "self_attn.q_proj": "attention.self.query",
        "self_attn.k_proj": "attention.self.key",
        "self_attn.v_proj": "attention.self.value",
        "self_attn.out_proj": "attention.output.dense",
        "self_attn_layer_norm": "attention.LayerNorm",
        "fc1": "intermediate.dense",
        "fc2": "output.dense",
        "final_layer_norm": "LayerNorm",
    }
    golden = shared / "golden" / "esm2"
    mapped = {}
    for key, value in load_file(golden / "d64_h4_l3.weights.safetensors").items():
        stem, _, kind = key.rpartition(".")
        if stem == "embed_tokens":
            mapped["embeddings.word_embeddings.weight"] = torch.from_numpy(value)
        elif stem == "emb_layer_norm_after":
            mapped[f"encoder.{key}"] = torch.from_numpy(value)
        elif stem.startswith("layers.") and (place := stem.split(".", 2))[2] in names:
            mapped[f"encoder.layer.{place[1]}.{names[place[2]]}.{kind}"] = torch.from_numpy(value)
    model = esm(hidden_size=64, layers=3)
    missing, unexpected = model.load_state_dict(mapped, strict=False)
    assert not unexpected
    assert all("inv_freq" in key or "contact_head" in key or "position" in key for key in missing), missing
    encoder = load_encoder(write_checkpoint(tmp_path / "esm2", model), modality="protein", device="cpu")
    sequences = json.loads((golden / "meta.json").read_text())["d64_h4_l3"]["sequences"][:3]
    expected = load_file(golden / "d64_h4_l3.io.safetensors")["mean_no_special.last"][:3]
    np.testing.assert_allclose(encoder.embed(sequences), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("family", [T5EncoderModel, T5Model])
def test_of_an_encoder_and_decoder_the_encoder_is_taken(tmp_path, family):
    torch.manual_seed(0)
    config = T5Config(vocab_size=33, d_model=16, d_kv=4, d_ff=32, num_layers=1, num_heads=4)
    model = family(config).eval()
    encoder = load_encoder(write_checkpoint(tmp_path / "t5", model), modality="protein", device="cpu")
    expected = states(model.get_encoder(), "MKTAY").mean(axis=0)
    np.testing.assert_allclose(encoder.embed(["MKTAY"])[0], expected, atol=2e-6)


def test_what_a_folder_reads_must_be_said(checkpoint):
    with pytest.raises(GenoProtError, match="say what it reads, --modality"):
        load_encoder(checkpoint)
    with pytest.raises(GenoProtError, match="leave out --weights"):
        load_encoder(checkpoint, modality="protein", weights=checkpoint)


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def truncate(path):
    path.write_bytes(path.read_bytes()[:5_000])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").unlink(), r"no config\.json"),
        (lambda f: (f / "config.json").write_text("{"), "cannot open the configuration"),
        (lambda f: edit_config(f, model_type="nonesuch"), "cannot open the configuration.*nonesuch"),
        (lambda f: [(f / n).unlink() for n in ("vocab.txt", "tokenizer_config.json")], "no tokenizer"),
        (lambda f: (f / "vocab.txt").unlink(), "cannot open the tokenizer"),
        (
            lambda f: (f / "vocab.txt").write_text("\n".join([*VOCABULARY, "1", "2"])),
            "35 tokens, the model only 33",
        ),
        (lambda f: (f / "model.safetensors").unlink(), "no safetensors file"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "is a pickle"),
        (lambda f: truncate(f / "model.safetensors"), "not a whole safetensors file"),
        (
            lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n"),
            "Git LFS pointer",
        ),
        (lambda f: edit_config(f, num_hidden_layers=3), r"missing encoder\.layer\.2\."),
        (lambda f: edit_config(f, intermediate_size=96), r"of another shape encoder\.layer\.0\.intermediate"),
        (
            lambda f: edit_config(f, auto_map={"AutoConfig": "x.C", "AutoModel": "x.M"}, model_type="own"),
            "brings its own Python code.*--trust-remote-code",
        ),
        (
            lambda f: (f / "model.safetensors.index.json").write_text(
                '{"weight_map": {"a": "b.safetensors"}}'
            ),
            r"names files that are not here: b\.safetensors",
        ),
    ],
)
def test_a_damaged_folder_is_one_clear_line(damaged, damage, message):
    damage(damaged)
    with pytest.raises(SourceError, match=message) as error:
        load_encoder(damaged, modality="protein")
    assert str(damaged) in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_of_another_model_type_are_refused(damaged, tmp_path):
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    BertModel(BertConfig(vocab_size=33, **sizes)).config.save_pretrained(damaged)
    with pytest.raises(SourceError, match="weights of another architecture: missing"):
        load_encoder(damaged, modality="protein")


def test_unknown_parameters_of_the_model_are_refused(damaged):
    weights = load_file(damaged / "model.safetensors")
    extra = {"esm.encoder.layer.0.gate.weight": np.ones(3, dtype=np.float32)}
    named = {f"esm.{key}": value for key, value in weights.items()}
    save_file(named | extra | {"lm_head.bias": np.ones(33, dtype=np.float32)}, damaged / "model.safetensors")
    with pytest.raises(SourceError, match="unexpected esm.encoder.layer.0.gate.weight$"):
        load_encoder(damaged, modality="protein")


@pytest.mark.parametrize(
    ("pooling", "layer"), [("mean", 1), ("max", None), ("cls", None), ("last", None), ("last", 0)]
)
def test_other_readouts(checkpoint, pooling, layer):
    readout = {"pooling": pooling, "layer": layer}
    encoder = load_encoder(checkpoint, modality="protein", device="cpu", readout=readout)
    ids = torch.tensor([[0, *(VOCABULARY.index(letter) for letter in SEQUENCES[1]), 2]])
    with torch.no_grad():
        output = esm()(input_ids=ids, output_hidden_states=True)
    rows = output.last_hidden_state[0] if layer is None else output.hidden_states[layer][0]
    inner = rows[1:-1]
    expected = {"mean": inner.mean(0), "max": inner.amax(0), "cls": rows[0], "last": inner[-1]}[pooling]
    np.testing.assert_allclose(encoder.embed(SEQUENCES)[1], expected, atol=2e-5)
    plain = load_encoder(checkpoint, modality="protein", device="cpu")
    assert encoder.spec.readout != plain.spec.readout
    with pytest.raises(GenoProtError, match="layer 3 is not one of 0 to 2"):
        load_encoder(checkpoint, modality="protein", readout={"layer": 3})
    with pytest.raises(GenoProtError, match="pooling 'median' is not one of mean, max, cls, last"):
        load_encoder(checkpoint, modality="protein", readout={"pooling": "median"})
    with pytest.raises(GenoProtError, match="leaves no choice of strands"):
        load_encoder(checkpoint, modality="protein", readout={"strands": "both"})


def dna_tokenizer(kind):
    """Tokenizer of 3-mers, or of byte pairs."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    words = ["[PAD]", "[UNK]", *"ACGT", "AC", "GT", "ACGT"]
    if kind == "pairs":
        merges = [("A", "C"), ("G", "T"), ("AC", "GT")]
        model = models.BPE({word: row for row, word in enumerate(words)}, merges, unk_token="[UNK]")
        tokenizer = Tokenizer(model)
    else:
        words = ["[PAD]", "[UNK]", *(a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"), *"ACGT"]
        tokenizer = Tokenizer(
            models.WordLevel({word: row for row, word in enumerate(words)}, unk_token="[UNK]")
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[ACGT]{3}|."), "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"), words


@pytest.mark.parametrize("kind", ["triples", "pairs"])
def test_decoders_of_dna_tokens(kind, tmp_path):
    tokenizer, words = dna_tokenizer(kind)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=16,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config).eval()
    tokenizer.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    text = "ACGTACGTGATTACAAC"
    tokens = {
        "triples": ["ACG", "TAC", "GTG", "ATT", "ACA", "A", "C"],
        "pairs": ["ACGT", "ACGT", "G", "A", "T", "T", "AC", "A", "AC"],
    }[kind]
    with torch.no_grad():
        rows = model.model(torch.tensor([[words.index(token) for token in tokens]])).last_hidden_state[0]
    for pooling, expected in {"mean": rows.mean(0), "last": rows[-1]}.items():
        encoder = load_encoder(tmp_path, modality="dna", device="cpu", readout={"pooling": pooling})
        np.testing.assert_allclose(encoder.embed([text.lower(), "ACG"])[0], expected, atol=2e-5)
    assert encoder.window_counts(["ACGTT" * 40])[0] > 1
    with pytest.raises(GenoProtError, match="puts no token in front"):
        load_encoder(tmp_path, modality="dna", readout={"pooling": "cls"})
