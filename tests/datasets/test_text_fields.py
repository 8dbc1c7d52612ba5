from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.sources.text_fields import MOST_DIGITS, TextFields

WORDS = [
    b"CDS",
    b"mRNA",
    b"ID",
    b"x" * 8,
    b"primary_transcript",
    b"C_gene_segment",
    b"y" * 64,
    b"y" * 65,
    b"0",
]
fields = st.lists(
    st.one_of(
        st.sampled_from(WORDS),
        st.sampled_from(WORDS).map(lambda word: word[:-1]),
        st.sampled_from(WORDS).map(lambda word: word + b"\0"),
        st.integers(0, 10**17).map(lambda number: str(number).encode()),
        st.binary(max_size=20),
    ),
    min_size=1,
    max_size=12,
)


def places(found):
    """A text of some fields with a tab after each, and where they are."""
    ends = np.cumsum([len(field) + 1 for field in found]) - 1
    starts = ends - [len(field) for field in found]
    return TextFields(b"".join(field + b"\t" for field in found)), starts, ends


@given(fields)
def test_fields_are_compared_as_bytes_are(found):
    text, starts, ends = places(found)
    words = text.words(starts, ends)
    for word in WORDS:
        expected = [field == word for field in found]
        assert text.equal(starts, ends, word).tolist() == expected
        assert text.equal(starts, ends, word, words).tolist() == expected


@given(
    st.lists(fields, min_size=1, max_size=4).map(lambda lists: [field for own in lists for field in own * 2])
)
def test_field_is_compared_with_the_one_before(found):
    same = [False] + [one == two and len(one) <= 64 for one, two in zip(found, found[1:])]
    assert TextFields.same_as_before(*places(found)).tolist() == same


@given(fields)
def test_numbers(found):
    values, are_numbers = TextFields.numbers(*places(found))
    for field, value, is_number in zip(found, values.tolist(), are_numbers.tolist(), strict=True):
        assert is_number == (1 <= len(field) <= MOST_DIGITS and field.isdigit())
        assert not is_number or value == int(field)
