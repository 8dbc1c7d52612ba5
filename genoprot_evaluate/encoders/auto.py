"""Any checkpoint folder that the `AutoModel` classes of transformers can open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.batching import length_order, token_batches
from genoprot_evaluate.chunking import Chunk, chunk_spans
from genoprot_evaluate.encoders.base import PROBES, EncoderSpec, resolve_view
from genoprot_evaluate.encoders.checkpoint_folder import (
    TOKENIZER_FILES,
    folder_digest,
    one_line,
    quiet,
    weight_files,
)
from genoprot_evaluate.encoders.compute import HALF_PRECISION, Placed, choose_device, side_by_side
from genoprot_evaluate.encoders.pooled import check_layer, check_pooling, pooled, pooled_readout
from genoprot_evaluate.encoders.weights import check_keys, check_safetensors
from genoprot_evaluate.pooling import masked_sum

__all__ = ["AutoEncoder"]

BATCH_TOKENS = 8_192
POOLINGS = ("mean", "max", "cls", "last")
UNUSED = re.compile(r"(^|\.)(pooler|contact_head)\.|(inv_freq|position_ids)$")
"""Keys that may be missing or left over: no hidden state depends on them, or they are computed."""

READOUT = "mean over tokens of the last layer, special tokens excluded"

OFFSET_POSITIONS = ("esm", "roberta", "xlm-roberta", "camembert")
"""Model types whose positions begin behind the padding token's index."""


@dataclass(frozen=True)
class _Tokens:
    prefix: list[int]
    content: np.ndarray
    counted: np.ndarray
    suffix: list[int]


@dataclass(frozen=True)
class _Window:
    row: int
    chunk: Chunk
    length: int


class AutoEncoder(Placed):
    """Mean of the last hidden states over the tokens of a sequence, special tokens and padding excluded.

    Another layer, or another pooling than the mean, can be chosen. Windows of a long sequence are pooled one
    by one, and their vectors averaged by the tokens that each contributes.

    Sequences are upper-cased. One with more tokens than the model's context is read in overlapping windows,
    each token counted once, from the window in which it lies farther from an edge.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode, on its device.
    tokenizer : transformers.PreTrainedTokenizerBase
    spec : EncoderSpec
        Its `context` counts tokens, special ones included.
    weights_digest : str, optional
    batch_tokens : int
        Tokens per forward pass, padding included.
    layer : int, optional
        Layer whose states are read, 0 for the embeddings; by default the last hidden states.
    pooling : {"mean", "max", "cls", "last"}
        Of the tokens of a sequence, special ones excluded; "cls" is the first token, a special one.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    dtypes: ClassVar[tuple[str, ...]] = HALF_PRECISION

    def __init__(
        self,
        model: torch.nn.Module,
        tokenizer: Any,
        spec: EncoderSpec,
        weights_digest: str | None = None,
        batch_tokens: int = BATCH_TOKENS,
        layer: int | None = None,
        pooling: str = "mean",
    ) -> None:
        self.spec = spec
        self.weights_digest = weights_digest
        self.batch_tokens = batch_tokens
        self.model = model
        self.device = model.device
        self._tokenizer = tokenizer
        self._layer = layer
        self._pooling = pooling

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        modality: str | None = None,
        device: str | None = None,
        batch_tokens: int | None = None,
        trust_remote_code: bool = False,
        layer: int | None = None,
        pooling: str = "mean",
        name: str | None = None,
    ) -> AutoEncoder:
        """Open a checkpoint folder: ``config.json``, a tokenizer and safetensors weights.

        Parameters
        ----------
        folder : str or Path
        modality : {"dna", "protein"}
            What the model reads.
        device : str, optional
        batch_tokens : int, optional
        trust_remote_code : bool
            Whether Python code in the folder may run.
        layer : int, optional
        pooling : {"mean", "max", "cls", "last"}
        name : str, optional
            The folder's own when left out.

        Raises
        ------
        GenoProtError
            If the modality is not given, a file is missing or damaged, or the parts do not fit together.
        """
        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise SourceError(folder, "no config.json in this folder; a transformers checkpoint has one")
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", name or folder.resolve().name).lstrip(".-_") or "checkpoint"
        if modality is None:
            raise GenoProtError(f"encoder {name}: say what it reads, --modality dna or --modality protein")
        for file in weight_files(folder):
            check_safetensors(file)
        options = {"local_files_only": True, "trust_remote_code": trust_remote_code}
        config, tokenizer, model = _open(folder, options)
        sizes = config.get_text_config()
        if len(tokenizer) > sizes.vocab_size:
            raise SourceError(
                folder, f"the tokenizer has {len(tokenizer)} tokens, the model only {sizes.vocab_size}"
            )
        if layer is not None:
            layer = check_layer(layer, sizes.num_hidden_layers)
        spec = EncoderSpec(
            name,
            modality=modality,
            dimension=sizes.hidden_size,
            context=_context(sizes, tokenizer),
            title=f"transformers checkpoint of type {config.model_type}",
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            readout=pooled_readout(READOUT, check_pooling(pooling, POOLINGS), layer),
            source="checkpoint folder",
        )
        resolve_view(spec, modality)
        if pooling == "cls" and not _starts_specially(tokenizer, modality):
            raise GenoProtError(f"encoder {name}: its tokenizer puts no token in front; no pooling 'cls'")
        return cls(
            model.to(choose_device(device)).eval(),
            tokenizer,
            spec,
            folder_digest(folder),
            batch_tokens or BATCH_TOKENS,
            layer,
            pooling,
        )

    def window_counts(self, sequences: Sequence[str]) -> list[int]:
        """Number of windows in which each sequence is read."""
        return [len(self._chunks(self._tokenized(sequence))) for sequence in sequences]

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map sequences to vectors, shape=(n, dimension), dtype=float32.

        Raises
        ------
        GenoProtError
            If the tokenizer makes nothing of a sequence.
        """
        tokens = [self._tokenized(sequence) for sequence in sequences]
        windows = [
            _Window(row, chunk, len(of.prefix) + chunk.length + len(of.suffix))
            for row, of in enumerate(tokens)
            for chunk in self._chunks(of)
        ]
        totals = np.zeros((len(sequences), self.spec.dimension))
        lengths = [window.length for window in windows]
        if self.alone:
            batches = [[windows[index]] for index in length_order(lengths)]
            found = side_by_side(lambda batch: self._sums(tokens, batch), batches)
        else:
            batches = [[windows[i] for i in batch] for batch in token_batches(lengths, self.batch_tokens)]
            found = [self._sums(tokens, batch) for batch in batches]
        for batch, parts in zip(batches, found):
            for window, part in zip(batch, parts):
                totals[window.row] += part
        return (totals / [[of.counted.sum()] for of in tokens]).astype(np.float32)

    def _tokenized(self, sequence: str) -> _Tokens:
        encoded = self._tokenizer(
            sequence.upper(),
            truncation=False,
            return_special_tokens_mask=True,
            return_attention_mask=False,
            verbose=False,
        )
        ids = np.asarray(encoded["input_ids"], dtype=np.int64)
        content = np.flatnonzero(~np.asarray(encoded["special_tokens_mask"], dtype=bool))
        if content.size == 0:
            raise GenoProtError(f"encoder {self.spec.name}: no token in the sequence {sequence[:20]!r}")
        start, stop = content[0], content[-1] + 1
        counted = np.zeros(stop - start, dtype=bool)
        counted[content - start] = True
        return _Tokens(ids[:start].tolist(), ids[start:stop], counted, ids[stop:].tolist())

    def _chunks(self, tokens: _Tokens) -> tuple[Chunk, ...]:
        context = self.spec.context
        if context is not None:
            context -= len(tokens.prefix) + len(tokens.suffix)
        return chunk_spans(len(tokens.content), context)

    def _sums(self, tokens: list[_Tokens], windows: list[_Window]) -> np.ndarray:
        """What each window contributes: its vector times its tokens, shape=(windows, dimension)."""
        shape = (len(windows), max(window.length for window in windows))
        ids = np.full(shape, self._tokenizer.pad_token_id or 0, dtype=np.int64)
        present = np.zeros(shape, dtype=np.int64)
        counted = np.zeros(shape, dtype=bool)
        for line, window in enumerate(windows):
            of, chunk = tokens[window.row], window.chunk
            ids[line, : window.length] = [*of.prefix, *of.content[chunk.start : chunk.stop], *of.suffix]
            present[line, : window.length] = 1
            first = len(of.prefix) + chunk.own_start - chunk.start
            counted[line, first : first + chunk.weight] = of.counted[chunk.own_start : chunk.own_stop]
        with torch.inference_mode():
            output = self.model(
                input_ids=torch.from_numpy(ids).to(self.device),
                attention_mask=torch.from_numpy(present).to(self.device),
                **({} if self._layer is None else {"output_hidden_states": True}),
            )
            states = (
                output.last_hidden_state if self._layer is None else output.hidden_states[self._layer]
            ).float()
            mask = torch.from_numpy(counted).to(self.device)
            if self._pooling == "mean":
                return masked_sum(states, mask).cpu().numpy()
            return (pooled(states, mask, self._pooling) * mask.sum(dim=1, keepdim=True)).cpu().numpy()


def _open(folder: Path, options: dict[str, Any]) -> tuple[Any, Any, torch.nn.Module]:
    from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, AutoTokenizer

    with quiet():
        with one_line(folder, "configuration"):
            config = AutoConfig.from_pretrained(folder, **options)
        if not any((folder / name).is_file() for name in TOKENIZER_FILES):
            raise SourceError(
                folder, f"no tokenizer in this folder; expected one of {', '.join(TOKENIZER_FILES)}"
            )
        with one_line(folder, "tokenizer"):
            tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        with one_line(folder, "weights"):
            halves = any(name.endswith("EncoderModel") for name in config.architectures or ())
            family = AutoModelForTextEncoding if halves or config.is_encoder_decoder else AutoModel
            model, report = family.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **options,
            )
    misshapen = {key for key, *_ in report["mismatched_keys"] if not UNUSED.search(key)}
    missing = {key for key in report["missing_keys"] if not UNUSED.search(key)} - misshapen
    # Heads lie outside the model itself, and are dropped.
    own = f"{model.base_model_prefix}."
    unknown = [key for key in report["unexpected_keys"] if key.startswith(own) and not UNUSED.search(key)]
    check_keys(folder, missing=sorted(missing), unexpected=sorted(unknown), misshapen=sorted(misshapen))
    return config, tokenizer, model


def _context(config: Any, tokenizer: Any) -> int | None:
    limits = [tokenizer.model_max_length] if tokenizer.model_max_length < 10**9 else []
    positions = getattr(config, "max_position_embeddings", None)
    if positions:
        offset = (config.pad_token_id or 0) + 1 if config.model_type in OFFSET_POSITIONS else 0
        limits.append(positions - offset)
    return min(limits, default=None)


def _starts_specially(tokenizer: Any, modality: str) -> bool:
    """Whether the tokenizer puts a special token before a sequence."""
    encoded = tokenizer(PROBES[modality][0], return_special_tokens_mask=True, verbose=False)
    return bool(encoded["special_tokens_mask"][0])
