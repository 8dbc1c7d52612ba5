"""A vector of a protein's composition, for species without published protein embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["COMPOSITION_DIMENSION", "COMPOSITION_TITLE", "composition_vectors"]

_RESIDUES = b"ACDEFGHIKLMNPQRSTVWY"
_COUNT = len(_RESIDUES)
_CODE = np.full(256, -1, np.int16)
_CODE[np.frombuffer(_RESIDUES, np.uint8)] = np.arange(_COUNT)

COMPOSITION_DIMENSION = _COUNT + _COUNT**2
"""Values of a composition vector."""

COMPOSITION_TITLE = "frequencies of the 20 amino acids and of the 400 dipeptides"
"""What the values are, in words."""


def composition_vectors(proteins: Sequence[str]) -> np.ndarray:
    """Frequencies of amino acids and dipeptides.

    Parameters
    ----------
    proteins : sequence of str, length n
        Upper-case sequences.

    Returns
    -------
    ndarray, shape=(n, 420), dtype=float32
        The 20 standard amino acids in alphabetical order of their letters, which sum to 1, then their 400
        ordered pairs of neighbours, which sum to 1 too; 0 throughout where there is nothing to count.
        Residues of another kind, and pairs with one, are not counted.

    Examples
    --------
    >>> composition_vectors(["AACC"])[0, :2].tolist()
    [0.5, 0.5]
    """
    vectors = np.zeros((len(proteins), COMPOSITION_DIMENSION), np.float32)
    for row, protein in enumerate(proteins):
        codes = _CODE[np.frombuffer(protein.encode("ascii", "replace"), np.uint8)]
        singles = np.bincount(codes[codes >= 0], minlength=_COUNT)
        standard = (codes[:-1] >= 0) & (codes[1:] >= 0)
        pairs = np.bincount((codes[:-1] * _COUNT + codes[1:])[standard], minlength=_COUNT**2)
        vectors[row, :_COUNT] = singles / max(1, singles.sum())
        vectors[row, _COUNT:] = pairs / max(1, pairs.sum())
    return vectors
