"""Readers of terms and interactions: small valid files, and plain scans of what such files hold."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from fuzzing import Target, lines_of, rows_of

from genoprot_datasets.sources import read_aliases, read_annotations, read_links, read_ontology

__all__ = ["ANNOTATION_TARGETS"]


# Gene Ontology

GAF = b"""!gaf-version: 2.2
!date-generated: 2025-06-01
UniProtKB\tP00519\tABL1\tenables\tGO:0004713\tPMID:1\tIDA\t\tF\tname\tABL|JTK7\tprotein\ttaxon:9606\t20200101\tUniProt\t\t
UniProtKB\tP00519\tABL1\tNOT|located_in\tGO:0005634\tPMID:1\tIMP\t\tC\tname\tABL\tprotein\ttaxon:9606\t20200101\tUniProt\t\t
UniProtKB\tA0A024R161\tX\t\tGO:0008150\tGO_REF:1\tND\t\tP\t\t\tprotein\ttaxon:9606|taxon:1280\t20200101\tUniProt\t\tUniProtKB:A0A024R161-2
ComplexPortal\tCPX-1\tx\tpart_of\tGO:0005575\tPMID:1\tIPI\t\tC\tname\t\tprotein_complex\ttaxon:9606\t20200101\tIntAct\t\t
"""


def scan_gaf(content: bytes) -> list[tuple]:
    return [
        (row[1], row[4], row[6], set(row[3].split("|")) - {""}, row[8])
        for row in rows_of(content, "\t", "!")
        if row[0] not in ("ComplexPortal", "IntAct", "RNAcentral")
    ]


def read_gaf(path: Path) -> list[tuple]:
    return [(a.accession, a.term, a.evidence, set(a.qualifiers), a.aspect) for a in read_annotations(path)]


OBO = b"""format-version: 1.2
data-version: releases/2025-06-01

[Term]
id: GO:0000001
name: mitochondrion inheritance {sic} ! not a comment
namespace: biological_process
alt_id: GO:0000009
def: "A, B: \\"C\\"." [GOC:x]
is_a: GO:0000002 ! parent
relationship: part_of GO:0000003 {source="x"} ! whole

[Term]
id: GO:0000002
name: parent
namespace: biological_process

[Term]
id: GO:0000003
name: whole
is_a: GO:0000002

[Term]
id: GO:0000004
name: obsolete
is_obsolete: true
replaced_by: GO:0000002

[Typedef]
id: part_of
name: part of
"""


def scan_ontology(content: bytes) -> tuple:
    """Identifiers in force, obsolete ones, and the number of edges."""
    stanzas, current = [], None
    for line in lines_of(content):
        line = line.strip()
        if line.startswith("["):
            current = [] if line != "[Typedef]" else None
            if current is not None:
                stanzas.append(current)
        elif current is not None and line and not line.startswith("!"):
            current.append(line)
    terms, obsolete, edges = [], set(), 0
    for stanza in stanzas:
        name = next(line for line in stanza if line.startswith("id:"))
        name = re.split(r" [!{]", name[3:])[0].strip()
        if any(re.fullmatch(r"is_obsolete:\s*true( [!{].*)?", line) for line in stanza):
            obsolete.add(name)
            continue
        terms.append(name)
        edges += sum(line.startswith(("is_a:", "relationship:")) for line in stanza)
    return terms, obsolete, edges


def read_terms(path: Path) -> tuple:
    ontology = read_ontology(path)
    return list(ontology.terms), set(ontology.obsolete), len(ontology.edges)


# STRING

LINKS = b"""protein1 protein2 combined_score
9606.ENSP01 9606.ENSP02 900
9606.ENSP02 9606.ENSP01 900
9606.ENSP01 9606.ENSP03 150
9606.ENSP03 9606.ENSP01 151
9606.ENSP04 9606.ENSP04 1000
"""
DETAILED = b"""protein1 protein2 neighborhood fusion combined_score
4932.YAL001C 4932.YAL002W 0 10 0
4932.YAL003W 4932.YAL002W 3 10 999
"""


def scan_links(content: bytes) -> tuple:
    header, *rows = [line.split(" ") for line in lines_of(content)]
    header = [name for name in header if name]
    one, two, score = (header.index(name) for name in ("protein1", "protein2", "combined_score"))
    best = {}
    for row in rows:
        pair = tuple(sorted((row[one], row[two])))
        if pair[0] != pair[1]:
            best[pair] = max(best.get(pair, 0), int(row[score]))
    return best, {row[column] for row in rows for column in (one, two)}


def links_of(path: Path) -> tuple:
    links = read_links(path)
    pairs = zip(links.pairs.tolist(), links.scores.tolist())
    return {tuple(sorted(links.ids[k] for k in pair)): score for pair, score in pairs}, set(links.ids)


ALIASES = b"""#string_protein_id\talias\tsource
9606.ENSP01\tP00519\tUniProt_AC
9606.ENSP01\tABL1\tUniProt_GN_Name
9606.ENSP02\tA0A024R161\tEnsembl_UniProt
9606.ENSP02\tQ9Y6K9\tBLAST_UniProt_AC
"""
ALIASES_11 = b"""## string_protein_id ## alias ## source ##
4932.YAL001C\tP34111\tBLAST_UniProt_AC Ensembl_UniProt_AC
4932.YAL001C\tTFC3\tEnsembl_gene
"""
_SOURCES = {"UniProt_AC", "Ensembl_UniProt_AC", "Ensembl_UniProt"}
_ACCESSION = r"([OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d([A-Z][A-Z\d]{2}\d){1,2})"


def scan_aliases(content: bytes) -> dict[str, set[str]]:
    found = defaultdict(set)
    for identifier, alias, source in rows_of(content, "\t", "#"):
        if _SOURCES & set(source.split()) and re.fullmatch(_ACCESSION, alias, re.ASCII):
            found[identifier].add(alias)
    return found


ANNOTATION_TARGETS = (
    Target("gaf", (GAF,), read_gaf, scan_gaf),
    Target("ontology", (OBO,), read_terms, scan_ontology),
    Target("links", (LINKS, DETAILED), links_of, scan_links),
    Target("aliases", (ALIASES, ALIASES_11), read_aliases, scan_aliases),
)
