"""Sources of another species are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources import SPECIES
from genoprot_datasets.sources.features import Region
from genoprot_datasets.sources.genes import Annotation
from genoprot_datasets.sources.go import GoAnnotation
from genoprot_datasets.sources.uniprot import UniProtEntry
from genoprot_datasets.taxa import (
    check_annotations,
    check_assembly,
    check_entries,
    check_string_ids,
    string_taxon_of,
)

ECOLI, YEAST = SPECIES["ecoli"], SPECIES["yeast"]
PATH = Path("a.file")


def test_assembly_has_the_strains_taxon():
    regions = {"NC_1": Region("NC_1", taxon="511145"), "NC_2": Region("NC_2")}
    check_assembly(PATH, Annotation((), regions), ECOLI)
    expected = r"a\.file, record NC_1: sequence of taxon 511145, expected 559292"
    with pytest.raises(SourceError, match=expected):
        check_assembly(PATH, Annotation((), regions), YEAST)


def test_entries_have_the_species_taxon():
    entries = {
        "P1": UniProtEntry("P1", "A_ECOLI", "a", 83333, "MA"),
        "P2": UniProtEntry("P2", "B", "b", 0, "MA"),
    }
    check_entries(PATH, entries, ECOLI)
    # A real confusion: the same protein of strain O157:H7.
    entries["P3"] = UniProtEntry("P3", "A_ECO57", "a", 83334, "MA")
    with pytest.raises(SourceError, match=r"record P3: entry of taxon 83334, expected 83333"):
        check_entries(PATH, entries, ECOLI)


@pytest.mark.parametrize(
    ("species", "identifiers", "taxon"),
    [
        ("human", ["9606.ENSP1", "9606.ENSP2"], 9606),
        ("yeast", ["4932.YAL001C"], 4932),
        ("ecoli", ["511145.b0001"], 511145),
        ("ecoli", ["362663.ECP_0001", "362663.ecp:ECP_0985"], 362663),
    ],
)
def test_taxon_of_string_files(species, identifiers, taxon):
    assert string_taxon_of(PATH, identifiers, SPECIES[species]) == taxon


@pytest.mark.parametrize(
    ("species", "identifiers", "words"),
    [
        ("human", ["9606.A", "10090.B"], "record 10090.B: protein of taxon 10090, expected 9606"),
        ("yeast", ["559292.YAL001C"], "protein of taxon 559292, expected 4932"),
        ("ecoli", ["no taxon"], "protein of taxon no taxon, expected 511145 or 362663"),
        ("ecoli", ["511145.a", "362663.b"], "proteins of several taxa: 362663, 511145"),
    ],
)
def test_other_taxa_in_string_files(species, identifiers, words):
    with pytest.raises(SourceError, match=words):
        string_taxon_of(PATH, identifiers, SPECIES[species])


# Every taxon id by which some source calls E. coli K-12 or its relatives, and where it may stand.
@pytest.mark.parametrize(
    ("taxon", "assembly", "entries", "string"),
    [
        (83333, False, True, False),  # K-12, in UniProt
        (511145, True, False, True),  # K-12 MG1655, in RefSeq and STRING
        (316407, False, False, False),  # K-12 W3110
        (362663, False, False, True),  # strain 536, mapped by the aliases of its own
        (562, False, False, False),  # the species
    ],
)
def test_taxa_of_ecoli_are_mapped_or_refused(taxon, assembly, entries, string):
    regions = Annotation((), {"NC_1": Region("NC_1", taxon=str(taxon))})
    entry = {"P00001": UniProtEntry("P00001", "A_ECOLI", "a", taxon, "MA")}
    row = [GoAnnotation("P00001", "GO:0000001", "IDA", frozenset(), "P", taxon)]
    accepted(lambda: check_assembly(PATH, regions, ECOLI), assembly)
    accepted(lambda: check_entries(PATH, entry, ECOLI), entries)
    accepted(lambda: check_annotations(PATH, row, ECOLI), entries)
    accepted(lambda: check_string_ids(PATH, [f"{taxon}.b0001"], ECOLI), string)


@pytest.mark.parametrize(("taxon", "where"), [(559292, "UniProt and RefSeq"), (4932, "STRING")])
def test_taxa_of_yeast_are_mapped_or_refused(taxon, where):
    entry = {"P00001": UniProtEntry("P00001", "A_YEAST", "a", taxon, "MA")}
    row = [GoAnnotation("P00001", "GO:0000001", "IDA", frozenset(), "P", taxon)]
    accepted(lambda: check_entries(PATH, entry, YEAST), where != "STRING")
    accepted(lambda: check_annotations(PATH, row, YEAST), where != "STRING")
    accepted(lambda: check_string_ids(PATH, [f"{taxon}.YAL001C"], YEAST), where == "STRING")


def accepted(check, expected):
    if expected:
        check()
    else:
        with pytest.raises(SourceError, match=r"taxon \d+, expected \d+"):
            check()


def test_what_says_no_taxon_is_let_through():
    check_annotations(PATH, [GoAnnotation("P00001", "GO:0000001", "IDA", frozenset(), "P")], YEAST)
    check_string_ids(PATH, [], YEAST)
