"""The residue alphabet that the ESM families share: one token per letter, and special tokens in angles."""

from __future__ import annotations

import re

__all__ = ["CLS", "EOS", "MASK", "PAD", "UNKNOWN", "residue_tokens", "upper_residues"]

CLS, PAD, EOS, UNKNOWN = 0, 1, 2, 3
MASK = 32
_TOKEN = {"<cls>": CLS, "<pad>": PAD, "<eos>": EOS, "<unk>": UNKNOWN, "<mask>": MASK}
_TOKEN |= {letter: number for number, letter in enumerate("LAGVSERTIDPKQNFYMHWCXBUZO.-", start=4)}
_SPECIAL = re.compile(r"(<(?:cls|pad|eos|unk|mask)>)")


def residue_tokens(sequence: str, further: dict[str, int] | None = None) -> list[int]:
    """Tokens of a protein between ``<cls>`` and ``<eos>``.

    Parameters
    ----------
    sequence : str
        May hold special tokens such as ``<mask>``; any other letter that is no token is ``<unk>``.
    further : dict of str to int, optional
        Letters that one family has beyond the shared ones.

    Examples
    --------
    >>> residue_tokens("MK<mask>T")
    [0, 20, 15, 32, 11, 2]
    """
    table = _TOKEN | (further or {})
    parts = (
        part for piece in _SPECIAL.split(sequence) for part in ([piece] if piece in _TOKEN else list(piece))
    )
    return [CLS, *(table.get(part, UNKNOWN) for part in parts), EOS]


def upper_residues(sequence: str) -> str:
    """Upper-case letters, special tokens as they are.

    Examples
    --------
    >>> upper_residues("mk<mask>t")
    'MK<mask>T'
    """
    return "".join(piece if piece in _TOKEN else piece.upper() for piece in _SPECIAL.split(sequence))
