"""A folder of a transformers checkpoint: its weight files, its digest, and how it is opened quietly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_datasets.files import sha256_of
from genoprot_evaluate.encoders.weights import find_weights

__all__ = ["TOKENIZER_FILES", "folder_digest", "one_line", "quiet", "weight_files"]

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "spiece.model")
"""Files of which a folder with a tokenizer has one at least."""

_DIGESTED = (".json", ".txt", ".model", ".safetensors", ".py")


def weight_files(folder: Path) -> list[Path]:
    """Safetensors files of a checkpoint, those of its index where it has one.

    Raises
    ------
    SourceError
        If one is missing, or the index cannot be read.
    """
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return [find_weights(folder, preferred="model.safetensors")]
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError):
        raise SourceError(index, "not an index of safetensors files") from None
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        raise SourceError(folder, f"{index.name} names files that are not here: {', '.join(absent)}")
    return [folder / name for name in names]


def folder_digest(folder: Path) -> str:
    """SHA-256 of the names and contents of weights, configuration, tokenizer and code."""
    files = sorted(file for file in folder.iterdir() if file.suffix in _DIGESTED)
    lines = "\n".join(f"{file.name} {sha256_of(file)}" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from writing to the terminal."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def one_line(folder: Path, part: str) -> Iterator[None]:
    """Turn what goes wrong when transformers opens a part of a checkpoint into an error of one line."""
    try:
        yield
    except Exception as error:  # transformers raises a different class for every cause
        reason = " ".join(str(error).split()) or type(error).__name__
        if "trust_remote_code" in reason:
            raise SourceError(
                folder,
                "the checkpoint brings its own Python code; read it, then allow it by --trust-remote-code",
            ) from None
        raise SourceError(
            folder, f"transformers cannot open the {part}; is a file missing or damaged? ({reason[:200]})"
        ) from None
