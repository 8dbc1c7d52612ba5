"""The build of 662 real human genes against a plain count from the raw files.

The count shares no code with the package: string operations and loops over all pairs, by the counting rules
in the README of the slice.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import math
import re
from collections import defaultdict

import pytest
from brute_force import check_function

from genoprot_datasets.audit import audit
from genoprot_datasets.build import build
from genoprot_datasets.options import LabelOptions
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.relations import Go2VecConfig

pytestmark = pytest.mark.slow

EXPERIMENTAL = {"EXP", "IDA", "IPI", "IMP", "IGI", "IEP", "HTP", "HDA", "HMP", "HGI", "HEP"}


SAME = {"heart muscle": "heart", "cervix uterine": "cervix", "hippocampal formation": "hippocampus"}
"""Names of one site in the composed sentences."""

READ = {
    "O00170": "heart, placenta, skeletal muscle",
    "O00203": "",
    "O00287": "",
    "O00329": "colon, lung, ovary, small intestine, spleen, testis, thymus, uterus",
    "O00468": "kidney, lung, muscle",
    "O14593": "",
    "O14746": "tonsil",
    "O15533": "",
    "O43516": "brain, colon, heart, kidney, liver, lung, ovary, pancreas, placenta, prostate, "
    "skeletal muscle, small intestine, spleen, testis, thymus",
    "P00533": "",
    "P01732": "",
    "P04637": "bone marrow, brain, colon, intestine, testis",
    "P13569": "airway, bronchus, epithelium, reproductive system, fallopian tube, pancreas, salivary gland, "
    "small intestine, colon, sweat gland, nasal cavity, sebaceous gland, skin",
    "P19544": "kidney",
    "P20963": "lymphoid tissue",
    "P21359": "brain, peripheral nerve, lung, colon, muscle",
    "P25445": "",
    "P26358": "heart, kidney, placenta, spleen, lung, brain, small intestine, colon, liver, skeletal muscle",
    "P26367": "",
    "P35520": "liver, pancreas, heart, brain, lung, kidney",
    "P38398": "",
    "P40763": "heart, brain, placenta, lung, liver, skeletal muscle, kidney, pancreas",
    "P42858": "cerebral cortex, brain, cerebellum, striatum, hippocampus",
    "P49918": "heart, brain, lung, skeletal muscle, kidney, pancreas, testis, eye, placenta, liver",
    "P51149": "skeletal muscle",
    "P51587": "breast, thymus, lung, ovary, spleen",
    "P60484": "heart, brain, placenta, lung, liver, muscle, kidney, pancreas",
    "Q02556": "lymphoid tissue",
    "Q13148": "pancreas, placenta, lung, reproductive system, spleen",
    "Q16586": "skeletal muscle, heart, lung, liver, kidney",
    "Q5HYA8": "spinal cord",
    "Q9BTV4": "placenta, heart, ovary, spleen, small intestine, thymus, prostate, testis",
    "Q9NP59": "placenta, intestine, muscle, spleen",
    "Q9NP85": "kidney",
    "Q9UBH0": "skin, spleen, brain",
    "Q9Y276": "",
}
"""Organs and tissues of the native entries' texts as a person read them: where the protein is, no tumours or
cells. Cardiac muscle is the heart, a glomerulus the kidney, the genital tract the reproductive system."""


@pytest.fixture(scope="module")
def slice_folder(shared):
    return shared / "data" / "human-slice"


@pytest.fixture(scope="module")
def published(slice_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("slice") / "llnl" / "geno-prot"
    # The term vectors are another test's matter; a short training keeps this one quick.
    quick = LabelOptions(go2vec=Go2VecConfig(dimension=16, walks_per_node=1, walk_length=10))
    build(slice_folder, out, options=quick, recogniser="vocabulary")
    return PublishedDataset.open(out)


def lines(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as handle:
        yield from (line.rstrip("\n") for line in handle)


def flat_entries(folder):
    entry, found = [], {}
    for line in lines(folder / "uniprot_sprot_human.dat.gz"):
        if line == "//":
            accession = next(text for text in entry if text.startswith("AC   "))[5:].split(";")[0]
            found[accession] = entry
            entry = []
        else:
            entry.append(line)
    return found


def comments(entry, topic):
    blocks, current = [], None
    for line in entry:
        if not line.startswith("CC   "):
            continue
        if line.startswith("CC   -!- "):
            current = [line[9:]]
            blocks.append(current)
        elif line.startswith("CC       ") and current is not None:
            current.append(line[9:])
    texts = [" ".join(block).replace("- ", "-") for block in blocks]
    return [text[len(topic) + 2 :] for text in texts if text.startswith(topic + ": ")]


def locations(entry):
    found = set()
    for text in comments(entry, "SUBCELLULAR LOCATION"):
        text = re.sub(r"\s*\{[^}]*\}", "", text)
        text = text.split("Note=")[0]
        text = re.sub(r"\[[^\]]*\]:", "", text)
        for part in text.split("."):
            name = part.split(";")[0].strip()
            if name:
                found.add(name)
    return found


def count_pairs(members, attribute):
    return sum(bool(attribute[a] & attribute[b]) for a, b in itertools.combinations(members, 2))


def annotated(members, attribute):
    return [accession for accession in members if attribute.get(accession)]


@pytest.fixture(scope="module")
def folds(published):
    table = published.sequences(["accession", "fold"]).to_pydict()
    found = defaultdict(list)
    for accession, fold in zip(table["accession"], table["fold"]):
        found[fold].append(accession)
    return found


def check(published, folds, task, attribute):
    facts = published.manifest["tasks"][task]
    for fold, members in folds.items():
        members = annotated(members, attribute)
        positives = count_pairs(members, attribute)
        pairs = len(members) * (len(members) - 1) // 2
        assert facts[fold]["records_annotated"] == len(members)
        assert facts[fold]["positives_available"] == positives
        assert facts[fold]["negatives_available"] == pairs - positives
        rows = published.task(task, fold).to_pylist()
        matched = published.task(task, fold, matched=True).to_pylist()
        for row in rows + matched:
            a, b = row["accession_a"], row["accession_b"]
            assert {a, b} <= set(members)
            assert bool(attribute[a] & attribute[b]) == row["label"]
        surplus = defaultdict(int)
        for row in matched:
            place = row.get("sample"), math.floor(row["identity"] * 100 + 1e-5)
            surplus[place] += 1 if row["label"] else -1
        assert surplus
        assert not any(surplus.values())


def experimental_terms(folder):
    terms = defaultdict(set)
    for line in lines(folder / "goa_human.gaf.gz"):
        if line.startswith("!"):
            continue
        fields = line.split("\t")
        if fields[6] in EXPERIMENTAL and "NOT" not in fields[3].split("|"):
            terms[fields[1]].add(fields[4])
    return terms


def test_number_of_records(published, slice_folder):
    terms = experimental_terms(slice_folder)
    records = published.manifest["records"]
    assert records["genes"] == 688
    assert records["dropped"]["no_uniprot_entry"]["count"] == 2
    usable = records["genes"] - 2
    assert usable == 686
    table = published.sequences(["accession", "go_terms"]).to_pydict()
    assert records["kept"] == len(table["accession"]) == 662
    assert {a: set(t) for a, t in zip(table["accession"], table["go_terms"])} == {
        accession: terms[accession] for accession in table["accession"]
    }


def test_pfam_subcellular_and_disease(published, folds, slice_folder):
    entries = flat_entries(slice_folder)
    check(published, folds, "subcellular", {a: locations(entry) for a, entry in entries.items()})
    for task, prefix, ending in (("pfam", "DR   Pfam; ", ""), ("disease", "DR   MIM; ", "; phenotype.")):
        attribute = {
            accession: {
                line[len(prefix) :].split(";")[0]
                for line in entry
                if line.startswith(prefix) and line.endswith(ending)
            }
            for accession, entry in entries.items()
        }
        check(published, folds, task, attribute)


def test_pathway(published, folds, slice_folder):
    attribute = defaultdict(set)
    for line in lines(slice_folder / "UniProt2Reactome.txt"):
        fields = line.split("\t")
        attribute[fields[0]].add(fields[1])
    check(published, folds, "pathway", attribute)


def test_drug(published, folds, slice_folder):
    accessions = defaultdict(set)
    for line in lines(slice_folder / "chembl_uniprot_mapping.txt"):
        if not line.startswith("#"):
            accession, target, _, kind = line.split("\t")
            if kind == "SINGLE PROTEIN":
                accessions[target].add(accession)
    attribute = defaultdict(set)
    with open(slice_folder / "compound_target_pairs.csv", encoding="utf-8") as handle:
        for row in csv.DictReader(handle, delimiter=";"):
            if row["target_type"] == "SINGLE PROTEIN" and row["DTI"] != "NDT" and row["parent_chemblid"]:
                for accession in accessions[row["target_chembl_id"]]:
                    attribute[accession].add(row["parent_chemblid"])
    check(published, folds, "drug", attribute)


def test_ppi(published, folds, slice_folder):
    string_ids = defaultdict(set)
    for line in lines(slice_folder / "HUMAN_9606_idmapping.dat.gz"):
        accession, kind, identifier = line.split("\t")
        if kind == "STRING":
            string_ids[accession].add(identifier)
    links = set()
    for line in itertools.islice(lines(slice_folder / "9606.protein.links.v11.0.txt.gz"), 1, None):
        a, b, _ = line.split(" ")
        links.add((a, b))
    linked = {identifier for pair in links for identifier in pair}
    facts = published.manifest["tasks"]["ppi"]
    for fold, members in folds.items():
        ids = {a: string_ids[a] & linked for a in members}
        ids = {a: found for a, found in ids.items() if found}
        positives = {
            frozenset((a, b))
            for a, b in itertools.combinations(ids, 2)
            if any((x, y) in links for x in ids[a] for y in ids[b])
        }
        pairs = len(ids) * (len(ids) - 1) // 2
        assert facts[fold]["records_annotated"] == len(ids)
        assert facts[fold]["positives_available"] == len(positives)
        assert facts[fold]["negatives_available"] == pairs - len(positives)
        assert {
            frozenset((row["accession_a"], row["accession_b"]))
            for row in published.interactions(fold).to_pylist()
        } == positives
        for row in published.task("ppi", fold).to_pylist():
            pair = frozenset((row["accession_a"], row["accession_b"]))
            assert pair <= ids.keys()
            assert (pair in positives) == row["label"]


def test_melanoma(published, folds, slice_folder):
    with open(slice_folder / "Model.csv", encoding="utf-8") as handle:
        wanted = {
            row["ModelID"]
            for row in csv.DictReader(handle)
            if row["OncotreeLineage"] == "Skin" and row["OncotreePrimaryDisease"] == "Melanoma"
        }
    values = defaultdict(list)
    rows = csv.reader(lines(slice_folder / "CRISPRGeneEffect.csv.gz"))
    genes = [re.search(r"\((\d+)\)$", title)[1] for title in next(rows)[1:]]
    for row in rows:
        if row[0] in wanted:
            for gene, cell in zip(genes, row[1:]):
                if cell:
                    values[gene].append(float(cell))
    table = published.sequences(["accession", "gene_id"]).to_pydict()
    gene_of = dict(zip(table["accession"], table["gene_id"]))
    facts = published.manifest["tasks"]["melanoma"]
    for fold, members in folds.items():
        means = {a: sum(v) / len(v) for a in members if (v := values.get(gene_of[a]))}
        positives = sum(mean < -0.5 for mean in means.values())
        assert facts[fold]["records_annotated"] == len(means)
        assert facts[fold]["positives_available"] == positives
        assert facts[fold]["negatives_available"] == len(means) - positives
        for row in published.task("melanoma", fold).to_pylist():
            assert (means[row["accession"]] < -0.5) == row["label"]


def tissues(folder):
    """Sites of every accession: of composed sentences as listed, of native ones as a person read them."""
    found = {}
    for accession, entry in flat_entries(folder).items():
        text = " ".join(comments(entry, "TISSUE SPECIFICITY"))
        listed = re.fullmatch(r"Detected in ([a-z, ]+)\.", text)
        if listed:
            found[accession] = {SAME.get(name, name) for name in re.split(r", | and ", listed[1])}
        else:
            assert (accession in READ) == bool(text)
            found[accession] = set(READ.get(accession, "").split(", ")) - {""}
    return found


def test_anatomical(published, folds, slice_folder):
    sites = tissues(slice_folder)
    assert sum(bool(found) for found in sites.values()) == 258 + 26
    check(published, folds, "anatomical", sites)


def test_audit_is_green(published):
    report = audit(published.folder)
    assert [check for check in report["checks"] if not check["passed"]] == []
    assert set(report["tasks"]) == set(published.tasks)


@pytest.mark.parametrize("fold", ["train", "eval"])
def test_function(published, slice_folder, fold):
    terms = experimental_terms(slice_folder)
    # No term of this ontology has an older name, so none stands for another one.
    assert not any(line.startswith("alt_id:") for line in lines(slice_folder / "go-basic.obo"))
    check_function(published, fold, terms)


def test_dna_of_every_record_is_in_the_genome(published, slice_folder):
    genome, name = defaultdict(list), None
    for line in lines(slice_folder / "GCF_000001405.39_GRCh38.p13_genomic.fna.gz"):
        if line.startswith(">"):
            name = line[1:].split()[0]
        else:
            genome[name].append(line.upper())
    chromosomes = ["".join(parts) for parts in genome.values()]
    complement = str.maketrans("ACGTN", "TGCAN")
    table = published.sequences(["dna", "strand", "start", "end"]).to_pydict()
    for dna, strand, start, end in zip(table["dna"], table["strand"], table["start"], table["end"]):
        forward = dna if strand == "+" else dna.translate(complement)[::-1]
        assert any(chromosome[start - 1 : end] == forward for chromosome in chromosomes)
