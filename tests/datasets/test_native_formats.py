"""Files as their publishers wrote them are read without loss, by plain counts of every line that is used."""

from __future__ import annotations

import gzip
import re
from collections import Counter, defaultdict

import h5py
import numpy as np
import pytest

from genoprot_datasets.sources import read_aliases, read_annotation, read_annotations, read_links
from genoprot_datasets.sources.uniprot import MIM_TYPES, iter_entries
from genoprot_datasets.sources.vectors import read_protein_vectors

NATIVE_ENTRIES = [
    ("human-slice/uniprot_human_544.dat.gz", 544),
    ("yeast/uniprot_yeast_118.dat.gz", 118),
]


def entry_texts(path):
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        for text in handle.read().split("\n//\n"):
            if text.strip():
                yield text.split("\n")


def comment(lines, topic):
    """Texts of the comments of a topic, unwrapped."""
    found, inside = [], False
    for line in lines:
        if line.startswith("CC   -!- "):
            inside = line.startswith(f"CC   -!- {topic}:")
            if inside:
                found.append(line.split(":", 1)[1])
        elif line.startswith("CC       ") and inside:
            found[-1] += " " + line[9:]
        else:
            inside = False
    return found


@pytest.mark.parametrize(("name", "count"), NATIVE_ENTRIES)
def test_every_line_of_native_entries_that_is_used(shared, name, count):
    path = shared / "data" / name
    entries, texts = list(iter_entries(path)), list(entry_texts(path))
    assert len(entries) == len(texts) == count
    for entry, lines in zip(entries, texts, strict=True):
        by_code = defaultdict(list)
        for line in lines:
            by_code[line[:2]].append(line[5:])
        assert by_code["ID"][0].split()[0] == entry.entry_name
        assert ("Reviewed;" in by_code["ID"][0]) == entry.reviewed
        accessions = re.findall(r"(\w+);", " ".join(by_code["AC"]))
        assert accessions == [entry.accession, *entry.secondary]
        named = re.match(r"Name=([^ ;{]+)", " ".join(by_code["GN"]))
        assert entry.gene == (named[1] if named else "")
        assert f"NCBI_TaxID={entry.taxon}" in re.split(r"[ ;{]", by_code["OX"][0])
        references = [[part.strip(" .") for part in line.split(";")] for line in by_code["DR"]]
        assert entry.pfam == {r[1] for r in references if r[0] == "Pfam"}
        assert entry.string_ids == {r[1] for r in references if r[0] == "STRING"}
        mim = {(r[1], r[2]) for r in references if r[0] == "MIM"}
        assert entry.mim == mim
        assert {kind for _, kind in mim} <= set(MIM_TYPES)
        residues = "".join(by_code["  "]).replace(" ", "")
        assert entry.sequence == residues
        assert int(by_code["SQ"][0].split()[1]) == len(residues)
        # Words of the prose, whatever became of evidence and blanks.
        told = " ".join(comment(lines, "TISSUE SPECIFICITY"))
        plain = re.sub(r"\{[^{}]*\}", "", told)
        assert sorted(re.findall(r"\w+", entry.tissue)) == sorted(re.findall(r"\w+", plain))
        places = " ".join(re.sub(r"Note=.*", "", text) for text in comment(lines, "SUBCELLULAR LOCATION"))
        plain = re.sub(r"\[[^\]]*\]:|\{[^{}]*\}", "", places)
        first = [sentence.split(";")[0].strip() for sentence in plain.split(".")]
        assert {re.sub(r"\W", "", location) for location in entry.locations} == {
            re.sub(r"\W", "", location) for location in first if location
        }


def gff_rows(path):
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            fields = line.split("\t")
            yield fields, dict(pair.split("=", 1) for pair in fields[8].split(";") if pair)


@pytest.mark.parametrize(
    "name",
    [
        "ecoli/GCF_000005845.2_ASM584v2_genomic.gff.gz",
        "human-slice/refseq_native_ALMS1_BRCA1.gff",
        "yeast/GCF_000146045.2_R64_genomic.gff.gz",
    ],
)
def test_every_coding_row_of_both_strands(shared, name):
    path = shared / "data" / name
    annotation = read_annotation(path)
    genes, coding = {}, defaultdict(Counter)
    for fields, tags in gff_rows(path):
        if fields[2] in ("gene", "pseudogene"):
            genes[tags["ID"]] = fields[6]  # an interrupted gene has several rows
        elif fields[2] == "CDS":
            coding[fields[6]][tags.get("protein_id", ""), int(fields[3]), int(fields[4])] += 1
    assert {gene.id: gene.strand for gene in annotation.genes} == genes
    assert set(coding) == {"+", "-"}
    found = defaultdict(Counter)
    for gene in annotation.genes:
        for transcript in gene.transcripts:
            found[gene.strand].update((transcript.protein_accession, *part) for part in transcript.parts)
    if not annotation.orphans:
        assert found == coding
    for strand, rows in coding.items():
        lost = set(rows) - set(found[strand])
        assert {protein for protein, *_ in lost} <= set(annotation.orphans)


def test_headers_of_string_11_and_12(tmp_path):
    rows = "9606.ENSP01 9606.ENSP02{} 900\n9606.ENSP02 9606.ENSP01{} 900\n"
    headers = {  # v11.0 and v12.0 have the same first line; .detailed and .full have more columns
        "protein1 protein2 combined_score\n": "",
        "protein1 protein2 neighborhood fusion cooccurence coexpression experimental database textmining "
        "combined_score\n": " 0 0 0 50 0 0 60",
    }
    path = tmp_path / "9606.protein.txt"
    for header, channels in headers.items():
        path.write_text(header + rows.format(channels, channels))
        links = read_links(path)
        assert (links.ids, links.scores.tolist()) == (("9606.ENSP01", "9606.ENSP02"), [900])
    path.write_text(
        "## string_protein_id ## alias ## source ##\n9606.E1\tP00001\tBLAST_UniProt_AC Ensembl_UniProt_AC\n"
    )
    assert read_aliases(path) == {"9606.E1": {"P00001"}}
    path.write_text("#string_protein_id\talias\tsource\n9606.E1\tP00001\tUniProt_AC\n")
    assert read_aliases(path) == {"9606.E1": {"P00001"}}


def test_gaf_2_1_and_2_2(tmp_path):
    fields = ["UniProtKB", "P00001", "A", "{}", "GO:0005515", "PMID:1", "IPI", "UniProtKB:P00002", "F", "A"]
    fields += ["A|B", "protein", "taxon:9606", "20200101", "IntAct", "", ""]
    row = "\t".join(fields) + "\n"
    path = tmp_path / "goa_human.gaf"
    for version, plain, negative in (("2.1", "", "NOT"), ("2.2", "enables", "NOT|enables")):
        path.write_text(f"!gaf-version: {version}\n" + row.format(plain) + row.format(negative))
        first, second = read_annotations(path)
        assert first.asserted
        assert first.experimental
        assert not second.asserted
        assert first.taxon == 9606
        assert first.qualifiers == ({plain} if plain else set())


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_vectors_of_either_precision(tmp_path, precision):
    vectors = np.random.default_rng(0).normal(size=(3, 1024)).astype(precision)
    with h5py.File(tmp_path / "per-protein.h5", "w") as file:
        for name, vector in zip("CAB", vectors):
            file.create_dataset(name, data=vector)
    names, found = read_protein_vectors(tmp_path / "per-protein.h5")
    assert names == ["A", "B", "C"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, vectors[[1, 2, 0]].astype(np.float32))
