"""Encoders without weights, against counts made letter by letter."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genoprot_evaluate.encoders.kmer import Composition, Dipeptides, KmerFrequencies

KMERS = ["".join(letters) for letters in itertools.product("ACGT", repeat=4)]
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


@given(st.text("ACGTNacgtR-", min_size=1, max_size=60))
def test_kmers_equal_plain_counts(sequence):
    counts = dict.fromkeys(KMERS, 0)
    for start in range(len(sequence) - 3):
        kmer = sequence[start : start + 4].upper()
        if kmer in counts:
            counts[kmer] += 1
    total = max(1, sum(counts.values()))
    vector = KmerFrequencies().embed([sequence])[0]
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [counts[kmer] / total for kmer in KMERS], atol=1e-7)


def test_kmers_are_frequencies_and_skip_unknown_bases():
    vectors = KmerFrequencies().embed(["ACGTACGT", "ACGNACG", "acgtacgt"])
    assert vectors.shape == (3, 256)
    assert np.isclose(vectors[0].sum(), 1)
    assert not vectors[1].any()
    assert np.array_equal(vectors[0], vectors[2])


@given(st.text(RESIDUES + "acdUBZXJO*-", min_size=1, max_size=60))
def test_composition_equals_plain_counts(sequence):
    meaning = {
        **{r: r for r in RESIDUES},
        "U": "C",
        "B": "DN",
        "Z": "EQ",
        "J": "IL",
        "X": RESIDUES,
        "O": RESIDUES,
    }
    counts = dict.fromkeys(RESIDUES, 0.0)
    for letter in sequence.upper():
        for residue in meaning.get(letter, ""):
            counts[residue] += 1 / len(meaning[letter])
    total = sum(counts.values()) or 1.0
    vector = Composition().embed([sequence])[0]
    np.testing.assert_allclose(vector, [counts[r] / total for r in RESIDUES], atol=1e-6)


@given(st.text(RESIDUES + "acdUuBX*-", min_size=1, max_size=60))
def test_dipeptides_equal_plain_counts(sequence):
    pairs = ["".join(letters) for letters in itertools.product(RESIDUES, repeat=2)]
    counts = dict.fromkeys(pairs, 0)
    plain = sequence.upper().replace("U", "C")
    for first, second in itertools.pairwise(plain):
        if first + second in counts:
            counts[first + second] += 1
    total = max(1, sum(counts.values()))
    vector = Dipeptides().embed([sequence])[0]
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [counts[pair] / total for pair in pairs], atol=1e-7)
