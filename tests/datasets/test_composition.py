"""Composition vectors against a plain count."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.composition import COMPOSITION_DIMENSION, composition_vectors

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


def counted(protein):
    singles = [protein.count(residue) for residue in RESIDUES]
    neighbours = [first + second for first, second in zip(protein, protein[1:])]
    pairs = [neighbours.count(first + second) for first in RESIDUES for second in RESIDUES]
    return [n / max(1, sum(singles)) for n in singles] + [n / max(1, sum(pairs)) for n in pairs]


@given(st.lists(st.text(RESIDUES + "XU*", max_size=40), max_size=4))
def test_frequencies(proteins):
    vectors = composition_vectors(proteins)
    assert vectors.shape == (len(proteins), COMPOSITION_DIMENSION)
    assert vectors.dtype == np.float32
    for protein, vector in zip(proteins, vectors):
        np.testing.assert_allclose(vector, counted(protein), rtol=1e-6)
