"""Splicing and translation against hand-worked cases and Biopython."""

from __future__ import annotations

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.translation import reverse_complement, splice, translate

BASES = st.text(alphabet="ACGT", min_size=0, max_size=300).map(str.encode)


@given(BASES)
def test_reverse_complement_agrees_with_biopython(sequence):
    assert reverse_complement(sequence).decode() == str(Seq(sequence.decode()).reverse_complement())


def test_reverse_complement_keeps_ambiguity_codes():
    assert reverse_complement(b"RYKMSWBDHVN") == b"NBDHVWSKMRY"


@given(BASES, st.data())
def test_splice_of_the_reverse_strand_is_the_reverse_complement(sequence, data):
    if not sequence:
        return
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sequence)), min_size=2, max_size=6, unique=True)))
    parts = [(a + 1, b) for a, b in zip(cuts[::2], cuts[1::2])]
    forward = splice(sequence, parts, "+")
    assert splice(sequence, parts[::-1], "-") == reverse_complement(forward)


@given(st.text(alphabet="ACGT", min_size=3, max_size=90), st.sampled_from([1, 2, 11]))
def test_translation_agrees_with_biopython(body, code):
    body = body[: len(body) // 3 * 3]
    stop = {1: "TAA", 2: "AGA", 11: "TAG"}[code]
    expected = str(Seq("ATG" + body + stop).translate(table=code))
    protein = translate(("ATG" + body + stop).encode(), code)
    if "*" in expected[:-1]:
        assert protein is None
    else:
        assert protein == "M" + expected[1:-1]


@pytest.mark.parametrize(
    ("coding", "code", "exceptions", "protein"),
    [
        (b"ATGTGATAA", 1, {1: "U"}, "MU"),
        (b"ATGTGATAA", 1, {}, None),  # an unannotated stop inside
        (b"CTGGCTTAA", 1, {0: "M"}, "MA"),
        (b"GTGGCTTAA", 11, {}, "MA"),  # another start codon of the bacterial code
        (b"GTGGCTTAA", 1, {}, None),
        (b"ATGGCT", 1, {}, None),  # no stop
        (b"ATGGCTTAAG", 1, {}, None),  # not whole codons
        (b"ATGGCTTA", 2, {2: "*"}, "MA"),  # stop completed by the poly(A) tail
        (b"ATGGNTTAA", 1, {}, "MX"),
        (b"TAA", 1, {}, None),
        (b"", 1, {}, None),
    ],
)
def test_translation_of_special_cases(coding, code, exceptions, protein):
    assert translate(coding, code, exceptions) == protein


@pytest.mark.parametrize("length", [0, 1, 7, 8, 4095, 4096, 4097, 50_003])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_reverse_complement_of_any_length(length, kind):
    bases = bytes(np.random.default_rng(length).choice(np.frombuffer(b"ACGTNRY", np.uint8), length))
    partner = dict(zip(b"ACGTNRY", b"TGCANYR"))
    assert reverse_complement(kind(bases)) == bytes(partner[base] for base in reversed(bases))
