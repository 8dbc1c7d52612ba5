from __future__ import annotations

import csv

import pytest
from damage import damaged, unless_refused
from hypothesis import given

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.ligands import DTI_CLASSES, read_ligands

MAPPING = (
    "# chembl_32 target list, 26/01/2023\n"
    "P00001\tCHEMBL1\tOne\tSINGLE PROTEIN\nP00002\tCHEMBL2\tTwo\tSINGLE PROTEIN\n"
    "P00001\tCHEMBL9\tBoth\tPROTEIN COMPLEX\nP00002\tCHEMBL9\tBoth\tPROTEIN COMPLEX\n"
)
PAIRS = """\
parent_chemblid;parent_pref_name;target_chembl_id;target_type;DTI
CHEMBL100;"A; B";CHEMBL1;SINGLE PROTEIN;D_DT
CHEMBL101;;CHEMBL1;SINGLE PROTEIN;NDT
CHEMBL100;A;CHEMBL2;SINGLE PROTEIN;C2_DT
CHEMBL102;;CHEMBL9;PROTEIN COMPLEX;DT
;nameless;CHEMBL2;SINGLE PROTEIN;DT
CHEMBL103;;CHEMBL7;SINGLE PROTEIN;DT
"""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ligands")
    (folder / "map.txt").write_text(MAPPING)
    return folder / "pairs.csv", folder / "map.txt"


def read(paths, pairs=PAIRS, classes=None):
    paths[0].write_text(pairs, encoding="utf-8")
    return read_ligands(*paths, classes)


def test_single_proteins_and_named_compounds(paths):
    assert read(paths) == {"P00001": {"CHEMBL100", "CHEMBL101"}, "P00002": {"CHEMBL100"}}
    assert read(paths, classes=["D_DT", "DT"]) == {"P00001": {"CHEMBL100"}}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("", "no column parent_chemblid"),
        (PAIRS.replace("DTI\n", "dti\n", 1), "line 1: no column DTI"),
        (PAIRS + "CHEMBL1;x\n", "line 8: expected 5 fields, found 2"),
        (PAIRS.replace("C2_DT", "C9_DT"), "line 4: unknown DTI class 'C9_DT'"),
        (
            PAIRS.replace("CHEMBL1;S", "CHEMBL4;S").replace("CHEMBL2;S", "CHEMBL5;S"),
            "no pair with a single protein",
        ),
    ],
)
def test_refused(paths, pairs, message):
    with pytest.raises(SourceError, match=message):
        read(paths, pairs)


@given(damaged(PAIRS))
def test_damaged_pairs(paths, pairs):
    ligands = unless_refused(lambda: read(paths, pairs))
    assert ligands is None or set(ligands) <= {"P00001", "P00002"}


@given(damaged(MAPPING))
def test_damaged_mapping(tmp_path_factory, paths, mapping):
    paths[0].write_text(PAIRS)
    damaged_mapping = paths[1].with_name("damaged.txt")
    damaged_mapping.write_text(mapping, encoding="utf-8")
    ligands = unless_refused(lambda: read_ligands(paths[0], damaged_mapping))
    assert ligands is None or all(ligands.values())


def test_human_slice(shared):
    folder = shared / "data" / "human-slice"
    paths = folder / "compound_target_pairs.csv", folder / "chembl_uniprot_mapping.txt"
    ligands = read_ligands(*paths)
    with open(paths[0], newline="") as lines:
        rows = [
            row
            for row in csv.DictReader(lines, delimiter=";")
            if row["parent_chemblid"] and row["target_type"] == "SINGLE PROTEIN" and row["target_chembl_id"]
        ]
    # Each row of the slice also names the accession itself, a column that the official table lacks.
    direct: dict[str, set[str]] = {}
    for row in rows:
        direct.setdefault(row["uniprot_accession"], set()).add(row["parent_chemblid"])
    assert ligands == direct
    drugs = read_ligands(*paths, [name for name in DTI_CLASSES if name != "NDT"])
    assert set(drugs) < set(ligands)
