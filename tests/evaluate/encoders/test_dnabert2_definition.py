"""DNABERT-2 on configurations and vocabularies of its own against the definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from definitions import attention, drawn, exact, gelu, layer_norm, linear
from golden_sets import TOLERANCE, difference, write_checkpoint
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from genoprot_evaluate.encoders import load_encoder

TEXTS = ["ACGTGTACGTGCACGGACGACTAGTCAGCAACGTACGTTTACG" * 2, "acgtgtNNtgcacgtaARY", "T"]
RELEASED = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
SIZES = {"hidden_size": 48, "num_attention_heads": 12, "num_hidden_layers": 2, "intermediate_size": 70}
SIZES |= {"alibi_starting_size": 8}
CASES = {
    "twelve heads": (SIZES, 40, RELEASED + list("ACGT")),
    "seven heads": (
        SIZES | {"hidden_size": 56, "num_attention_heads": 7, "layer_norm_eps": 1e-3},
        90,
        [*"TGNCA", "[PAD]", "[MASK]", "[SEP]", "[UNK]", "[CLS]"],
    ),
    "one head": (SIZES | {"num_attention_heads": 1}, 0, ["[CLS]", "T", *RELEASED[2:]]),
}


def merges_of(count, letters, seed):
    """Pairs of earlier tokens in the order in which they merge; every result is new."""
    rng, known, merges = np.random.default_rng(seed), list(letters), []
    while len(merges) < count:
        pair = tuple(known[row] for row in rng.integers(len(known), size=2))
        if "".join(pair) not in known and len("".join(pair)) <= 6:
            merges.append(pair)
            known.append("".join(pair))
    return merges


def write_tokenizer(folder, vocabulary, merges):
    """As the released one is built; special tokens lie where the vocabulary has them."""
    unknown = "[UNK]" if "[UNK]" in vocabulary else "[MASK]"
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.save(str(folder / "tokenizer.json"))
    return unknown


def tokens_of(text, vocabulary, merges, unknown):
    """The pair that merges first is merged wherever it stands, until none is left."""
    parts = [letter if letter in vocabulary else unknown for letter in text.upper()]
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    while True:
        pairs = [pair for pair in zip(parts, parts[1:]) if pair in ranks]
        if not pairs:
            return [vocabulary[part] for part in ("[CLS]", *parts, "[SEP]")]
        best, joined, row = min(pairs, key=ranks.get), [], 0
        while row < len(parts):
            found = tuple(parts[row : row + 2]) == best
            joined.append("".join(best) if found else parts[row])
            row += 1 + found
        parts = joined


def slopes_of(heads):
    """Slopes of the paper, for a number of heads that is no power of two too."""
    if heads & (heads - 1) == 0:
        return [2 ** (-8 * (rank + 1) / heads) for rank in range(heads)]
    below = 1 << (heads.bit_length() - 1)
    return slopes_of(below) + slopes_of(2 * below)[0::2][: heads - below]


def shapes_of(config, vocabulary):
    d, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {"embeddings.word_embeddings.weight": (vocabulary, d)}
    shapes |= {"embeddings.token_type_embeddings.weight": (2, d)}
    norms = ["embeddings.LayerNorm"]
    for number in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{number}."
        norms += [f"{p}attention.output.LayerNorm", f"{p}mlp.layernorm"]
        sizes = {"attention.self.Wqkv": (3 * d, d), "attention.output.dense": (d, d), "mlp.wo": (d, inner)}
        for name, shape in sizes.items():
            shapes |= {f"{p}{name}.weight": shape, f"{p}{name}.bias": shape[:1]}
        shapes[f"{p}mlp.gated_layers.weight"] = (2 * inner, d)
    for name in norms:
        shapes |= {f"{name}.weight": (d,), f"{name}.bias": (d,)}
    return shapes


def states_of(w, config, ids):
    epsilon, heads = config.get("layer_norm_eps", 1e-12), config["num_attention_heads"]
    words, kinds = (w[f"embeddings.{name}_embeddings.weight"] for name in ("word", "token_type"))
    x = layer_norm(w, "embeddings.LayerNorm", words[ids] + kinds[0], epsilon)
    far = abs(np.subtract.outer(np.arange(len(ids)), np.arange(len(ids))))
    slopes = slopes_of(heads)
    for number in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{number}."
        q, k, v = np.split(linear(w, f"{p}attention.self.Wqkv", x), 3, axis=1)
        mixed = attention(q, k, v, heads, bias=lambda head: -slopes[head] * far)
        mixed = linear(w, f"{p}attention.output.dense", mixed)
        x = layer_norm(w, f"{p}attention.output.LayerNorm", x + mixed, epsilon)
        a, b = np.split(linear(w, f"{p}mlp.gated_layers", x), 2, axis=1)
        x = layer_norm(w, f"{p}mlp.layernorm", x + linear(w, f"{p}mlp.wo", gelu(a) * b), epsilon)
    return x


@pytest.mark.parametrize("prefix", ["bert.", ""])
@pytest.mark.parametrize("case", CASES)
def test_tokens_states_and_vectors(case, prefix, tmp_path):
    config, count, tokens = CASES[case]
    merges = merges_of(count, [token for token in tokens if len(token) == 1], seed=len(case))
    vocabulary = {token: row for row, token in enumerate([*tokens, *map("".join, merges)])}
    weights = drawn(shapes_of(config, len(vocabulary) + 3), seed=len(case))
    named = {prefix + key: tensor for key, tensor in weights.items()}
    named |= {f"{prefix}pooler.dense.bias": torch.zeros(1), "cls.predictions.decoder.bias": torch.zeros(1)}
    folder = write_checkpoint(tmp_path, named, config)
    unknown = write_tokenizer(folder, vocabulary, merges)
    encoder = load_encoder("dnabert2", weights=folder, device="cpu")
    w, vectors, shortest = exact(weights), encoder.embed(TEXTS), len(TEXTS[0])
    for text, vector in zip(TEXTS, vectors):
        ids = tokens_of(text, vocabulary, merges, unknown)
        assert encoder.tokenize(text.upper()) == ids
        shortest = min(shortest, len(ids) / len(text))
        states = states_of(w, config, ids)
        row = torch.tensor([ids])
        assert difference(encoder.model(row, torch.ones_like(row, dtype=torch.bool))[0], states) <= TOLERANCE
        assert difference(vector, states.mean(0)) <= TOLERANCE
    assert (shortest < 0.7) == (count > 0)
