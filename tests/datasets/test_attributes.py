from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.attributes import (
    AttributeTable,
    attributes_of,
    dbxref,
    parse_attributes,
    values,
)

NAMES = ("ID", "Parent", "Name", "gene", "gene_biotype", "transcript_id", "Note", "tag", "Dbxref")


def test_attributes_are_decoded_after_they_are_split():
    attributes = parse_attributes("a.gff", 1, "ID=c1;Note=a%3Bb%2Cc,d;tag=a%2Cb,c%3B")
    assert attributes_of(attributes, ["Note", "tag", "absent"]) == ("a;b,c,d", "a%2Cb,c%3B", "")
    assert values(attributes["tag"]) == ["a,b", "c;"]
    assert values("x%3By") == ["x;y"]
    assert values("") == []


def test_the_last_of_a_name_counts_and_white_space_does_not():
    assert parse_attributes("a.gff", 1, " ID=a ; ID=b=c ;;.") == {"ID": "b=c"}


def test_attribute_without_a_value():
    with pytest.raises(SourceError, match="line 7: attribute 'ID' has no '='"):
        parse_attributes("a.gff", 7, "Name=x;ID")


def test_dbxref_finds_its_database_among_others():
    assert dbxref("HGNC:HGNC:1100,GeneID:672", "GeneID") == "672"
    assert dbxref("Gene%49D:672", "GeneID") == "672"
    assert dbxref("MIM:GeneID:1", "GeneID") == ""


pairs = st.builds(
    "{}={}".format,
    st.sampled_from([*NAMES, "ID", "ID", "I", "IDs", "gene_biotypes", "gene_biotyp", "x" * 20]),
    st.text("ab%3B,=:é ", max_size=5),
)
fields = st.lists(
    st.one_of(pairs, pairs, pairs, st.sampled_from(["", " ", ".", "flag", " ID=z", "ID=z\x0b"])), max_size=7
)


@given(st.lists(fields.map(";".join), min_size=1, max_size=8))
def test_many_rows_are_read_as_one_by_one(lines):
    table = AttributeTable("".join(line + "\n" for line in lines).encode())
    rows = np.arange(len(lines))[::-1]
    columns = list(zip(*(table.column(name, rows) for name in NAMES)))[::-1]
    for line, found, is_plain in zip(lines, columns, table.is_plain.tolist(), strict=True):
        if is_plain:
            attributes = parse_attributes("a.gff", 1, line)
            assert found == attributes_of(attributes, NAMES)
            assert attributes["ID"]


def test_usual_rows_are_plain():
    lines = [
        b"ID=a",
        b"Name=x%2Cy;ID=a;",
        b"ID=a;;Note=b c",
        b"Note=x",
        b"ID=",
        b"ID=a;flag",
        b"ID=a; Note=b",
    ]
    table = AttributeTable(b"".join(line + b"\n" for line in [*lines, "ID=é".encode(), b"", b"ID=b"]))
    assert table.is_plain.tolist() == [True] * 3 + [False] * 6 + [True]
