"""Builds of two other real species against plain counts from the raw files.

The counts share no code with the package: string operations, Biopython's translation, loops over all pairs.
"""

from __future__ import annotations

import gzip
import itertools
import shutil
from collections import defaultdict

import pytest
from Bio.Seq import Seq
from brute_force import check_function

from genoprot_datasets.build import build
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.merging import merge
from genoprot_datasets.options import LabelOptions
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.relations import Go2VecConfig
from genoprot_datasets.sources import SPECIES


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        yield from (line.rstrip("\n") for line in handle)


def fasta(path):
    found, name = defaultdict(list), None
    for line in lines(path):
        if line.startswith(">"):
            name = line[1:].split()[0]
        else:
            found[name].append(line.upper())
    return {name: "".join(parts) for name, parts in found.items()}


def one(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def coding_regions(folder):
    """Protein accession, sequence, strand and parts of every CDS, and the number of genes with any."""
    parts, about, owner, parent_of = defaultdict(list), {}, {}, {}
    for line in lines(one(folder, "*_genomic.gff.gz")):
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        tags = dict(pair.split("=", 1) for pair in fields[8].split(";") if "=" in pair)
        if fields[2] == "mRNA":
            parent_of[tags["ID"]] = tags["Parent"]
        if fields[2] == "CDS":
            parts[tags["ID"]].append((int(fields[3]), int(fields[4])))
            about[tags["ID"]] = (fields[0], fields[6], tags.get("protein_id", ""), "transl_except" in tags)
            owner[tags["ID"]] = parent_of.get(tags["Parent"], tags["Parent"])
    return parts, about, owner


def spliced(genome, seqid, strand, parts):
    # Rows of a reverse gene stand in the order of transcription, or ascending, as the file's maker liked.
    if strand == "-":
        parts = sorted(parts, reverse=True)
        return "".join(str(Seq(genome[seqid][a - 1 : b]).reverse_complement()) for a, b in parts)
    return "".join(genome[seqid][a - 1 : b] for a, b in parts)


def id_mapping(folder, kind):
    found = defaultdict(set)
    for line in lines(one(folder, "*_idmapping.dat.gz")):
        accession, name, identifier = line.split("\t")
        if name == kind:
            found[identifier].add(accession)
    return found


def links_of(folder):
    rows = itertools.islice(lines(one(folder, "*.protein.links.*")), 1, None)
    return {tuple(row.split(" ")[:2]) for row in rows}


def count_interactions(published, string_ids, links):
    """Annotated records and interacting pairs of each fold, as the manifest must have them.

    The published pairs are these, and the examples are labelled by them.
    """
    linked = {identifier for pair in links for identifier in pair}
    table = published.sequences(["accession", "fold"]).to_pydict()
    counts = {}
    for fold in ("train", "eval"):
        members = [a for a, held in zip(table["accession"], table["fold"]) if held == fold]
        ids = {a: string_ids.get(a, set()) & linked for a in members}
        ids = {a: found for a, found in ids.items() if found}
        positives = {
            (a, b)
            for a, b in itertools.combinations(sorted(ids), 2)
            if any((x, y) in links or (y, x) in links for x in ids[a] for y in ids[b])
        }
        listed = published.interactions(fold).to_pydict()
        assert set(zip(listed["accession_a"], listed["accession_b"])) == positives
        for row in published.task("ppi", fold).to_pylist():
            pair = tuple(sorted((row["accession_a"], row["accession_b"])))
            assert set(pair) <= ids.keys()
            assert (pair in positives) == row["label"]
        counts[fold] = (len(ids), len(positives))
    return counts


def published_interactions(published):
    facts = published.manifest["tasks"]["ppi"]
    return {
        fold: (facts[fold]["records_annotated"], facts[fold]["positives_available"])
        for fold in ("train", "eval")
    }


def check_sequences(published, folder, table):
    """Every record's DNA lies in the genome, its protein is the translation, and its coordinates agree."""
    genome = fasta(one(folder, "*_genomic.fna.gz"))
    parts, about, _ = coding_regions(folder)
    of_protein = {values[2]: name for name, values in about.items() if values[2]}
    rows = published.sequences().to_pylist()
    strands = defaultdict(int)
    for row in rows:
        name = of_protein[row["protein_accession"]]
        seqid, strand, _, excepted = about[name]
        start, end = min(a for a, _ in parts[name]), max(b for _, b in parts[name])
        forward = genome[seqid][start - 1 : end]
        assert (row["start"], row["end"], row["strand"]) == (start, end, strand)
        assert row["dna"] == (forward if strand == "+" else str(Seq(forward).reverse_complement()))
        coding = spliced(genome, seqid, strand, parts[name])
        assert row["coding_fraction"] == pytest.approx(len(coding) / len(forward), rel=1e-6)
        if not excepted:
            assert "M" + str(Seq(coding).translate(table))[1:-1] == row["protein"]
        strands[strand] += 1
    assert min(strands.values()) > len(rows) / 3
    return rows


@pytest.fixture(scope="module")
def ecoli_folder(shared):
    return shared / "data" / "ecoli"


@pytest.fixture(scope="module")
def ecoli(ecoli_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("ecoli") / "llnl" / "geno-prot"
    build(ecoli_folder, out)
    return PublishedDataset.open(out)


def test_ecoli_records(ecoli, ecoli_folder):
    proteins = fasta(one(ecoli_folder, "*_protein.faa.gz"))
    accession_of = id_mapping(ecoli_folder, "RefSeq")
    _, about, owner = coding_regions(ecoli_folder)
    genes = defaultdict(set)
    for name, (*_, protein, _) in about.items():
        genes[owner[name]].add(protein)
    with_protein = {gene for gene, found in genes.items() if found & proteins.keys()}
    named = {
        gene: set().union(*(accession_of[protein] for protein in genes[gene] & proteins.keys()))
        for gene in with_protein
    }
    expected = sorted(accession for found in named.values() for accession in found)
    assert len(expected) == len(set(expected))
    records = ecoli.manifest["records"]
    assert records["genes"] == len(genes)
    assert records["dropped"]["no_protein"]["count"] == len(genes) - len(with_protein)
    assert records["dropped"]["no_uniprot_accession"]["count"] == sum(not found for found in named.values())
    assert sorted(ecoli.sequences(["accession"])["accession"].to_pylist()) == expected
    assert records["kept"] == len(expected) == 4232
    assert records["notes"]["sequence_not_compared"]["count"] == 4232
    assert records["notes"]["selenocysteine"]["count"] == 3


def test_ecoli_sequences(ecoli, ecoli_folder):
    proteins = fasta(one(ecoli_folder, "*_protein.faa.gz"))
    rows = check_sequences(ecoli, ecoli_folder, table=11)
    assert all(row["protein"] == proteins[row["protein_accession"]] for row in rows)
    assert {row["species"] for row in rows} == {83333}
    assert any(row["dna"][:3] != "ATG" and row["protein"][0] == "M" for row in rows)


def test_ecoli_interactions_of_another_strain(ecoli, ecoli_folder):
    string_ids = defaultdict(set)
    for line in lines(one(ecoli_folder, "*.protein.aliases.*")):
        if not line.startswith("#"):
            identifier, accession, source = line.split("\t")
            assert source == "identical_sequence_in_K12_MG1655"
            string_ids[accession].add(identifier)
    counts = count_interactions(ecoli, string_ids, links_of(ecoli_folder))
    assert published_interactions(ecoli) == counts
    assert min(positives for _, positives in counts.values()) > 100
    labels = ecoli.manifest["tasks"]["ppi"]["labels"]
    assert labels["string_taxon"] == 362663
    assert labels["alias_sources"] == ["identical_sequence_in_K12_MG1655"]


def test_ecoli_says_what_it_lacks(ecoli):
    manifest = ecoli.manifest
    assert set(manifest["tasks"]) == {"ppi"}
    assert set(manifest["left_out"]) == {
        "pfam",
        "subcellular",
        "anatomical",
        "function",
        "pathway",
        "drug",
        "melanoma",
        "disease",
    }
    assert manifest["left_out"]["melanoma"] == "DepMap CRISPR gene effects: DepMap screens human cell lines"
    assert "id mapping" in manifest["sources_lacking"]["uniprot"]
    assert "GOA has no file" in manifest["sources_lacking"]["goa"]
    assert manifest["records"]["go_terms"] == "none"
    assert manifest["partition_vectors"]["dimension"] == 420
    assert "dipeptides" in manifest["partition_vectors"]["kind"]


def test_a_strain_without_a_stated_mapping_is_refused(ecoli_folder, tmp_path):
    sources = tmp_path / "sources"
    shutil.copytree(ecoli_folder, sources)
    sources.chmod(0o755)
    links = one(sources, "*.protein.links.*")
    text = gzip.decompress(links.read_bytes()).replace(b"362663.", b"199310.")
    links.chmod(0o644)
    links.write_bytes(gzip.compress(text))
    with pytest.raises(GenoProtError, match=r"protein of taxon 199310, expected 511145 or 362663"):
        build(sources, tmp_path / "out", species=SPECIES["ecoli"])
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def yeast_folder(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("yeast") / "sources"
    folder.mkdir()
    for path in (shared / "data" / "yeast").glob("*.gz"):
        (folder / path.name).symlink_to(path)
    (folder / "go-basic.obo").symlink_to(shared / "data" / "human-slice" / "go-basic.obo")
    return folder


@pytest.fixture(scope="module")
def yeast(yeast_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("yeast") / "llnl" / "geno-prot"
    build(yeast_folder, out, evidence="any", tasks=["ppi", "drug"])
    return PublishedDataset.open(out)


def yeast_terms(folder):
    terms = defaultdict(set)
    for line in lines(folder / "goa_yeast.gaf.gz"):
        if not line.startswith("!"):
            fields = line.split("\t")
            if "NOT" not in fields[3].split("|") and fields[6] != "ND":
                terms[fields[1]].add(fields[4])
    return terms


def yeast_entries(folder):
    """Sequence of every entry, by primary accession."""
    found, accession, sequence = {}, None, []
    for line in lines(folder / "uniprot_sprot_yeast.dat.gz"):
        if line.startswith("AC   ") and accession is None:
            accession = line[5:].split(";")[0]
        elif line.startswith("     "):
            sequence.append(line.replace(" ", ""))
        elif line == "//":
            found[accession] = "".join(sequence)
            accession, sequence = None, []
    return found


def test_yeast_records(yeast, yeast_folder):
    proteins = fasta(one(yeast_folder, "*_protein.faa.gz"))
    accession_of = id_mapping(yeast_folder, "RefSeq")
    entries, terms = yeast_entries(yeast_folder), yeast_terms(yeast_folder)
    _, about, _ = coding_regions(yeast_folder)
    kept, without_protein, without_terms = set(), 0, 0
    for *_, protein, _ in about.values():
        if protein not in proteins:
            without_protein += 1
            continue
        (accession,) = accession_of[protein] & entries.keys()
        assert entries[accession] == proteins[protein]
        if accession in terms:
            kept.add(accession)
        else:
            without_terms += 1
    records = yeast.manifest["records"]
    assert records["genes"] == len(about) == 6568
    assert records["kept"] == len(kept) == 2677
    assert {reason: entry["count"] for reason, entry in records["dropped"].items()} == {
        "no_protein": without_protein,
        "no_go": without_terms,
    }
    table = yeast.sequences(["accession", "go_terms"]).to_pydict()
    assert {a: set(t) for a, t in zip(table["accession"], table["go_terms"])} == {a: terms[a] for a in kept}


def test_yeast_sequences(yeast, yeast_folder):
    rows = check_sequences(yeast, yeast_folder, table=1)
    assert sum(row["coding_fraction"] < 1 for row in rows) > 100
    assert {row["species"] for row in rows} == {559292}


def test_yeast_interactions(yeast, yeast_folder):
    string_ids, by_alias = defaultdict(set), defaultdict(set)
    for identifier, accessions in id_mapping(yeast_folder, "STRING").items():
        for accession in accessions:
            string_ids[accession].add(identifier)
    for line in lines(one(yeast_folder, "*.protein.aliases.*")):
        if not line.startswith("#"):
            identifier, accession, _ = line.split("\t")
            by_alias[accession].add(identifier)
    links = links_of(yeast_folder)
    linked = {identifier for pair in links for identifier in pair}
    for accession, found in by_alias.items():
        if not string_ids[accession] & linked:
            string_ids[accession] = found
    counts = count_interactions(yeast, string_ids, links)
    assert published_interactions(yeast) == counts
    assert yeast.manifest["tasks"]["ppi"]["labels"]["string_taxon"] == 4932


def test_yeast_says_what_it_lacks(yeast):
    manifest = yeast.manifest
    assert "human proteins only" in manifest["left_out"]["drug"]
    assert manifest["options"]["evidence"] == "any"
    assert manifest["partition_vectors"]["dimension"] == 420
    card = (yeast.folder / "README.md").read_text()
    assert "dipeptides" in card
    assert "`go_terms` (any evidence)" in card


def test_both_species_in_one_folder(yeast, ecoli, tmp_path):
    manifest = merge([yeast.folder, ecoli.folder], tmp_path / "one" / "geno-prot")
    assert manifest == merge([ecoli.folder, yeast.folder], tmp_path / "two" / "one" / "geno-prot")
    merged = PublishedDataset.open(tmp_path / "one" / "geno-prot")
    rows = merged.sequences(["accession", "species"]).to_pylist()
    species_of = {row["accession"]: row["species"] for row in rows}
    assert len(species_of) == len(rows) == 2677 + 4232
    assert merged.tasks == ("ppi",)
    for fold in ("train", "eval"):
        table = merged.task("ppi", fold)
        taxa = set()
        for row in table.to_pylist():
            assert species_of[row["accession_a"]] == species_of[row["accession_b"]] == row["species"]
            taxa.add(row["species"])
        assert taxa == {83333, 559292}
        assert table.num_rows == yeast.task("ppi", fold).num_rows + ecoli.task("ppi", fold).num_rows


@pytest.mark.slow
def test_yeast_function(yeast_folder, tmp_path):
    # The term vectors are another test's matter; a short training keeps this one bearable.
    quick = LabelOptions(go2vec=Go2VecConfig(dimension=16, walks_per_node=1, walk_length=10))
    manifest = build(yeast_folder, tmp_path / "geno-prot", evidence="any", options=quick, tasks=["function"])
    terms = yeast_terms(yeast_folder)
    published = PublishedDataset.open(tmp_path / "geno-prot")
    labels = manifest["tasks"]["function"]["labels"]
    used = set().union(*(terms[a] for a in published.sequences(["accession"])["accession"].to_pylist()))
    assert labels["distinct_terms"] == len(used)
    for fold in ("train", "eval"):
        check_function(published, fold, terms)


def test_yeast_has_no_experimental_evidence(yeast_folder, tmp_path):
    with pytest.raises(GenoProtError, match="no gene is left of 6,568; .*--evidence any") as caught:
        build(yeast_folder, tmp_path / "out", tasks=["ppi"])
    assert "\n" not in str(caught.value)
