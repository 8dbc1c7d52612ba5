"""Residues, bases and codons as small integers, and tables that draw them quickly."""

from __future__ import annotations

import itertools

import numpy as np

__all__ = [
    "AMINO_ACIDS",
    "BACKGROUND",
    "CODON_BASES",
    "METHIONINE",
    "SELENOCYSTEINE",
    "STOP_CODONS",
    "SYNONYMS",
    "UGA",
    "decode_residues",
    "lookup_table",
    "reverse_complement",
]

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWYU"
"""Residues in the order of their codes; the last one is selenocysteine."""

METHIONINE = AMINO_ACIDS.index("M")
SELENOCYSTEINE = AMINO_ACIDS.index("U")

BACKGROUND = np.array(
    [
        0.083, 0.014, 0.055, 0.067, 0.039, 0.071, 0.023, 0.059, 0.058, 0.097,
        0.024, 0.041, 0.047, 0.039, 0.055, 0.066, 0.053, 0.069, 0.011, 0.029,
    ]
)  # fmt: skip
"""Frequencies of the twenty standard residues in a protein without a tendency, about those of Swiss-Prot."""
BACKGROUND /= BACKGROUND.sum()

_STANDARD_CODE = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"

CODON_BASES = np.array(
    [list("".join(codon).encode()) for codon in itertools.product("ACGT", repeat=3)], dtype=np.uint8
)
"""ASCII bases of the 64 codons in alphabetical order, shape (64, 3)."""

UGA = 56
"""Code of the codon TGA, which a selenoprotein reads as selenocysteine."""

STOP_CODONS = np.array([code for code, residue in enumerate(_STANDARD_CODE) if residue == "*"])
"""Codes of the three stop codons."""

SYNONYMS = tuple(
    np.array([UGA])
    if residue == "U"
    else np.array([code for code, letter in enumerate(_STANDARD_CODE) if letter == residue])
    for residue in AMINO_ACIDS
)
"""Codes of the codons of every residue, in the order of `AMINO_ACIDS`."""

_LETTERS = np.frombuffer(AMINO_ACIDS.encode(), dtype=np.uint8)
_COMPLEMENT = np.arange(256, dtype=np.uint8)
for _base, _partner in zip(b"ACGTacgt", b"TGCAtgca"):
    _COMPLEMENT[_base] = _partner


def decode_residues(residues: np.ndarray) -> str:
    """Letters of residue codes.

    Examples
    --------
    >>> decode_residues(np.array([10, 0, 20]))
    'MAU'
    """
    return _LETTERS[residues].tobytes().decode()


def reverse_complement(bases: np.ndarray) -> np.ndarray:
    """Other strand of ASCII bases, dtype uint8; case is kept.

    Examples
    --------
    >>> reverse_complement(np.frombuffer(b"ATGcc", dtype=np.uint8)).tobytes()
    b'ggCAT'
    """
    return _COMPLEMENT[bases[::-1]]


def lookup_table(values: np.ndarray, probabilities: np.ndarray, slots: int) -> np.ndarray:
    """Table in which every value stands about as often as it is probable.

    A uniform draw of a slot is then a draw of a value, at the cost of one gather.

    Parameters
    ----------
    values : ndarray, shape=(k,)
    probabilities : ndarray, shape=(k,)
        Sums to 1.
    slots : int
        Length of the table.

    Returns
    -------
    ndarray, shape=(slots,)

    Examples
    --------
    >>> lookup_table(np.array([5, 7]), np.array([0.25, 0.75]), 8).tolist()
    [5, 5, 7, 7, 7, 7, 7, 7]
    """
    edges = np.rint(np.cumsum(probabilities) * slots).astype(int)
    edges[-1] = slots
    return np.repeat(values, np.diff(edges, prepend=0))
