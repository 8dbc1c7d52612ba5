from __future__ import annotations

import gzip
import re
import textwrap

import pytest
from damage import damaged, unless_refused
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.uniprot import iter_entries, read_entries, read_id_mapping

ABL1 = """\
ID   ABL1_HUMAN              Reviewed;          12 AA.
AC   P00519; A3KFJ3; Q13869;
AC   Q13870;
DT   21-JUL-1986, integrated into UniProtKB/Swiss-Prot.
DE   RecName: Full=Tyrosine-protein kinase ABL1;
GN   Name=ABL1 {ECO:0000303|PubMed:1}; Synonyms=ABL, JTK7;
OS   Homo sapiens (Human).
OX   NCBI_TaxID=9606 {ECO:0000312|Proteomes:UP000005640};
RN   [1]
RP   NUCLEOTIDE SEQUENCE.
CC   -!- FUNCTION: Non-receptor kinase. Nucleus. {ECO:0000269|PubMed:1}.
CC   -!- SUBCELLULAR LOCATION: Cytoplasm, cytoskeleton. Nucleus {ECO:0000250,
CC       ECO:0000269|PubMed:11}. Golgi apparatus, trans-
CC       Golgi network membrane {ECO:0000305}; Multi-pass membrane protein
CC       {ECO:0000305}; Lumenal side. Note=Shuttles. Mitochondrion. {ECO:0000250}.
CC   -!- SUBCELLULAR LOCATION: [Isoform IB]: Nucleus membrane; Lipid-anchor.
CC       Note=The myristoylated protein.
CC   -!- TISSUE SPECIFICITY: Widely expressed in non-
CC       neuronal cells {ECO:0000269|PubMed:2}. Not in liver. {ECO:0000269}.
CC   -!- TISSUE SPECIFICITY: [Isoform IB]: Brain.
CC   ---------------------------------------------------------------------------
CC   Copyrighted by the UniProt Consortium, see https://www.uniprot.org/terms
CC   ---------------------------------------------------------------------------
DR   RefSeq; NP_005148.2; NM_005157.5. [P00519-1]
DR   STRING; 9606.ENSP00000361423; -.
DR   MIM; 189980; gene.
DR   MIM; 608232; phenotype.
DR   MIM; 617602; phenotype.
DR   Pfam; PF00017; SH2; 1.
DR   Pfam; PF07714; PK_Tyr_Ser-Thr; 1.
PE   1: Evidence at protein level;
FT   CHAIN           1..12
SQ   SEQUENCE   12 AA;  1234 MW;  B6A1C3E6B6A1C3E6 CRC64;
     MLEICLKLVG cu
//
"""

MINIMAL = """\
ID   TINY_HUMAN              Unreviewed;         3 AA.
AC   A0A024R161;
OX   NCBI_TaxID=9606;
SQ   SEQUENCE   3 AA;  300 MW;  B6A1C3E6B6A1C3E6 CRC64;
     MKV
//
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("uniprot") / "uniprot.dat"


def read(path, text):
    path.write_text(text, encoding="utf-8")
    return read_entries(path)


def test_entry(path):
    entries = read(path, ABL1 + MINIMAL)
    assert list(entries) == ["P00519", "A0A024R161"]
    abl1 = entries["P00519"]
    assert (abl1.entry_name, abl1.gene, abl1.taxon, abl1.reviewed) == ("ABL1_HUMAN", "ABL1", 9606, True)
    assert abl1.secondary == ("A3KFJ3", "Q13869", "Q13870")
    assert abl1.sequence == "MLEICLKLVGCU"
    assert abl1.pfam == {"PF00017", "PF07714"}
    assert abl1.mim == {("608232", "phenotype"), ("617602", "phenotype"), ("189980", "gene")}
    assert abl1.string_ids == {"9606.ENSP00000361423"}
    assert abl1.locations == {
        "Cytoplasm, cytoskeleton",
        "Nucleus",
        "Golgi apparatus, trans-Golgi network membrane",
        "Nucleus membrane",
    }
    assert abl1.topologies == {"Multi-pass membrane protein", "Lumenal side", "Lipid-anchor"}
    assert abl1.tissue == "Widely expressed in non-neuronal cells. Not in liver. [Isoform IB]: Brain."
    tiny = entries["A0A024R161"]
    assert (tiny.reviewed, tiny.gene, tiny.tissue) == (False, "", "")
    assert tiny.locations == tiny.pfam == tiny.mim == tiny.string_ids == frozenset()


def test_repeated_entry(path):
    assert list(read(path, MINIMAL + MINIMAL)) == ["A0A024R161"]
    with pytest.raises(SourceError, match="record A0A024R161: two different entries"):
        read(path, MINIMAL + MINIMAL.replace("MKV", "MKL"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no UniProt entry"),
        ("<html>\n", "line 1: expected the ID line"),
        (MINIMAL + ABL1[:-3], "line 7, record P00519: the file ends within the entry"),
        (MINIMAL + ABL1[:80], "line 7, record P00519: the file ends within the entry"),
        (MINIMAL + ABL1[:30], "line 7, record ABL1_HUMAN: the file ends within the entry"),
        (MINIMAL.replace("     MKV\n", ""), "line 1, record A0A024R161: entry without a sequence"),
        (MINIMAL.replace("MKV", "MK"), "record A0A024R161: sequence of 2 residues, the entry says 3"),
        (MINIMAL.replace("MKV", "M1V"), "record A0A024R161: sequence with a character that is no residue"),
        (MINIMAL.replace("AC   A0A024R161;\n", ""), "line 1, record TINY_HUMAN: entry without an accession"),
        (MINIMAL.replace("         3 AA.", ""), "line 1, record A0A024R161: not a UniProt entry"),
        (MINIMAL.replace("=9606", "=human"), "record A0A024R161: not a UniProt entry"),
    ],
)  # fmt: skip
def test_refused(path, text, message):
    with pytest.raises(SourceError, match=message):
        read(path, text)


def test_truncated_gzip_is_named(path):
    packed = gzip.compress((ABL1 + MINIMAL).encode())
    path.write_bytes(packed[:-40])
    with pytest.raises(SourceError, match=r"uniprot.dat: truncated gzip"):
        read_entries(path)


WORD = st.from_regex("[a-h]{1,8}(-[a-h]{1,4})?", fullmatch=True)
PHRASE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
EVIDENCE = st.sampled_from(["", " {ECO:0000250}", " {ECO:0000269|PubMed:1, ECO:0000305|PubMed:2}"])


def comment(topic, text):
    """A comment as UniProt wraps it: at 75 columns, also after a hyphen."""
    lines = textwrap.wrap(f"-!- {topic}: {text}", width=70, break_long_words=False)
    return "".join(("CC   " if i == 0 else "CC       ") + line + "\n" for i, line in enumerate(lines))


@given(
    st.lists(st.lists(st.tuples(PHRASE, EVIDENCE, st.booleans()), min_size=1, max_size=6), max_size=3),
    st.lists(st.lists(PHRASE, min_size=1, max_size=20), max_size=3),
    st.frozensets(st.from_regex(r"PF[0-9]{5}", fullmatch=True), max_size=3),
    st.text("ACDEFGHIKLMNPQRSTVWY", min_size=1, max_size=130),
)
def test_round_trip(path, locations, tissues, pfam, sequence):
    text = f"ID   X_SYNTH   Reviewed;  {len(sequence)} AA.\nAC   X0XYZ1;\nOX   NCBI_TaxID=32630;\n"
    for number, group in enumerate(locations):
        sentences = (f"{name}{eco}{'; Lumenal side' * topology}." for name, eco, topology in group)
        isoform = f"[Isoform {number}]: " * (number % 2)
        note = f" Note=Moves. Elsewhere {number}." * (number // 2)
        text += comment("SUBCELLULAR LOCATION", isoform + " ".join(sentences) + note)
    for sentences in tissues:
        text += comment("TISSUE SPECIFICITY", ". ".join(sentences) + " {ECO:0000269|PubMed:1}.")
    text += "".join(f"DR   Pfam; {family}; Name; 1.\n" for family in sorted(pfam))
    blocks = [sequence[i : i + 10] for i in range(0, len(sequence), 10)]
    text += f"SQ   SEQUENCE   {len(sequence)} AA;  1 MW;  0000000000000000 CRC64;\n"
    text += "".join("     " + " ".join(blocks[i : i + 6]) + "\n" for i in range(0, len(blocks), 6)) + "//\n"
    (entry,) = read(path, text).values()
    assert entry.locations == {name for group in locations for name, _, _ in group}
    assert entry.tissue == " ".join(". ".join(sentences) + "." for sentences in tissues)
    assert (entry.pfam, entry.sequence, entry.taxon) == (pfam, sequence, 32630)


@given(damaged(ABL1 + MINIMAL))
def test_damaged_files_parse_or_are_refused(path, text):
    entries = unless_refused(lambda: read(path, text))
    for accession, entry in (entries or {}).items():
        assert accession == entry.accession
        assert entry.sequence.isalpha()


def test_human_slice(shared):
    entries = read_entries(shared / "data" / "human-slice" / "uniprot_sprot_human.dat.gz")
    assert len(entries) == 688
    assert {entry.taxon for entry in entries.values()} == {9606}
    hax1 = entries["O00165"]
    assert hax1.locations == {
        "Cell membrane", "Cytoplasm", "Cytoplasmic vesicle", "Endoplasmic reticulum",
        "Cytoplasm, cell cortex", "Mitochondrion matrix", "Nucleus membrane", "Nucleus",
        "Cytoplasm, P-body", "Sarcoplasmic reticulum",
    }  # fmt: skip
    assert entries["C9JR72"].tissue == "Detected in heart muscle and skeletal muscle."
    assert ("609273", "phenotype") in entries["C9JR72"].mim
    assert entries["C9JR72"].pfam == {"PF00651", "PF01344"}


def test_native_entries(shared):
    entries = list(iter_entries(shared / "data" / "human-slice" / "uniprot_human_544.dat.gz"))
    assert len(entries) == 544
    assert len({entry.accession for entry in entries}) == 542
    by_name = {entry.entry_name: entry for entry in entries}
    assert {"Nucleus membrane", "Nucleus", "Mitochondrion"} <= by_name["ABL1_HUMAN"].locations
    known = locations_of(shared / "data" / "human-slice" / "subcell.txt")
    found = {location for entry in entries for location in entry.locations}
    assert found <= known
    assert len(found) == 140
    topologies = {topology for entry in entries for topology in entry.topologies}
    assert {"Single-pass type I membrane protein", "Cytoplasmic side"} <= topologies
    assert topologies <= topologies_of(shared / "data" / "human-slice" / "subcell.txt")
    for entry in entries:
        assert not re.search(r"[{}]|ECO:|\s\.|\.\.|  |\n", entry.tissue), entry.tissue


def locations_of(path):
    """Every location of UniProt's controlled vocabulary, as entries spell it (the SL lines)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line[5:].rstrip(".") for line in lines if line.startswith("SL   ")}


def topologies_of(path):
    """Every topology and orientation of UniProt's controlled vocabulary (entries with an IT or IO line)."""
    entries = path.read_text(encoding="utf-8").split("\n//\n")
    wanted = (entry for entry in entries if re.search("^I[TO]   ", entry, re.MULTILINE))
    return {name for entry in wanted for name in re.findall(r"^(?:IT|IO|SL)   (.*)\.$", entry, re.MULTILINE)}


def test_yeast_entries(shared):
    entries = read_entries(shared / "data" / "yeast" / "uniprot_sprot_yeast.dat.gz")
    assert len(entries) == 6721
    assert {entry.taxon for entry in entries.values()} == {559292}


IDENTIFIERS = """\
P00001\tRefSeq\tNP_1.1
P00001-2\tRefSeq\tNP_2.1
P00002\tRefSeq\tNP_1.1
P00002\tGeneID\t7
P00001\tSTRING\t9606.E1
"""


def test_id_mapping(path):
    path.write_text(IDENTIFIERS)
    assert read_id_mapping(path) == {
        "RefSeq": {"NP_1.1": {"P00001", "P00002"}, "NP_2.1": {"P00001"}},
        "STRING": {"9606.E1": {"P00001"}},
    }
    assert read_id_mapping(path, ["GeneID", "MIM"]) == {"GeneID": {"7": {"P00002"}}, "MIM": {}}
    with pytest.raises(SourceError, match="no identifier of type MIM"):
        read_id_mapping(path, ["MIM"])


@pytest.mark.parametrize(
    "row", ["P00001\tRefSeq\n", "P00001\tRefSeq\tNP\tx\n", "P00001\tRefSeq\t\n", "\tRefSeq\tNP_1.1\n"]
)
def test_malformed_id_mapping(path, row):
    path.write_text(IDENTIFIERS + row)
    with pytest.raises(SourceError, match="line 6"):
        read_id_mapping(path)


@given(damaged(IDENTIFIERS))
def test_damaged_id_mapping(path, text):
    path.write_text(text, encoding="utf-8")
    mapping = unless_refused(lambda: read_id_mapping(path))
    assert mapping is None or set(mapping) == {"RefSeq", "STRING"}


def test_id_mapping_of_the_slice(shared):
    mapping = read_id_mapping(shared / "data" / "human-slice" / "HUMAN_9606_idmapping.dat.gz")
    assert {name: len(identifiers) for name, identifiers in mapping.items()} == {
        "RefSeq": 1699,
        "STRING": 686,
    }
    assert mapping["RefSeq"]["NP_001094832.1"] == {"C9JR72"}
