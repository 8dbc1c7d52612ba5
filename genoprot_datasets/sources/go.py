"""The Gene Ontology and its annotations."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.sources.accessions import is_accession
from genoprot_datasets.sources.tables import iter_rows
from genoprot_datasets.sources.text import open_text

__all__ = [
    "EVIDENCE",
    "EXPERIMENTAL_EVIDENCE",
    "GoAnnotation",
    "GoTerm",
    "Ontology",
    "read_annotations",
    "read_ontology",
    "terms_of",
]

EXPERIMENTAL_EVIDENCE = frozenset(
    ["EXP", "IDA", "IPI", "IMP", "IGI", "IEP", "HTP", "HDA", "HMP", "HGI", "HEP"]
)
"""Evidence codes of annotations that rest on an experiment, high-throughput ones included."""

EVIDENCE = ("experimental", "any")
"""Which annotations can be asked for: those that rest on an experiment, or every one that is asserted."""

_OTHER_EVIDENCE = frozenset(
    ["ISS", "ISO", "ISA", "ISM", "IGC", "IBA", "IBD", "IKR", "IRD"]
    + ["RCA", "TAS", "NAS", "IC", "ND", "IEA", ""]
)
_QUALIFIERS = frozenset(
    ["NOT", "enables", "contributes_to", "involved_in", "located_in", "part_of", "is_active_in"]
    + ["colocalizes_with", "acts_upstream_of", "acts_upstream_of_or_within"]
    + ["acts_upstream_of_positive_effect", "acts_upstream_of_negative_effect"]
    + ["acts_upstream_of_or_within_positive_effect", "acts_upstream_of_or_within_negative_effect"]
)
_PROTEINS = "UniProtKB"
_OTHER_DATABASES = frozenset(["ComplexPortal", "IntAct", "RNAcentral"])
_TERM = re.compile(r"GO:[0-9]{7}")
_TAXON = re.compile(r"taxon:([0-9]{1,9})(?:\|taxon:[0-9]{1,9})?")
_STANZAS = frozenset(["[Term]", "[Typedef]", "[Instance]"])
_ASPECTS = frozenset("PFC")
_NEVER_ASSERTED = "ND"
_GAF_WIDTHS = (15, 17)


class GoTerm(NamedTuple):
    """A term's name and namespace (``biological_process``, ``molecular_function``, ...)."""

    name: str
    namespace: str


@dataclass(frozen=True)
class Ontology:
    """Terms that are in force, and what links them.

    Attributes
    ----------
    terms : dict of str to GoTerm
        By identifier, in the order of the file; obsolete terms are not among them.
    edges : tuple of (str, str, str)
        Child, parent and relation (``is_a``, ``part_of``, ``regulates``, ...).
    alternatives : dict of str to str
        Identifier in `terms` by the identifier that it replaces.
    obsolete : frozenset of str
        Identifiers of obsolete terms.
    """

    terms: Mapping[str, GoTerm]
    edges: tuple[tuple[str, str, str], ...]
    alternatives: Mapping[str, str]
    obsolete: frozenset[str]

    def resolve(self, term: str) -> str | None:
        """Identifier in `terms` that stands for a term now; None where there is none.

        Examples
        --------
        >>> ontology = Ontology({"GO:1": GoTerm("a", "b")}, (), {"GO:2": "GO:1"}, frozenset())
        >>> ontology.resolve("GO:2"), ontology.resolve("GO:3")
        ('GO:1', None)
        """
        term = self.alternatives.get(term, term)
        return term if term in self.terms else None


class GoAnnotation(NamedTuple):
    """One row of an annotation file.

    Attributes
    ----------
    accession : str
        UniProt accession.
    term : str
        Identifier of the term, as the file has it.
    evidence : str
        Evidence code; empty where the file does not say.
    qualifiers : frozenset of str
        For example ``enables``, ``NOT``.
    aspect : {"P", "F", "C"}
        Process, function or component.
    taxon : int
        NCBI taxon id of the protein; 0 where the file does not say.
    """

    accession: str
    term: str
    evidence: str
    qualifiers: frozenset[str]
    aspect: str
    taxon: int = 0

    @property
    def asserted(self) -> bool:
        """Whether the row says that the protein has the term: not ``NOT``, and not "no data" (ND)."""
        return "NOT" not in self.qualifiers and self.evidence != _NEVER_ASSERTED

    @property
    def experimental(self) -> bool:
        """Whether the row is asserted and rests on an experiment."""
        return self.evidence in EXPERIMENTAL_EVIDENCE and "NOT" not in self.qualifiers


def terms_of(annotations: Iterable[GoAnnotation], evidence: str) -> dict[str, set[str]]:
    """Terms by accession.

    Parameters
    ----------
    annotations : iterable of GoAnnotation
    evidence : {"experimental", "any"}
        Evidence that counts; with ``any`` also none, but neither ``NOT`` nor "no data".

    Returns
    -------
    dict of str to set of str

    Raises
    ------
    GenoProtError
        If there is no such evidence.
    """
    if evidence not in EVIDENCE:
        raise GenoProtError(f"evidence {evidence!r}: expected {' or '.join(EVIDENCE)}")
    terms: dict[str, set[str]] = defaultdict(set)
    for row in annotations:
        if row.experimental if evidence == "experimental" else row.asserted:
            terms[row.accession].add(row.term)
    return terms


def read_ontology(path: str | Path) -> Ontology:
    """Read the terms of an OBO file such as ``go-basic.obo``.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Ontology

    Raises
    ------
    SourceError
        If a line is malformed, a term has no or a second identifier, or an edge leads to a term that the
        file does not have.

    References
    ----------
    "The OBO Flat File Format Guide", version 1.2.
    """
    terms: dict[str, GoTerm] = {}
    obsolete: set[str] = set()
    alternatives: dict[str, str] = {}
    edges: list[tuple[str, str, str, int]] = []
    for line, stanza in _stanzas(path):
        tags = {tag: value for tag, value, _ in reversed(stanza)}
        identifier = tags.get("id", "")
        if not identifier:
            raise SourceError(path, "term without an id", line=line)
        if identifier in terms or identifier in obsolete:
            raise SourceError(path, "second term of this id", line=line, record=identifier)
        if tags.get("is_obsolete", "false") not in ("true", "false"):
            message = f"is_obsolete is {tags['is_obsolete']!r}, expected true or false"
            raise SourceError(path, message, line=line, record=identifier)
        if tags.get("is_obsolete") == "true":
            obsolete.add(identifier)
            continue
        terms[identifier] = GoTerm(tags.get("name", ""), tags.get("namespace", ""))
        for tag, value, number in stanza:
            if tag == "alt_id":
                alternatives[value] = identifier
            elif tag == "is_a":
                edges.append((identifier, value, "is_a", number))
            elif tag == "relationship":
                relation, _, parent = value.partition(" ")
                edges.append((identifier, parent, relation, number))
    if not terms:
        raise SourceError(path, "no [Term] in it; an OBO file was expected")
    for _, parent, relation, number in edges:
        if parent not in terms:
            raise SourceError(path, f"{relation} leads to {parent!r}, which is no term in force", line=number)
    return Ontology(
        terms,
        tuple(edge[:3] for edge in edges),
        {old: new for old, new in alternatives.items() if old not in terms},
        frozenset(obsolete),
    )


def _stanzas(path: str | Path) -> Iterator[tuple[int, list[tuple[str, str, int]]]]:
    """Tags, values and lines of every term, with the line on which it begins."""
    begin = 0
    stanza: list[tuple[str, str, int]] | None = None
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if line.startswith("["):
                if line not in _STANZAS:
                    message = f"expected {', '.join(sorted(_STANZAS))}, found {line[:40]!r}"
                    raise SourceError(path, message, line=number)
                if stanza is not None:
                    yield begin, stanza
                begin, stanza = number, [] if line == "[Term]" else None
            elif stanza is not None and line and not line.startswith("!"):
                tag, colon, value = line.partition(":")
                if not colon:
                    raise SourceError(path, f"expected 'tag: value', found {line[:40]!r}", line=number)
                if tag != "name":
                    value = value.partition(" !")[0].partition(" {")[0]
                stanza.append((tag, value.strip(), number))
    if stanza is not None:
        yield begin, stanza


def read_annotations(path: str | Path) -> list[GoAnnotation]:
    """Read the proteins' rows of a GO annotation file (GAF 1.0 to 2.2).

    Parameters
    ----------
    path : str or Path
        Plain or gzipped. Rows of other databases than UniProtKB (complexes, RNAs) are passed over.

    Returns
    -------
    list of GoAnnotation
        In the order of the file; rows that say NOT or ND are among them, see `GoAnnotation.asserted`.

    Raises
    ------
    SourceError
        If a row is malformed, or none is about a protein.

    References
    ----------
    Gene Ontology Consortium, "GO Annotation File (GAF) format 2.2".
    """
    annotations: list[GoAnnotation] = []
    qualifier_sets: dict[str, frozenset[str]] = {"": frozenset()}
    taxa: dict[str, int] = {"": 0}
    width = None
    for line, fields in iter_rows(path, "\t", comment="!"):
        if width is None:
            width = len(fields)
            if width not in _GAF_WIDTHS:
                raise SourceError(path, f"expected 17 fields as in GAF 2, found {width}", line=line)
        database, accession, _symbol, qualifier, term, _reference, evidence, _with, aspect = fields[:9]
        if database in _OTHER_DATABASES:
            continue
        if database != _PROTEINS:
            raise SourceError(path, f"database {database!r}, expected {_PROTEINS}", line=line)
        if not (is_accession(accession) and _TERM.fullmatch(term) and aspect in _ASPECTS):
            found = f"{accession!r}, {term!r} and {aspect!r}"
            message = f"expected an accession, a term and an aspect P, F or C, found {found}"
            raise SourceError(path, message, line=line)
        if evidence not in EXPERIMENTAL_EVIDENCE and evidence not in _OTHER_EVIDENCE:
            raise SourceError(path, f"unknown evidence code {evidence!r}", line=line, record=accession)
        if qualifier not in qualifier_sets:
            qualifier_sets[qualifier] = frozenset(qualifier.split("|"))
            if unknown := sorted(qualifier_sets[qualifier] - _QUALIFIERS):
                raise SourceError(path, f"unknown qualifier {unknown[0]!r}", line=line, record=accession)
        if fields[12] not in taxa:
            taxa[fields[12]] = _taxon(path, fields[12], line)
        annotations.append(
            GoAnnotation(accession, term, evidence, qualifier_sets[qualifier], aspect, taxa[fields[12]])
        )
    if not annotations:
        raise SourceError(path, "no row of the database UniProtKB in it")
    return annotations


def _taxon(path: str | Path, text: str, line: int) -> int:
    """First taxon id of ``taxon:9606|taxon:1280``; the second one is that of another organism's protein."""
    match = _TAXON.fullmatch(text)
    if match is None:
        raise SourceError(path, f"taxon is {text!r}, expected taxon: and a number", line=line)
    return int(match[1])
