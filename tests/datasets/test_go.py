from __future__ import annotations

import pytest
from damage import damaged, unless_refused
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.sources.go import GoAnnotation, GoTerm, read_annotations, read_ontology, terms_of

OBO = """\
format-version: 1.2
default-namespace: gene_ontology

[Term]
id: GO:0000002
name: process ! of its own
namespace: biological_process
alt_id: GO:0000009
def: "A process: with a colon." [PMID:1]
synonym: "thing {odd}" EXACT []
is_a: GO:0000001 {source="x"} ! root
relationship: part_of GO:0000003 ! whole
relationship: positively_regulates GO:0000001

[Term]
id: GO:0000001
name: root
namespace: biological_process

[Term]
id: GO:0000003
name: whole
namespace: cellular_component
! a comment

[Term]
id: GO:0000004
name: obsolete old thing
namespace: biological_process
alt_id: GO:0000008
is_obsolete: true
replaced_by: GO:0000001

[Typedef]
id: part_of
name: part of
is_a: nothing
"""

GAF_22 = "!gaf-version: 2.2\n!\n" + "".join(
    "\t".join([database, accession, "GENE", qualifier, term, "PMID:1", code, "", aspect, *["", "", "protein"],
               "taxon:9606", "", "", "", ""]) + "\n"
    for database, accession, qualifier, term, code, aspect in [
        ("UniProtKB", "P00001", "enables", "GO:0000001", "IDA", "F"),
        ("UniProtKB", "P00001", "NOT|involved_in", "GO:0000002", "IMP", "P"),
        ("UniProtKB", "P00002", "located_in", "GO:0005575", "ND", "C"),
        ("UniProtKB", "P00002", "", "GO:0000003", "IEA", "C"),
        ("RNAcentral", "URS1_9606", "enables", "GO:0000001", "IDA", "F"),
        ("UniProtKB", "P00003", "part_of", "GO:0000003", "", "C"),
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("go") / "source"


def ontology_of(path, text):
    path.write_text(text, encoding="utf-8")
    return read_ontology(path)


def annotations_of(path, text):
    path.write_text(text, encoding="utf-8")
    return read_annotations(path)


def test_ontology(path):
    ontology = ontology_of(path, OBO)
    assert ontology.terms == {
        "GO:0000002": GoTerm("process ! of its own", "biological_process"),
        "GO:0000001": GoTerm("root", "biological_process"),
        "GO:0000003": GoTerm("whole", "cellular_component"),
    }
    assert ontology.edges == (
        ("GO:0000002", "GO:0000001", "is_a"),
        ("GO:0000002", "GO:0000003", "part_of"),
        ("GO:0000002", "GO:0000001", "positively_regulates"),
    )
    assert ontology.obsolete == {"GO:0000004"}
    assert ontology.resolve("GO:0000009") == "GO:0000002"
    assert ontology.resolve("GO:0000001") == "GO:0000001"
    assert ontology.resolve("GO:0000004") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (OBO, "", "no \\[Term\\]"),
        ("is_a: GO:0000001", "is_a: GO:0000007", "line 11: is_a leads to 'GO:0000007'"),
        ("is_a: GO:0000001", "is_a: GO:0000004", "line 11: is_a leads to 'GO:0000004'"),
        ("part_of GO:0000003", "part_of", "line 12: part_of leads to ''"),
        ("id: GO:0000003\n", "", "line 20: term without an id"),
        ("id: GO:0000003", "id: GO:0000001", "line 20, record GO:0000001: second term"),
        ("name: whole", "name whole", "line 22: expected 'tag: value', found 'name whole'"),
    ],
)
def test_refused_ontology(path, old, new, message):
    with pytest.raises(SourceError, match=message):
        ontology_of(path, OBO.replace(old, new, 1))


@st.composite
def graphs(draw):
    """Names of terms, and for each its parents among the earlier ones, with the relation."""
    names = draw(
        st.lists(st.text("abc :!{}[]", min_size=1, max_size=9).map(str.strip), min_size=1, max_size=8)
    )
    relations = st.sampled_from(["is_a", "part_of", "regulates"])
    parents = [
        sorted(
            draw(st.sets(st.tuples(st.integers(0, max(child - 1, 0)), relations), max_size=3 if child else 0))
        )
        for child in range(len(names))
    ]
    return names, parents


@given(graphs())
def test_ontology_round_trip(path, graph):
    names, parents = graph
    text = "format-version: 1.2\n"
    for number, name in enumerate(names):
        text += f"\n[Term]\nid: GO:{number}\nname: {name}\nnamespace: n\n"
        for parent, relation in parents[number]:
            link = f"is_a: GO:{parent}" if relation == "is_a" else f"relationship: {relation} GO:{parent}"
            text += f"{link} ! {names[parent]}\n"
    ontology = ontology_of(path, text)
    assert [term.name for term in ontology.terms.values()] == names
    expected = [(f"GO:{c}", f"GO:{p}", relation) for c, found in enumerate(parents) for p, relation in found]
    assert list(ontology.edges) == expected


@given(damaged(OBO))
def test_damaged_ontology(path, text):
    ontology = unless_refused(lambda: ontology_of(path, text))
    if ontology is not None:
        assert all(
            child in ontology.terms and parent in ontology.terms for child, parent, _ in ontology.edges
        )


def test_annotations(path):
    found = annotations_of(path, GAF_22)
    assert found[0] == GoAnnotation("P00001", "GO:0000001", "IDA", frozenset({"enables"}), "F", 9606)
    assert [row.accession for row in found] == ["P00001", "P00001", "P00002", "P00002", "P00003"]
    assert [row.asserted for row in found] == [True, False, False, True, True]
    assert [row.experimental for row in found] == [True, False, False, False, False]
    assert found[3].qualifiers == frozenset()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!gaf-version: 2.2\n", "no row of the database UniProtKB"),
        ("<html>\n", "line 1: expected 17 fields as in GAF 2, found 1"),
        (GAF_22 + "UniProtKB\tP00009\n", "line 9: expected 17 fields, found 2"),
        (
            GAF_22.replace("\tF\t", "\tQ\t", 1),
            "line 3: expected an accession, a term and an aspect .*found .P00001., .GO:0000001. and .Q.",
        ),
        (GAF_22.replace("\tP00001\t", "\t\t", 1), "line 3: expected an accession"),
    ],
)
def test_refused_annotations(path, text, message):
    with pytest.raises(SourceError, match=message):
        annotations_of(path, text)


@given(damaged(GAF_22))
def test_damaged_annotations(path, text):
    found = unless_refused(lambda: annotations_of(path, text))
    assert found is None or all(row.accession and row.term for row in found)


def test_human_slice(shared):
    folder = shared / "data" / "human-slice"
    ontology = read_ontology(folder / "go-basic.obo")
    assert len(ontology.terms) == 44_940
    assert {term.namespace for term in ontology.terms.values()} == {
        "biological_process", "cellular_component", "molecular_function"
    }  # fmt: skip
    assert ontology.terms["GO:0007005"].name == "mitochondrion organization"
    annotations = read_annotations(folder / "goa_human.gaf.gz")
    assert len(annotations) == 32_427
    terms = {row.term for row in annotations}
    assert len(terms) == 6_136
    assert sum(ontology.resolve(term) is None for term in terms) == 7
    negative = [row for row in annotations if "NOT" in row.qualifiers]
    assert negative
    assert not any(row.experimental or row.asserted for row in negative)


def test_yeast_rows_without_evidence(shared):
    annotations = read_annotations(shared / "data" / "yeast" / "goa_yeast.gaf.gz")
    assert len({row.accession for row in annotations}) == 2_858
    assert not any(row.experimental for row in annotations)


def test_terms_by_evidence():
    rows = [
        GoAnnotation("P00001", "GO:1", "IDA", frozenset(), "P"),
        GoAnnotation("P00001", "GO:2", "IEA", frozenset({"enables"}), "F"),
        GoAnnotation("P00001", "GO:3", "IDA", frozenset({"NOT", "enables"}), "F"),
        GoAnnotation("P00002", "GO:4", "", frozenset(), "C"),
        GoAnnotation("P00002", "GO:5", "ND", frozenset(), "C"),
    ]
    assert terms_of(rows, "experimental") == {"P00001": {"GO:1"}}
    assert terms_of(rows, "any") == {"P00001": {"GO:1", "GO:2"}, "P00002": {"GO:4"}}
    with pytest.raises(GenoProtError, match="evidence 'some': expected experimental or any"):
        terms_of(rows, "some")
