"""Species that no real files were at hand for, built from a synthetic proteome under their names and taxa.

The files have the names under which `genoprot download` saves them. A mitochondrial gene is added, whose
codons mean something else by the nuclear code.
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from Bio.Seq import Seq

from genoprot_datasets.audit import audit
from genoprot_datasets.build import build
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.options import LabelOptions
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.relations import Go2VecConfig
from genoprot_datasets.sources import SPECIES, detect_species, locate, sources_of

OTHERS = ("mouse", "rat", "zebrafish", "fly", "worm", "arabidopsis")
QUICK = LabelOptions(go2vec=Go2VecConfig(dimension=8, walks_per_node=1, walk_length=10))

CODONS = {
    1: ["GCT", "ATA", "AGA", "TGT"],
    2: ["GCT", "ATA", "TGA", "TGT"],
    5: ["GCT", "ATA", "TGA", "AGA", "TGT"],
}
"""Codons of the mitochondrial gene by its code; tables 1, 2 and 5 read ATA, TGA and AGA in different ways."""

MT = "NC_999999.1"
MT_GENE, MT_ACCESSION, MT_PROTEIN = "mt-Nd9", "Q99999", "YP_999999.1"


def read(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


def taxon_replaced(content: bytes, old: int, new: int) -> bytes:
    """Every place in which a source writes a taxon id; not the same digits elsewhere."""
    for before, after in (("taxon:", ""), ("NCBI_TaxID=", ""), ("wwwtax.cgi?id=", ""), ("", ".SYNP")):
        content = content.replace(f"{before}{old}{after}".encode(), f"{before}{new}{after}".encode())
    return content


def mitochondrial_gene(species) -> tuple[str, str]:
    """DNA of 3 bases before, a coding region on the reverse strand, 4 after; and its protein."""
    coding = "ATG" + "".join(CODONS[species.mitochondrial_code]) * 20 + "TAA"
    protein = str(Seq(coding).translate(species.mitochondrial_code))
    assert protein[0] == "M"
    assert protein.index("*") == len(protein) - 1
    return "CCC" + str(Seq(coding).reverse_complement()) + "GGGG", protein[:-1]


def addition(key: str, species) -> str:
    """What the mitochondrial gene adds to a source."""
    dna, protein = mitochondrial_gene(species)
    place = f"4\t{len(dna) - 4}\t.\t-"
    tags = f"Dbxref=GeneID:999999;gene={MT_GENE}"
    return {
        "genome": f">{MT} {species.title} mitochondrion, complete genome\n{dna}\n",
        "annotation": f"{MT}\tRefSeq\tregion\t1\t{len(dna)}\t.\t+\t.\tID={MT}:1..{len(dna)};"
        f"Dbxref=taxon:{species.assembly_taxon};Name=MT;gbkey=Src;genome=mitochondrion;mol_type=genomic DNA\n"
        f"{MT}\tRefSeq\tgene\t{place}\t.\tID=gene-{MT_GENE};{tags};gene_biotype=protein_coding\n"
        f"{MT}\tRefSeq\tCDS\t{place}\t0\tID=cds-{MT_PROTEIN};Parent=gene-{MT_GENE};{tags};"
        f"protein_id={MT_PROTEIN}\n",
        "proteins": f">{MT_PROTEIN} made-up protein (mitochondrion) [{species.title}]\n{protein}\n",
        "uniprot": f"ID   ND9_{species.mnemonic.partition('_')[0]}   Reviewed;   {len(protein)} AA.\n"
        f"AC   {MT_ACCESSION};\nDE   RecName: Full=Made-up protein;\nGN   Name={MT_GENE};\n"
        f"OS   {species.title}.\nOX   NCBI_TaxID={species.taxon};\n"
        f"SQ   SEQUENCE   {len(protein)} AA;  1 MW;  0000000000000000 CRC64;\n     {protein}\n//\n",
        "idmapping": f"{MT_ACCESSION}\tRefSeq\t{MT_PROTEIN}\n",
        "goa": f"UniProtKB\t{MT_ACCESSION}\t{MT_GENE}\tlocated_in\tGO:9000008\tPMID:1\tIDA\t\tC\t\t\t"
        f"protein\ttaxon:{species.taxon}\t20240101\tUniProt\t\t\n",
    }.get(key, "")


def compose(folder: Path, synthetic: Path, name: str, *, vectors: bool = False) -> Path:
    """The sources of a species: a synthetic proteome rewritten."""
    species, own = SPECIES[name], SPECIES["synthetic"]
    folder.mkdir()
    present = locate(synthetic, own)
    for spec in sources_of(species):
        if spec.key == "vectors":
            if vectors:
                shutil.copyfile(present["vectors"], folder / spec.file_name)
            continue
        taxon = species.string_taxon if spec.key in ("links", "aliases") else species.taxon
        content = taxon_replaced(read(present[spec.key]), own.taxon, taxon)
        content = content.replace(own.title.encode(), species.title.encode())
        write(folder / spec.file_name, content + addition(spec.key, species).encode())
    return folder


@pytest.mark.parametrize("name", OTHERS)
def test_species_is_built(name, synthetic_sources, tmp_path):
    species = SPECIES[name]
    sources = compose(tmp_path / "sources", synthetic_sources, name)
    assert detect_species(sources) is species
    out = tmp_path / "llnl" / "geno-prot"
    manifest = build(sources, out, species=species, options=QUICK, identities=name == "mouse")
    assert manifest["species"] == {"name": name, "taxon": species.taxon, "title": species.title}
    assert set(manifest["tasks"]) == {"pfam", "subcellular", "anatomical", "function", "ppi", "disease"}
    assert manifest["tasks"]["ppi"]["labels"]["string_taxon"] == species.taxon

    pathways = "no pathways" if name == "arabidopsis" else "from human ones"
    assert manifest["left_out"].keys() == {"pathway", "drug", "melanoma"}
    assert manifest["left_out"]["pathway"].startswith("Reactome pathways: Reactome ")
    assert pathways in manifest["left_out"]["pathway"]
    assert species.title in manifest["left_out"]["pathway"]
    assert manifest["left_out"]["drug"].endswith("used for human proteins only")
    assert manifest["left_out"]["melanoma"].endswith("DepMap screens human cell lines")
    assert "dipeptides" in manifest["sources_lacking"]["vectors"]
    assert manifest["partition_vectors"]["dimension"] == 420

    records = {row["accession"]: row for row in PublishedDataset.open(out).sequences().to_pylist()}
    assert {row["species"] for row in records.values()} == {species.taxon}
    dna, protein = mitochondrial_gene(species)
    assert records[MT_ACCESSION]["protein"] == protein
    assert records[MT_ACCESSION]["dna"] == str(Seq(dna[3:-4]).reverse_complement())
    assert records[MT_ACCESSION]["chromosome"] == "MT"
    card = (out / "README.md").read_text()
    assert f"# GENO-PROT: {species.title}" in card
    report = audit(out)
    assert report["green"]
    assert report["not_recomputed"] == []


def test_nuclear_code_would_not_do(synthetic_sources, tmp_path):
    """The mouse's mitochondrial gene taken for a nuclear one is dropped: it translates to something else."""
    sources = compose(tmp_path / "sources", synthetic_sources, "mouse")
    path = sources / spec_of("mouse", "annotation").file_name
    write(path, read(path).replace(b"genome=mitochondrion", b"genome=chromosome"))
    manifest = build(sources, tmp_path / "out", tasks=["ppi"], identities=False)
    assert MT_GENE in manifest["records"]["dropped"]["translation_mismatch"]["genes"]


def test_records_are_those_of_the_synthetic_proteome(synthetic_sources, synthetic_dataset, tmp_path):
    sources = compose(tmp_path / "sources", synthetic_sources, "mouse", vectors=True)
    manifest = build(sources, tmp_path / "out", tasks=["ppi", "pfam"], identities=False)
    assert manifest["partition_vectors"]["kind"] == "Per-protein embeddings"
    before = json.loads((synthetic_dataset / "MANIFEST.json").read_text())
    assert manifest["records"]["kept"] == before["records"]["kept"]
    for task in ("ppi", "pfam"):
        assert manifest["tasks"][task]["labels"] | {"string_taxon": 0} == (
            before["tasks"][task]["labels"] | {"string_taxon": 0}
        )
        for fold in ("train", "eval"):
            for count in ("records_annotated", "positives_available", "negatives_available"):
                assert manifest["tasks"][task][fold][count] == before["tasks"][task][fold][count]


def spec_of(name: str, key: str):
    (spec,) = [spec for spec in sources_of(SPECIES[name]) if spec.key == key]
    return spec


@pytest.mark.parametrize("key", ["annotation", "uniprot", "idmapping", "goa", "links", "aliases"])
def test_file_of_another_species_is_refused(key, synthetic_sources, tmp_path):
    """A file of the rat under the name of the mouse's."""
    sources = compose(tmp_path / "sources", synthetic_sources, "mouse")
    path = sources / spec_of("mouse", key).file_name
    write(path, taxon_replaced(read(path), 10090, 10116))
    with pytest.raises(GenoProtError, match=r"taxon 10116, expected 10090 \(Mus musculus\)") as caught:
        build(sources, tmp_path / "out", species=SPECIES["mouse"], tasks=["ppi"], identities=False)
    assert str(caught.value).startswith(str(path))
    assert not (tmp_path / "out").exists()


def test_missing_files_are_named_with_their_addresses(synthetic_sources, tmp_path):
    sources = compose(tmp_path / "sources", synthetic_sources, "zebrafish")
    (sources / "goa_zebrafish.gaf.gz").unlink()
    with pytest.raises(GenoProtError, match="goa_zebrafish.gaf.gz") as caught:
        build(sources, tmp_path / "out", species=SPECIES["zebrafish"])
    assert "GO/goa/ZEBRAFISH/goa_zebrafish.gaf.gz" in str(caught.value)
