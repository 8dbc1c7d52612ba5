from __future__ import annotations

import pytest
from damage import damaged, unless_refused
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.reactome import read_pathways


def row(accession, pathway, species="Homo sapiens", name='Signal "A" & B'):
    return f"{accession}\t{pathway}\thttps://reactome.org/{pathway}\t{name}\tTAS\t{species}\n"


TABLE = row("P1", "R-HSA-1") + row("P1-2", "R-HSA-2") + row("P2", "R-MMU-1", "Mus musculus")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("reactome") / "UniProt2Reactome.txt"


def read(path, text, *species):
    path.write_text(text, encoding="utf-8")
    return read_pathways(path, *species)


def test_pathways_of_one_species(path):
    assert read(path, TABLE) == {"P1": {"R-HSA-1", "R-HSA-2"}}
    assert read(path, TABLE, "Mus musculus") == {"P2": {"R-MMU-1"}}


ACCESSION = st.from_regex("P[0-9]{1,3}", fullmatch=True)
PATHWAYS = st.frozensets(st.sampled_from("xyz"), min_size=1)


@given(st.dictionaries(ACCESSION, PATHWAYS, min_size=1, max_size=5))
def test_round_trip(path, pathways):
    text = "".join(row(accession, name) for accession, names in pathways.items() for name in sorted(names))
    assert read(path, text) == pathways


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row of species 'Homo sapiens'"),
        (TABLE + "P3\tR-HSA-4\n", "line 4: expected 6 fields, found 2"),
        (TABLE + row("", "R-HSA-4"), "line 4: row without an accession"),
        (row("P2", "R-MMU-1", "Mus musculus"), "no row of species"),
    ],
)
def test_refused(path, text, message):
    with pytest.raises(SourceError, match=message):
        read(path, text)


@given(damaged(TABLE))
def test_damaged_files_parse_or_are_refused(path, text):
    pathways = unless_refused(lambda: read(path, text))
    assert pathways is None or all(pathways.values())


def test_human_slice(shared):
    folder = shared / "data" / "human-slice"
    lowest = read_pathways(folder / "UniProt2Reactome.txt")
    every = read_pathways(folder / "UniProt2Reactome_All_Levels.txt")
    assert lowest["C9JR72"] == {"R-HSA-8951664", "R-HSA-983168"}
    assert lowest.keys() == every.keys()
    assert all(names <= every[accession] for accession, names in lowest.items())
