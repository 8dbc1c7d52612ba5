"""A checkpoint of a small configuration for every family of encoders, by the family's module."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from golden_sets import tensors, write_checkpoint
from safetensors.torch import load_file, save_file

from genoprot_evaluate.encoders import spliceai, unirep

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def _golden(family: str, case: str, config: tuple[str, ...] = (), **further):
    """Weights that the repository keeps, with what their `meta.json` says of the configuration."""

    def make(name: str, folder: Path) -> Path:
        meta = json.loads((GOLDEN / family / "meta.json").read_text(encoding="utf-8"))
        for key in config:
            meta = meta[key]
        weights = tensors(GOLDEN / family / f"{case}.weights.safetensors")
        return write_checkpoint(folder / "weights", weights, (meta if config else {}) | further)

    return make


def _caduceus(name: str, folder: Path) -> Path:
    case = f"{name.removeprefix('caduceus-')}_fused"
    return _golden("caduceus", case, (case, "config"))(name, folder)


def _ntv2(name: str, folder: Path) -> Path:
    path = _golden("ntv2", "small", ("config",))(name, folder)
    weights = load_file(path / "model.safetensors")
    # The repository keeps the rows of few tokens; here all of them occur.
    table = max(weights.values(), key=torch.Tensor.numel)
    torch.manual_seed(0)
    absent = ~table.any(dim=1)
    table[absent] = table[~absent].std() * torch.randn(int(absent.sum()), table.shape[1])
    save_file(weights, path / "model.safetensors")
    return path


def _random(shapes, scale: float):
    """Random weights of the shapes, for a network of which there is one size."""

    def make(name: str, folder: Path) -> Path:
        torch.manual_seed(0)
        weights = {key: scale * torch.randn(shape) for key, shape in shapes().items()}
        positive = {key: weight.abs() + 0.5 for key, weight in weights.items() if "variance" in key}
        return write_checkpoint(folder / "weights", weights | positive)

    return make


def _esm2(name: str, folder: Path) -> Path:
    from transformers import EsmConfig, EsmModel

    sizes = {"vocab_size": 33, "hidden_size": 40, "intermediate_size": 96, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 5, "position_embedding_type": "rotary", "token_dropout": True}
    torch.manual_seed(0)
    config = EsmConfig(**sizes, pad_token_id=1, mask_token_id=32, initializer_range=0.2)
    weights = EsmModel(config, add_pooling_layer=False).state_dict()
    return write_checkpoint(folder / "weights", weights, sizes)


def _prott5(name: str, folder: Path) -> Path:
    from transformers import T5Config, T5EncoderModel

    sizes = {"vocab_size": 128, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    torch.manual_seed(0)
    weights = T5EncoderModel(T5Config(**sizes)).state_dict()
    return write_checkpoint(
        folder / "weights", {key: weights[key] for key in weights if "embed_" not in key}, sizes
    )


def _dnabert2(name: str, folder: Path) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers

    from genoprot_evaluate.encoders.dnabert2 import DnaBert2Network, DnaBert2Sizes

    torch.manual_seed(0)
    network = DnaBert2Network(DnaBert2Sizes(16, 2, 48, 2, 3, 80))
    path = write_checkpoint(folder / "weights", network.state_dict(), {"num_attention_heads": 3})
    tokens = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", *"ACGT", "AC", "GT"]
    merges = [("A", "C"), ("G", "T")]
    tokenizer = Tokenizer(
        models.BPE({token: row for row, token in enumerate(tokens)}, merges, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path / "tokenizer.json"))
    return path


def llama_tokenizer(path: Path) -> None:
    """A tokenizer of single bases between two special tokens."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    tokens = {token: row for row, token in enumerate(["[PAD]", "[UNK]", "[BOS]", "[EOS]", *"ACGTN"])}
    tokenizer = Tokenizer(models.WordLevel(tokens, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    ends = [(name, tokens[name]) for name in ("[BOS]", "[EOS]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[BOS] $A [EOS]", special_tokens=ends)
    tokenizer.save(str(path / "tokenizer.json"))


def llama(folder: Path, **options) -> Path:
    """Random weights of a Llama model for GENERator, or with `vocab_size` for BSM."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"vocab_size": 4_128, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3}
    sizes |= {"num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 65}
    torch.manual_seed(0)
    config = LlamaConfig(**(sizes | {"initializer_range": 0.2} | options))
    return write_checkpoint(folder, LlamaForCausalLM(config).state_dict(), config.to_dict())


def _llama(name: str, folder: Path) -> Path:
    if name.startswith("generator"):
        return llama(folder / "weights")
    path = llama(folder / "weights", vocab_size=12)
    llama_tokenizer(path)
    return path


CHECKPOINTS = {
    f"genoprot_evaluate.encoders.{module}": make
    for module, make in {
        "unirep": _random(unirep._shapes, 1.0),
        "spliceai": _random(spliceai._shapes, 0.1),
        "proteinfer": _golden("proteinfer", "dil3_l3_f24_k5", ("dil3_l3_f24_k5", "hparams")),
        "esmc": _golden("esmc", "d64_h4_l3", n_heads=4),
        "lucaone": _golden("lucaone", "d64_h4_l3.hf_layout", ("d64_h4_l3", "config")),
        "esm2": _esm2,
        "ntv2": _ntv2,
        "prott5": _prott5,
        "dnabert2": _dnabert2,
        "llama": _llama,
        "hyenadna": _golden("hyenadna", "small_d64_l2_512"),
        "caduceus": _caduceus,
        "evo": _golden("evo1", "tiny_131k_style", ("tiny_131k_style", "config")),
        "evo2": _golden("evo2", "tiny_1m_style.ckpt_layout", ("tiny_1m_style", "config")),
    }.items()
}
"""Makes a family's checkpoint: called with the encoder's name and an empty folder."""
