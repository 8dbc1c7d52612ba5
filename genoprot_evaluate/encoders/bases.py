"""The vocabulary of single bases that HyenaDNA and Caduceus share."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

__all__ = ["PADDING", "START", "STOP", "VOCABULARY", "base_tokens"]

START, STOP, PADDING, UNKNOWN = 0, 1, 4, 6

VOCABULARY = MappingProxyType(
    {
        "[CLS]": START,
        "[SEP]": STOP,
        "[BOS]": 2,
        "[MASK]": 3,
        "[PAD]": PADDING,
        "[RESERVED]": 5,
        "[UNK]": UNKNOWN,
        "A": 7,
        "C": 8,
        "G": 9,
        "T": 10,
        "N": 11,
    }
)
"""Tokens by name."""

_TOKEN = np.full(256, UNKNOWN, dtype=np.int64)
for _base in "ACGTN":
    _TOKEN[ord(_base)] = VOCABULARY[_base]


def base_tokens(sequence: str) -> np.ndarray:
    """Tokens of a sequence without special ones, shape=(n,), dtype=int64.

    A, C, G, T and N in upper case have tokens of their own; any other letter is unknown.

    Examples
    --------
    >>> base_tokens("ACGTNRa").tolist()
    [7, 8, 9, 10, 11, 6, 6]
    """
    return _TOKEN[np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)]
