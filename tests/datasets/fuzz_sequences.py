"""Readers of sequences, features and entries: small valid files, and plain scans of what such files hold."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from urllib.parse import unquote

from fuzzing import Target, lines_of, rows_of

from genoprot_datasets.sources import iter_fasta, read_annotation, read_entries, read_id_mapping
from genoprot_datasets.sources.features import iter_features
from genoprot_datasets.sources.rows import Wanted

__all__ = ["SEQUENCE_TARGETS"]


# FASTA

FASTA = b""">NC_1.1 Homo sapiens chromosome 1, GRCh38.p13
ACGTNNNNacgtRYKM
ACGT
>NP_2.1\tno description
MKU*-X  \r
MKO

>third> a header > with marks
A
"""


def scan_fasta(content: bytes) -> list[tuple[str, bytes]]:
    found = []
    for line in content.split(b"\n"):
        if line.startswith(b">"):
            found.append([line[1:].decode().strip().split(" ")[0], b""])
        elif line.strip():
            found[-1][1] += line.strip().upper()
    return [tuple(record) for record in found]


# GFF3

GFF = b"""##gff-version 3
#!processor NCBI annotwriter
##sequence-region NC_1.1 1 9000
NC_1.1\tRefSeq\tregion\t1\t9000\t.\t+\t.\tID=NC_1.1:1..9000;Dbxref=taxon:9606;Name=1;chromosome=1;genome=chromosome
NC_1.1\tBestRefSeq\tgene\t100\t900\t.\t-\t.\tID=gene-A;Dbxref=GeneID:672,HGNC:HGNC:1100;Name=A%3B1;gene_biotype=protein_coding
NC_1.1\tBestRefSeq\tmRNA\t100\t900\t.\t-\t.\tID=rna-A;Parent=gene-A;Name=NM_1.1;tag=MANE Select,RefSeq Select
NC_1.1\tBestRefSeq\texon\t700\t900\t.\t-\t.\tID=exon-A-1;Parent=rna-A
NC_1.1\tBestRefSeq\tCDS\t700\t800\t.\t-\t0\tID=cds-NP_1.1;Parent=rna-A;protein_id=NP_1.1;transl_except=(pos:complement(707..709)%2Caa:Sec)
NC_1.1\tBestRefSeq\tCDS\t200\t300\t.\t-\t1\tID=cds-NP_1.1;Parent=rna-A;protein_id=NP_1.1;transl_except=(pos:complement(707..709)%2Caa:Sec)
NC_1.1\tRefSeq\tgene\t2000\t2600\t.\t+\t.\tID=gene-b;locus_tag=b0002
NC_1.1\tRefSeq\tCDS\t2000\t2599\t.\t+\t0\tID=cds-b;Parent=gene-b;protein_id=NP_2.1;transl_table=11
NC_1.1\tRefSeq\tpseudogene\t3000\t3600\t.\t+\t.\tID=gene-p;pseudo=true
NC_1.1\tRefSeq\tCDS\t4000\t4599\t.\t+\t0\tID=cds-o;Parent=rna-nowhere;protein_id=NP_3.1
NC_2.1\tRefSeq\tregion\t1\t50\t.\t+\t.\tID=NC_2.1:1..50;Is_circular=true;genome=mitochondrion
NC_2.1\tRefSeq\tgene\t40\t60\t.\t+\t.\tID=gene-m;gene=COX
NC_2.1\tRefSeq\tCDS\t40\t60\t.\t+\t0\tID=cds-m;Parent=gene-m;protein_id=NP_4.1
###
"""
_KINDS = {"gene", "pseudogene", "mRNA", "transcript", "primary_transcript", "CDS"} | {
    f"{letter}_gene_segment" for letter in "VDJC"
}


def _gff_rows(content: bytes) -> list[list[str]]:
    rows = []
    for line in lines_of(content):
        if line.startswith("##FASTA"):
            break
        if not line.startswith("#"):
            rows.append(line.split("\t"))
    return rows


_WANTED = (Wanted(("CDS",), ("ID", "Parent")), Wanted(tuple(sorted(_KINDS - {"CDS"})), ("ID", "Name")))


def _attributes(field: str) -> dict[str, str]:
    return dict(pair.strip().split("=", 1) for pair in field.split(";") if "=" in pair)


def scan_features(content: bytes) -> list[list[tuple]]:
    found = []
    for wanted in _WANTED:
        found.append([])
        for row in _gff_rows(content):
            if row[2] in wanted.kinds:
                attributes = _attributes(row[8])
                second = attributes.get(wanted.names[1], "")
                own = unquote(attributes.get("ID", "")), second if wanted.is_coding else unquote(second)
                found[-1].append((unquote(row[0]), row[2], int(row[3]), int(row[4]), row[6], own))
    return found


def read_features(path: Path) -> list[list[tuple]]:
    found = {wanted: [] for wanted in _WANTED}
    for rows in iter_features(path, _WANTED, {}):
        for k, attributes in enumerate(zip(*rows.attributes)):
            for start, end in rows.parts[k] if rows.parts else [(rows.starts[k], rows.ends[k])]:
                found[rows.wanted].append(
                    (rows.seqid, rows.kinds[k], start, end, rows.strands[k], attributes)
                )
    return list(found.values())


def scan_annotation(content: bytes) -> tuple:
    """Identifiers of genes, and how many coding rows there are of each protein."""
    genes, transcripts, coding = [], {}, []
    for row in _gff_rows(content):
        if row[2] not in _KINDS:
            continue
        tags = _attributes(row[8])
        parents = [unquote(name) for name in tags["Parent"].split(",")] if tags.get("Parent") else [""]
        name = unquote(tags.get("ID", ""))
        if row[2] == "CDS":
            coding.append((parents, name, (int(row[3]), int(row[4]))))
        elif row[2] in ("gene", "pseudogene"):
            if name not in genes:
                genes.append(name)
        else:
            transcripts.setdefault(name, parents)
    spans = defaultdict(int)
    for parents, _, (start, end) in coding:
        for parent in parents:
            owners = [gene for gene in transcripts.get(parent, []) if gene in genes]
            if not owners and parent in genes:
                owners = [parent]
            for owner in owners:
                spans[owner] += end - start + 1
    return genes, dict(spans)


def read_genes(path: Path) -> tuple:
    annotation = read_annotation(path)
    spans = {
        gene.id: sum(end - start + 1 for t in gene.transcripts for start, end in t.parts)
        for gene in annotation.genes
        if gene.transcripts
    }
    return [gene.id for gene in annotation.genes], spans


# UniProt

UNIPROT = b"""ID   ABL1_HUMAN              Reviewed;          12 AA.
AC   P00519; A3KFJ3; Q13869;
AC   Q13870;
DT   21-JUL-1986, integrated into UniProtKB/Swiss-Prot.
DE   RecName: Full=Tyrosine-protein kinase ABL1;
GN   Name=ABL1 {ECO:0000303|PubMed:1}; Synonyms=ABL, JTK7;
OS   Homo sapiens (Human).
OC   Eukaryota; Metazoa.
OX   NCBI_TaxID=9606 {ECO:0000312|Proteomes:UP000005640};
RN   [1]
RP   NUCLEOTIDE SEQUENCE.
RX   PubMed=1; DOI=10.1/x;
CC   -!- SUBCELLULAR LOCATION: Cytoplasm, cytoskeleton. Nucleus {ECO:0000250,
CC       ECO:0000269|PubMed:11}. Note=Shuttles. {ECO:0000250}.
CC   -!- TISSUE SPECIFICITY: Widely expressed in non-
CC       neuronal cells {ECO:0000269|PubMed:2}.
CC   ---------------------------------------------------------------------------
CC   Copyrighted by the UniProt Consortium, see https://www.uniprot.org/terms
CC   ---------------------------------------------------------------------------
DR   STRING; 9606.ENSP00000361423; -.
DR   MIM; 189980; gene.
DR   MIM; 608232; phenotype.
DR   Pfam; PF00017; SH2; 1.
DR   Pfam; PF07714; PK_Tyr_Ser-Thr; 1.
PE   1: Evidence at protein level;
KW   ATP-binding.
FT   CHAIN           1..12
SQ   SEQUENCE   12 AA;  1234 MW;  B6A1C3E6B6A1C3E6 CRC64;
     MLEICLKLVG cu
//
ID   TINY_HUMAN              Unreviewed;         3 AA.
AC   A0A024R161;
OX   NCBI_TaxID=9606;
DR   Pfam; PF00017; SH2; 2.
SQ   SEQUENCE   3 AA;  300 MW;  B6A1C3E6B6A1C3E6 CRC64;
     MKV
//
"""


def scan_entries(content: bytes) -> dict[str, tuple]:
    found = {}
    for text in re.split(r"^//\s*$", "\n".join(lines_of(content)), flags=re.MULTILINE):
        if not text.strip():
            continue
        lines = [line.rstrip() for line in text.split("\n")]
        accessions = re.findall(r"[^\s;]+", " ".join(line[5:] for line in lines if line[:5] == "AC   "))
        references = [
            [part.strip() for part in line[5:].rstrip(".").split(";")] for line in lines if line[:2] == "DR"
        ]
        sequence = "".join(line for line in lines if line[:5] == "     ").replace(" ", "").upper()
        located = re.findall(r"^CC   -!-.SUBCELLULAR LOCATION:.*Cyto", "\n".join(lines), re.MULTILINE)
        found[accessions[0]] = (
            sequence,
            {reference[1] for reference in references if reference[0] == "Pfam"},
            {reference[1] for reference in references if reference[0] == "STRING"},
            {r[1] for r in references if r[0] == "MIM" and r[2:3] == ["phenotype"]},
            bool(located),
        )
    return found


def read_uniprot(path: Path) -> dict[str, tuple]:
    return {
        accession: (
            entry.sequence,
            set(entry.pfam),
            set(entry.string_ids),
            {number for number, kind in entry.mim if kind == "phenotype"},
            any("Cyto" in location for location in entry.locations),
        )
        for accession, entry in read_entries(path).items()
    }


ID_MAPPING = b"""P00519\tUniProtKB-ID\tABL1_HUMAN
P00519-1\tRefSeq\tNP_005148.2
P00519-2\tRefSeq\tNP_009297.2
P00519\tSTRING\t9606.ENSP00000361423
A0A024R161\tRefSeq\tNP_005148.2
P00519\tGene_Name\tABL1
"""


def scan_id_mapping(content: bytes) -> dict[str, dict[str, set[str]]]:
    found = {name: defaultdict(set) for name in ("RefSeq", "STRING")}
    for accession, kind, identifier in rows_of(content, "\t"):
        if kind in found:
            found[kind][identifier].add(accession.split("-")[0])
    return found


SEQUENCE_TARGETS = (
    Target("fasta", (FASTA,), lambda path: [(r.name, r.sequence) for r in iter_fasta(path)], scan_fasta),
    Target("features", (GFF,), read_features, scan_features),
    Target("gff", (GFF,), read_genes, scan_annotation),
    Target("uniprot", (UNIPROT,), read_uniprot, scan_entries),
    Target("idmapping", (ID_MAPPING,), read_id_mapping, scan_id_mapping),
)
