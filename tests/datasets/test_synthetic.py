"""The synthetic folder, read with tools that are not the builder's."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import pytest
from Bio import SeqIO, SwissProt
from Bio.Seq import Seq
from Bio.SeqUtils.CheckSum import crc64

from genoprot_datasets.synthetic import synthesize

GENES = 400
ACCESSION = re.compile(r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9]([A-Z][A-Z0-9]{2}[0-9]){1,2}")
EXPERIMENTAL = {"EXP", "IDA", "IPI", "IMP", "IGI", "IEP", "HTP", "HDA", "HMP", "HGI", "HEP"}
FILES = {
    "32630.protein.aliases.v12.0.txt.gz",
    "32630.protein.links.v12.0.txt.gz",
    "CRISPRGeneEffect.csv.gz",
    "GCF_000000000.1_SYNTH1_genomic.fna.gz",
    "GCF_000000000.1_SYNTH1_genomic.gff.gz",
    "GCF_000000000.1_SYNTH1_protein.faa.gz",
    "Model.csv",
    "SYNTH_32630_idmapping.dat.gz",
    "TRUTH.json",
    "UniProt2Reactome.txt",
    "chembl_uniprot_mapping.txt",
    "compound_target_pairs.csv",
    "go-basic.obo",
    "goa_synthetic.gaf.gz",
    "per-protein.h5",
    "uniprot_sprot_synthetic.dat.gz",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(tmp_path_factory.mktemp("synthetic") / "sources", genes=GENES, seed=3)


@pytest.fixture(scope="module")
def truth(folder: Path) -> pd.DataFrame:
    return pd.DataFrame(json.loads((folder / "TRUTH.json").read_text())["per_gene"]).set_index("accession")


@pytest.fixture(scope="module")
def entries(folder: Path) -> dict[str, SwissProt.Record]:
    with gzip.open(folder / "uniprot_sprot_synthetic.dat.gz", "rt") as handle:
        return {record.accessions[0]: record for record in SwissProt.parse(handle)}


@pytest.fixture(scope="module")
def proteins(folder: Path) -> dict[str, str]:
    with gzip.open(folder / "GCF_000000000.1_SYNTH1_protein.faa.gz", "rt") as handle:
        return {record.id: str(record.seq) for record in SeqIO.parse(handle, "fasta")}


def lines_of(path: Path) -> list[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as handle:
        return handle.read().splitlines()


def faulty(truth: pd.DataFrame, fault: str) -> set[str]:
    return set(truth.index[truth.fault == fault])


class Feature(NamedTuple):
    sequence: str
    kind: str
    start: int
    end: int
    strand: str
    phase: str
    attributes: dict[str, str]


@pytest.fixture(scope="module")
def features(folder: Path) -> list[Feature]:
    rows = [line.split("\t") for line in lines_of(folder / "GCF_000000000.1_SYNTH1_genomic.gff.gz")]
    return [
        Feature(
            row[0],
            row[2],
            int(row[3]),
            int(row[4]),
            row[6],
            row[7],
            dict(re.findall("([^;=]+)=([^;]*)", row[8])),
        )
        for row in rows
        if len(row) == 9
    ]


@pytest.fixture(scope="module")
def genome(folder: Path) -> dict[str, Seq]:
    with gzip.open(folder / "GCF_000000000.1_SYNTH1_genomic.fna.gz", "rt") as handle:
        return {record.id: record.seq for record in SeqIO.parse(handle, "fasta")}


def children(features: list[Feature], kind: str) -> dict[str, list[Feature]]:
    found: dict[str, list[Feature]] = {}
    for feature in features:
        if feature.kind == kind:
            found.setdefault(feature.attributes["Parent"], []).append(feature)
    return found


def piece(genome: dict[str, Seq], feature: Feature) -> str:
    bases = genome[feature.sequence][feature.start - 1 : feature.end]
    return str(bases if feature.strand == "+" else bases.reverse_complement())


def test_writes_the_files_of_every_source_and_nothing_else(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == FILES
    for path in folder.glob("*.gz"):
        flags, *time = path.read_bytes()[3:8]
        assert flags == 0, "the gzip header holds a name"
        assert time == [0, 0, 0, 0]
        gzip.decompress(path.read_bytes())


def test_coding_regions_translate_to_the_proteins(
    features: list[Feature],
    genome: dict[str, Seq],
    proteins: dict[str, str],
    truth: pd.DataFrame,
    entries: Any,
) -> None:
    refseq = {
        ref[1]: accession
        for accession, e in entries.items()
        for ref in e.cross_references
        if ref[0] == "RefSeq"
    }
    mismatched, strands, selenocysteines = set(), set(), set()
    for parts in children(features, "CDS").values():
        spliced = "".join(piece(genome, part) for part in parts).upper()
        name = parts[0].attributes["protein_id"]
        assert spliced[:3] == "ATG"
        assert len(spliced) % 3 == 0
        done = 0
        for part in parts:
            assert int(part.phase) == -done % 3
            done += part.end - part.start + 1
        protein = list(str(Seq(spliced).translate(table=1)))
        exception = parts[0].attributes.get("transl_except")
        if exception:
            first, last = map(int, re.search(r"(\d+)\.\.(\d+)", exception).groups())
            assert ("complement" in exception) == (parts[0].strand == "-")
            codon = piece(genome, parts[0]._replace(start=first, end=last)).upper()
            assert codon == "TGA"
            protein[protein.index("*")] = "U"
            selenocysteines.add(refseq[name])
        assert protein.pop() == "*"
        assert "*" not in protein
        strands.add(parts[0].strand)
        if "".join(protein) != proteins[name]:
            mismatched.add(refseq[name])
    assert mismatched == faulty(truth, "translation_mismatch")
    assert selenocysteines == set(truth.index[truth.selenoprotein])
    assert strands == {"+", "-"}


def test_introns_have_their_signals_and_coding_parts_lie_in_exons(
    features: list[Feature], genome: dict[str, Seq]
) -> None:
    coding = children(features, "CDS")
    exons = children(features, "exon")
    introns = 0
    for transcript, parts in coding.items():
        for before, after in zip(exons[transcript], exons[transcript][1:]):
            ends = sorted([before.start, before.end, after.start, after.end])
            intron = piece(genome, before._replace(start=ends[1] + 1, end=ends[2] - 1)).upper()
            assert intron.startswith("GT")
            assert intron.endswith("AG")
            introns += 1
        for part in parts:
            assert any(exon.start <= part.start and part.end <= exon.end for exon in exons[transcript])
    assert introns > 3 * GENES


def test_annotation_has_regions_tags_variants_and_scaffolds(
    folder: Path, features: list[Feature], genome: dict[str, Seq], truth: pd.DataFrame
) -> None:
    regions = {f.sequence: f for f in features if f.kind == "region"}
    assert {name: region.end for name, region in regions.items()} == {k: len(v) for k, v in genome.items()}
    on_chromosomes = [f for f in features if f.kind == "gene" and f.sequence.startswith("NC_")]
    chromosomes = {f.sequence for f in on_chromosomes}
    assert len(chromosomes) == GENES // 100
    truth_file = json.loads((folder / "TRUTH.json").read_text())
    coding = [f for f in features if f.kind == "gene" and f.attributes["gene_biotype"] == "protein_coding"]
    duplicated, unplaced = truth_file["duplicated_on_alternate_scaffold"], truth_file["unplaced"]
    assert len(coding) == GENES + len(duplicated)
    assert sum(not f.sequence.startswith("NC_") for f in coding) == len(duplicated) + len(unplaced)
    transcripts = children(features, "mRNA")
    tags = [{t.attributes.get("tag") for t in transcripts[f.attributes["ID"]]} - {None} for f in coding]
    assert {tag for own in tags for tag in own} == {"MANE Select", "RefSeq Select"}
    assert all(len(own) <= 1 for own in tags)
    assert 0 < sum(not own for own in tags) < GENES / 4
    assert GENES / 20 < sum(len(transcripts[f.attributes["ID"]]) == 2 for f in coding) < GENES / 4
    assert any(f.kind == "lnc_RNA" for f in features)


def test_entries_are_uniprot_entries(folder: Path, entries: dict[str, SwissProt.Record]) -> None:
    assert len(entries) == GENES
    for accession, entry in entries.items():
        assert ACCESSION.fullmatch(accession)
        assert entry.taxonomy_id == ["32630"]
        length, weight, checksum = entry.seqinfo
        assert length == len(entry.sequence) == entry.sequence_length
        assert 95 < weight / length < 130
        assert f"CRC-{checksum}" == crc64(entry.sequence)
    comments = [line for line in lines_of(folder / "uniprot_sprot_synthetic.dat.gz") if line.startswith("CC")]
    assert max(map(len, comments)) <= 80


def test_entries_hold_the_refseq_proteins(
    entries: dict[str, SwissProt.Record], proteins: dict[str, str], truth: pd.DataFrame
) -> None:
    differing = set()
    for accession, entry in entries.items():
        own = [ref[1] for ref in entry.cross_references if ref[0] == "RefSeq"]
        if entry.sequence != proteins[own[0]]:
            assert len(entry.sequence) == len(proteins[own[0]])
            differing.add(accession)
        assert all(len(proteins[other]) < len(proteins[own[0]]) for other in own[1:])
    assert differing == faulty(truth, "uniprot_mismatch")


def test_comments_tell_the_true_locations_and_organs(
    entries: dict[str, SwissProt.Record], truth: pd.DataFrame
) -> None:
    told, several, notes, denials = 0, 0, 0, 0
    for accession, entry in entries.items():
        comments = dict(comment.split(": ", 1) for comment in reversed(entry.comments))
        if "SUBCELLULAR LOCATION" in comments:
            text = re.sub(r"\s*\{[^}]*\}", "", comments["SUBCELLULAR LOCATION"]).removeprefix("[Isoform 1]: ")
            notes += "Note=" in text
            names = [part.split(";")[0].strip() for part in text.split("Note=")[0].split(".") if part.strip()]
            assert set(truth.locations[accession]) <= set(names)
            assert names[0] == truth.locations[accession][0]
            told += 1
            several += len(names) > 1
        tissue = comments.get("TISSUE SPECIFICITY")
        assert (tissue is None) == (truth.tissue_told[accession] == "nothing")
        if truth.tissue_told[accession] == "organs":
            affirmed = re.split(r"Not detected|Absent|Not expressed", tissue)
            assert all(organ in affirmed[0] for organ in truth.organs[accession])
            denials += len(affirmed) - 1
    assert told > 0.85 * GENES
    assert several > 0.2 * GENES
    assert notes > 0.05 * GENES
    assert denials > 0.03 * GENES


def test_cross_references_tell_the_true_classes(
    entries: dict[str, SwissProt.Record], truth: pd.DataFrame
) -> None:
    for accession, entry in entries.items():
        row = truth.loc[accession]
        pfam = {ref[1] for ref in entry.cross_references if ref[0] == "Pfam"}
        expected = {f"PF{80001 + row.family}"} if row.family >= 0 else set()
        assert pfam == expected | ({f"PF{90001 + row.accessory}"} if row.accessory >= 0 else set())
        phenotypes = {r[1] for r in entry.cross_references if r[0] == "MIM" and r[2] == "phenotype"}
        assert phenotypes == {str(800001 + disease) for disease in row.diseases}


def test_id_mapping_misses_only_the_faulty_proteins(
    folder: Path, entries: dict[str, SwissProt.Record], truth: pd.DataFrame
) -> None:
    rows = [line.split("\t") for line in lines_of(folder / "SYNTH_32630_idmapping.dat.gz")]
    mapped = {
        accession: {row[2] for row in rows if row[:2] == [accession, "RefSeq"]} for accession in entries
    }
    assert {accession for accession, own in mapped.items() if not own} == faulty(truth, "no_id_mapping")
    for accession, own in mapped.items():
        assert own <= {ref[1] for ref in entries[accession].cross_references if ref[0] == "RefSeq"}


def test_vectors_are_float16_and_miss_only_the_faulty_proteins(folder: Path, truth: pd.DataFrame) -> None:
    with h5py.File(folder / "per-protein.h5") as file:
        assert set(truth.index) - set(file) == faulty(truth, "no_vector")
        vectors = {name: file[name][()] for name in file}
    assert {(vector.dtype.name, vector.shape) for vector in vectors.values()} == {("float16", (64,))}
    matrix = np.array(list(vectors.values()), dtype=np.float32)
    assert np.isfinite(matrix).all()
    clan = truth.clan[list(vectors)].to_numpy()
    distances = ((matrix[:, None] - matrix[None]) ** 2).sum(axis=2)
    same = (clan[:, None] == clan[None]) & ~np.eye(len(clan), dtype=bool)
    assert distances[same].mean() < distances[clan[:, None] != clan[None]].mean()


def test_ontology_is_closed_and_without_cycles(folder: Path) -> None:
    stanzas = (folder / "go-basic.obo").read_text().split("\n\n")
    terms = {}
    for stanza in stanzas:
        if stanza.startswith("[Term]") and "is_obsolete: true" not in stanza:
            (name,) = re.findall(r"^id: (GO:\d{7})$", stanza, re.M)
            parents = re.findall(r"^(?:is_a:|relationship: part_of) (GO:\d{7}) !", stanza, re.M)
            (terms[name],) = [parents] if name not in terms else []
    assert all(parent in terms for parents in terms.values() for parent in parents)
    roots = {name for name, parents in terms.items() if not parents}
    assert roots == {"GO:0008150", "GO:0003674", "GO:0005575"}
    depth = dict.fromkeys(roots, 0)
    for _ in range(10):
        depth |= {
            n: 1 + max(depth[p] for p in ps) for n, ps in terms.items() if ps and all(p in depth for p in ps)
        }
    assert set(depth) == set(terms)


def test_annotations_are_gaf_rows_with_experiments_for_all_but_the_faulty(
    folder: Path, truth: pd.DataFrame
) -> None:
    text = (folder / "go-basic.obo").read_text()
    known = set(re.findall(r"^(?:id|alt_id): (GO:\d{7})$", text, re.M))
    lines = lines_of(folder / "goa_synthetic.gaf.gz")
    assert lines[0] == "!gaf-version: 2.2"
    rows = [line.split("\t") for line in lines if not line.startswith("!")]
    assert {len(row) for row in rows} == {17}
    assert {row[4] for row in rows} <= known
    assert {row[8] for row in rows} == {"P", "F", "C"}
    denied = [row for row in rows if row[3].startswith("NOT|")]
    assert 0.01 * GENES < len(denied) < 0.15 * GENES
    assert {"IEA"} < {row[6] for row in rows}
    shown = {row[1] for row in rows if row[6] in EXPERIMENTAL and not row[3].startswith("NOT|")}
    assert set(truth.index) - shown == faulty(truth, "no_experimental_go")


def test_links_are_symmetric_sorted_and_known(folder: Path, truth: pd.DataFrame) -> None:
    header, *lines = lines_of(folder / "32630.protein.links.v12.0.txt.gz")
    assert header == "protein1 protein2 combined_score"
    links = {(a, b): int(score) for a, b, score in map(str.split, lines)}
    assert len(links) == len(lines)
    assert list(links) == sorted(links)
    assert all(links[b, a] == score and a != b for (a, b), score in links.items())
    assert {150 <= score <= 999 for score in links.values()} == {True}
    rows = [line.split("\t") for line in lines_of(folder / "32630.protein.aliases.v12.0.txt.gz")]
    assert rows[0] == ["#string_protein_id", "alias", "source"]
    accession = {row[0]: row[1] for row in rows if row[2] == "UniProt_AC"}
    modules = [(truth.module[accession[a]], truth.module[accession[b]]) for a, b in links]
    assert 0.85 < np.mean([a == b for a, b in modules]) < 0.99


def test_pathways_and_ligands_are_the_true_ones(folder: Path, truth: pd.DataFrame) -> None:
    rows = [line.split("\t") for line in lines_of(folder / "UniProt2Reactome.txt")]
    assert {len(row) for row in rows} == {6}
    own = [(row[0], row[1]) for row in rows if row[5] == "synthetic construct"]
    assert len(own) < len(rows), "rows of another species are there to be passed over"
    assert sorted(own) == sorted((a, f"R-SYN-{900001 + k}") for a, ks in truth.pathways.items() for k in ks)

    pairs = pd.read_csv(folder / "compound_target_pairs.csv", sep=";")
    targets = pd.read_csv(
        folder / "chembl_uniprot_mapping.txt",
        sep="\t",
        comment="#",
        names=["accession", "target", "name", "type"],
    )
    joined = pairs.merge(targets, left_on="target_chembl_id", right_on="target")
    found = zip(joined.accession, joined.parent_chemblid)
    assert sorted(found) == sorted((a, f"CHEMBL{8000001 + k}") for a, ks in truth.ligands.items() for k in ks)
    assert set(pairs.DTI) == {"D_DT", "C3_DT", "C2_DT", "C1_DT", "C0_DT", "DT"}
    assert (pairs.pchembl_value_max_BF >= pairs.pchembl_value_median_BF).all()


def test_melanoma_lines_depend_on_the_true_genes(
    folder: Path, entries: dict[str, SwissProt.Record], truth: pd.DataFrame
) -> None:
    models = pd.read_csv(folder / "Model.csv")
    effects = pd.read_csv(folder / "CRISPRGeneEffect.csv.gz", index_col=0)
    assert models.shape[1] == 49
    assert list(effects.index) == list(models.ModelID)
    melanoma = models[
        (models.OncotreeLineage == "Skin") & (models.OncotreePrimaryDisease == "Melanoma")
    ].ModelID
    assert 5 < len(melanoma) < len(models) / 2
    means = effects.loc[melanoma].mean()
    means.index = [re.fullmatch(r"\S+ \((\d+)\)", title)[1] for title in means.index]
    gene_ids = {a: r[1] for a, e in entries.items() for r in e.cross_references if r[0] == "GeneID"}
    screened = [accession for accession in truth.index if gene_ids[accession] in means]
    assert 0.9 * GENES < len(screened) < GENES
    assert effects.isna().any(axis=None)
    positive = np.array([means[gene_ids[accession]] < -0.5 for accession in screened])
    assert (positive == truth.melanoma[screened]).all()
    assert 0.35 < positive.mean() < 0.55
