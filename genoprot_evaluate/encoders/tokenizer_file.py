"""Tokenizers that lie beside the weights as ``tokenizer.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.checkpoint import Checkpoint

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["TOKENIZER", "read_tokenizer"]

TOKENIZER = "tokenizer.json"


def read_tokenizer(
    checkpoint: Checkpoint, vocabulary: int, special: Sequence[str] = ()
) -> tuple[Tokenizer, Path]:
    """Tokenizer of a checkpoint, which neither truncates nor pads, and its file.

    Parameters
    ----------
    checkpoint : Checkpoint
    vocabulary : int
        Tokens that the weights know.
    special : sequence of str
        Tokens that it has to have.

    Raises
    ------
    SourceError
        If there is no such file, it is no tokenizer, or it does not fit the weights.
    """
    from tokenizers import Tokenizer

    folder = checkpoint.path if checkpoint.path.is_dir() else checkpoint.path.parent
    path = folder / TOKENIZER
    if not path.is_file():
        raise SourceError(path, "no such file; the tokenizer lies beside the weights")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain exceptions
        raise SourceError(path, f"not a tokenizer ({' '.join(str(error).split())[:200]})") from None
    absent = [token for token in special if tokenizer.token_to_id(token) is None]
    if absent:
        raise SourceError(path, f"a tokenizer without {', '.join(absent)}")
    if tokenizer.get_vocab_size() > vocabulary:
        raise SourceError(
            path, f"{tokenizer.get_vocab_size():,} tokens, but the weights have only {vocabulary:,}"
        )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, path
