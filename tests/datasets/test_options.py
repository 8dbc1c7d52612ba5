"""Every option of the labels, against plain counts from the raw files of the human slice."""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import json
import random
import re
from collections import defaultdict

import numpy as np
import pytest

from genoprot_datasets import build_command
from genoprot_datasets.anatomy import VocabularyRecogniser
from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.gene_matching import build_records
from genoprot_datasets.labels import LABELLERS, LabelInputs
from genoprot_datasets.options import LabelOptions, add_label_arguments, label_options
from genoprot_datasets.reading import read_record_sources
from genoprot_datasets.relations import Dependency, Go2VecConfig
from genoprot_datasets.sources import SPECIES, locate
from genoprot_datasets.sources.stringdb import CHANNELS

HUMAN = SPECIES["human"]


def parsed(*arguments: str) -> LabelOptions:
    parser = argparse.ArgumentParser()
    add_label_arguments(parser)
    return label_options(parser.parse_args(arguments))


def test_arguments_reach_every_option(tmp_path):
    assert parsed() == LabelOptions()
    vectors = tmp_path / "terms.txt"
    vectors.touch()
    given = parsed(
        *("--location-level", "compartment", "--location-topology", "--leave-out-locations", "Membrane"),
        *(
            "--mim-types",
            "phenotype",
            "gene",
            "--string-channel",
            "experimental",
            "--min-string-score",
            "400",
        ),
        *("--pathway-level", "all", "--dti-classes", "D_DT", "C3_DT", "--melanoma-lineage", "Eye"),
        *("--melanoma-disease", "Ocular Melanoma", "--melanoma-subtype", "Uveal Melanoma"),
        *("--melanoma-threshold=-1", "--go-vectors", str(vectors), "--go-dimension", "8"),
        *("--go-walk-length", "9", "--go-walks-per-node", "3", "--go-window", "4", "--go-p", "0.5"),
        *("--go-q", "2", "--go-epochs", "6"),
    )
    assert given == LabelOptions(
        location_level="compartment",
        location_topology=True,
        locations_left_out=("Membrane",),
        mim_types=("phenotype", "gene"),
        string_channel="experimental",
        min_string_score=400,
        pathway_level="all",
        dti_classes=("D_DT", "C3_DT"),
        melanoma_lineage="Eye",
        melanoma_disease="Ocular Melanoma",
        melanoma_subtype="Uveal Melanoma",
        melanoma_threshold=-1.0,
        go2vec=Go2VecConfig(8, 9, 3, 4, 0.5, 2.0, 6),
        go_vectors=vectors,
    )
    assert given.alternatives == {"links": "links_detailed", "pathways": "pathways_all_levels"}
    assert json.loads(json.dumps(given.as_dict())) == given.as_dict()
    assert given.as_dict()["go_vectors"] == "terms.txt"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"location_level": "deep"}, "location_level: 'deep' is not one of full, compartment"),
        ({"mim_types": ("phenotype", "allele")}, "mim_types: 'allele'"),
        ({"mim_types": ()}, "mim_types: name at least one"),
        ({"min_string_score": 1001}, "min_string_score: 1001"),
        ({"string_channel": "gossip"}, "string_channel: 'gossip'"),
    ],
)
def test_refused(options, words):
    with pytest.raises(GenoProtError, match=words):
        LabelOptions(**options)


def test_impossible_walks_are_refused():
    with pytest.raises(GenoProtError, match="walk_length is 0"):
        Go2VecConfig(walk_length=0)


@pytest.fixture(scope="module")
def slice_folder(shared):
    return shared / "data" / "human-slice"


@pytest.fixture(scope="module")
def inputs_of(slice_folder):
    paths = locate(slice_folder, HUMAN, instead={"pathways": "pathways_all_levels"})
    usual = locate(slice_folder, HUMAN)
    content = read_record_sources(usual, HUMAN, "experimental")
    found = build_records(
        content.annotation,
        usual["genome"],
        content.proteins,
        content.refseq_to_uniprot,
        content.entries,
        content.go_terms,
        content.vectors,
    )
    recogniser = VocabularyRecogniser()

    def inputs(options: LabelOptions, **other) -> LabelInputs:
        return LabelInputs(
            records=found.records,
            entries=content.entries,
            string_ids=content.string_ids,
            paths={**usual, **paths, **other},
            recogniser=recogniser,
            species=HUMAN,
            options=options,
            seed=0,
        )

    return inputs


def lines(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as handle:
        yield from (line.rstrip("\n") for line in handle)


def agree(inputs: LabelInputs, task: str, attribute) -> int:
    """Compare annotated records and positive pairs with a loop over all pairs; gives the number of these."""
    relation = LABELLERS[task](inputs).relation
    names = [record.accession for record in inputs.records]
    assert relation.annotated.tolist() == [bool(attribute.get(name)) for name in names]
    assert relation.degree.tolist() == [len(attribute.get(name, ())) for name in names]
    m = len(names)
    expected = [
        i * m + j
        for i, j in itertools.combinations(range(m), 2)
        if attribute.get(names[i]) and attribute.get(names[j]) and attribute[names[i]] & attribute[names[j]]
    ]
    assert relation.positive_codes(np.arange(m)).tolist() == expected
    return len(expected)


def entries_of(folder):
    text = gzip.decompress((folder / "uniprot_sprot_human.dat.gz").read_bytes()).decode()
    return {re.search(r"^AC   (\w+)", entry, re.M)[1]: entry for entry in text.split("\n//\n")[:-1]}


def location_sentences(entry):
    for block in re.findall(r"^CC   -!- SUBCELLULAR LOCATION: (.*?)(?=^CC   -|^DR|^SQ)", entry, re.M | re.S):
        text = re.sub(r"\s*\{[^}]*\}", "", block.replace("-\nCC       ", "-").replace("\nCC       ", " "))
        text = re.sub(r"\[[^]]*\]:", "", text.split("Note=")[0])
        for sentence in text.split("."):
            parts = [part.strip() for part in sentence.split(";")]
            yield parts[0], [part for part in parts[1:] if part]


def test_locations(inputs_of, slice_folder):
    entries = entries_of(slice_folder)
    sentences = {name: list(location_sentences(entry)) for name, entry in entries.items()}
    compartment = {
        name: {place.split(",")[0] for place, _ in own} - {"", "Membrane", "Secreted"}
        for name, own in sentences.items()
    }
    options = LabelOptions(location_level="compartment", locations_left_out=("membrane", "Secreted"))
    fewer = agree(inputs_of(options), "subcellular", compartment)
    full = {
        name: {place for place, _ in own if place} | {t for _, more in own for t in more}
        for name, own in sentences.items()
    }
    more = agree(inputs_of(LabelOptions(location_topology=True)), "subcellular", full)
    plain = {name: {place for place, _ in own if place} for name, own in sentences.items()}
    assert agree(inputs_of(LabelOptions()), "subcellular", plain) < more
    assert fewer != more


def test_mim_types(inputs_of, slice_folder):
    entries = entries_of(slice_folder)
    attribute = {
        name: {m[1] for m in re.finditer(r"^DR   MIM; (\d+); (phenotype|gene)\.", entry, re.M)}
        for name, entry in entries.items()
    }
    assert agree(inputs_of(LabelOptions(mim_types=("phenotype", "gene"))), "disease", attribute) > 0


def test_pathways_of_all_levels(inputs_of, slice_folder):
    counts = []
    for level, file in (
        ("lowest", "UniProt2Reactome.txt"),
        ("all", "UniProt2Reactome_All_Levels.txt"),
    ):
        attribute = defaultdict(set)
        for line in lines(slice_folder / file):
            attribute[line.split("\t")[0]].add(line.split("\t")[1])
        counts.append(agree(inputs_of(LabelOptions(pathway_level=level)), "pathway", attribute))
    assert counts[0] < counts[1]


def test_ligand_classes(inputs_of, slice_folder):
    accessions = defaultdict(set)
    for line in lines(slice_folder / "chembl_uniprot_mapping.txt"):
        fields = line.split("\t")
        if not line.startswith("#") and fields[3] == "SINGLE PROTEIN":
            accessions[fields[1]].add(fields[0])
    rows = list(csv.DictReader(lines(slice_folder / "compound_target_pairs.csv"), delimiter=";"))
    counts = []
    for classes in (("D_DT",), ("D_DT", "DT", "NDT")):
        attribute = defaultdict(set)
        for row in rows:
            if row["DTI"] in classes and row["target_type"] == "SINGLE PROTEIN" and row["parent_chemblid"]:
                for accession in accessions[row["target_chembl_id"]]:
                    attribute[accession].add(row["parent_chemblid"])
        counts.append(agree(inputs_of(LabelOptions(dti_classes=classes)), "drug", attribute))
    assert 0 < counts[0] < counts[1]


def test_cell_lines_and_threshold(inputs_of, slice_folder):
    models = list(csv.DictReader(lines(slice_folder / "Model.csv")))
    kind = ("Skin", "Melanoma", "Cutaneous Melanoma")
    columns = ("OncotreeLineage", "OncotreePrimaryDisease", "OncotreeSubtype")
    wanted = {row["ModelID"] for row in models if tuple(row[column] for column in columns) == kind}
    rows = csv.reader(lines(slice_folder / "CRISPRGeneEffect.csv.gz"))
    genes = [re.search(r"\((\d+)\)$", title)[1] for title in next(rows)[1:]]
    kept = [row for row in rows if row[0] in wanted]
    means = {}
    for column, gene in enumerate(genes, start=1):
        values = [float(row[column]) for row in kept if row[column]]
        if values:
            means[gene] = sum(values) / len(values)
    options = LabelOptions(melanoma_subtype=kind[2], melanoma_threshold=-0.8)
    inputs = inputs_of(options)
    labels = LABELLERS["melanoma"](inputs)
    assert isinstance(labels.relation, Dependency)
    assert labels.facts["cell_lines"] == len(kept) > 0
    assert labels.facts["effect_threshold"] == -0.8
    for record, annotated, positive in zip(
        inputs.records, labels.relation.annotated, labels.relation.positive, strict=True
    ):
        assert annotated == (record.gene_id in means)
        assert positive == (means.get(record.gene_id, 0.0) < -0.8)


@pytest.mark.parametrize(("channel", "lowest"), [("experimental", 0), ("textmining", 500), ("combined", 990)])
def test_string_channel(inputs_of, slice_folder, tmp_path, channel, lowest):
    """Scores by channel are made up here; the slice has combined ones only."""
    rng = random.Random(1)
    rows = [line.split(" ") for line in itertools.islice(lines(slice_folder / LINKS), 1, None)]
    scores = {tuple(sorted(row[:2])): [rng.choice((0, 0, 300, 500, 900)) for _ in CHANNELS] for row in rows}
    path = tmp_path / "9606.protein.links.detailed.v11.0.txt"
    with open(path, "w", encoding="utf-8") as handle:
        print("protein1 protein2", *CHANNELS, "combined_score", file=handle)
        for a, b, combined in rows:
            print(a, b, *scores[tuple(sorted((a, b)))], combined, file=handle)
    options = LabelOptions(string_channel=channel, min_string_score=lowest)
    key = options.alternatives.get("links", "links")
    inputs = inputs_of(options, **({key: path} if key == "links_detailed" else {}))

    ids = defaultdict(set)
    for line in lines(slice_folder / "HUMAN_9606_idmapping.dat.gz"):
        accession, kind, identifier = line.split("\t")
        if kind == "STRING":
            ids[accession].add(identifier)
    links = set()
    for a, b, combined in rows:
        score = (
            int(combined) if channel == "combined" else scores[tuple(sorted((a, b)))][CHANNELS.index(channel)]
        )
        if score >= lowest and (score > 0 or channel == "combined"):
            links |= {(a, b), (b, a)}
    names = [record.accession for record in inputs.records]
    partners = {
        name: {other for x in ids[name] for y, other in owners(ids, names) if (x, y) in links}
        for name in names
    }
    relation = LABELLERS["ppi"](inputs).relation
    m = len(names)
    expected = [i * m + j for i, j in itertools.combinations(range(m), 2) if names[j] in partners[names[i]]]
    assert relation.positive_codes(np.arange(m)).tolist() == expected
    assert relation.degree.tolist() == [len(partners[name] - {name}) for name in names]
    assert len(expected) > 0


LINKS = "9606.protein.links.v11.0.txt.gz"


def owners(ids, names):
    return [(identifier, name) for name in names for identifier in ids[name]]


def test_channel_without_its_file(inputs_of, slice_folder):
    options = LabelOptions(string_channel="experimental")
    with pytest.raises(GenoProtError, match=r"9606.protein.links.detailed.v\*.txt") as caught:
        locate(slice_folder, HUMAN, ["ppi"], options.alternatives)
    assert "\n" not in str(caught.value)
    inputs = inputs_of(options, links_detailed=slice_folder / LINKS)
    with pytest.raises(SourceError, match="no scores of channel experimental in it; expected a file"):
        LABELLERS["ppi"](inputs)


def test_given_term_vectors(inputs_of, tmp_path):
    inputs = inputs_of(LabelOptions())
    used = sorted(set().union(*(record.go_terms for record in inputs.records)))
    rng = np.random.default_rng(0)
    kept = used[: len(used) // 2]
    vectors = {term: rng.normal(size=6).astype(np.float32) for term in kept}
    path = tmp_path / "terms.txt"
    with open(path, "w", encoding="utf-8") as handle:
        print(len(kept) + 1, 6, file=handle)
        print("P04637", *range(6), file=handle)
        for term, vector in vectors.items():
            print(term, *vector.tolist(), file=handle)
    labels = LABELLERS["function"](inputs_of(LabelOptions(go_vectors=path)))
    relation = labels.relation
    sets = [[term for term in record.go_terms if term in vectors] for record in inputs.records]
    assert relation.annotated.tolist() == [bool(own) for own in sets]
    assert labels.facts["vectors"]["file"] == "terms.txt"
    assert labels.facts["vectors"]["dimension"] == 6
    assert labels.facts["terms_without_vector"] == len(used) - len(kept)

    members = np.flatnonzero(relation.annotated)
    table = np.full((len(members), len(members)), np.nan)
    for start, block in relation.similarity(members):
        table[start : start + len(block), start:] = block

    def cosine(a: str, b: str) -> float:
        x, y = vectors[a].astype(float), vectors[b].astype(float)
        return float(x @ y / np.sqrt((x @ x) * (y @ y)))

    worst = 0.0
    for i, j in np.sort(rng.integers(0, len(members), size=(1000, 2)), axis=1):
        left, right = sets[members[i]], sets[members[j]]
        forward = np.mean([max(cosine(a, b) for b in right) for a in left])
        backward = np.mean([max(cosine(a, b) for a in left) for b in right])
        worst = max(worst, abs(float(table[i, j]) - min(forward, backward)))
    assert worst < 1e-6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no vector of a term"),
        ("GO:0000001 1 2\nGO:0000002 1\n", "line 2, record GO:0000002: 1 dimensions, expected 2"),
        ("GO:0000001 1 2\nGO:0000001 1 2\n", "line 2, record GO:0000001: second vector"),
        ("GO:0000001 1 two\n", "no number"),
        ("GO:0000001 1 nan\n", "not finite"),
        ("2 2\nGO:0000001\n", "line 2, record GO:0000001: node without a vector"),
        ("GO:9999999 1 2\n", "no vector of any term that annotates a record"),
    ],
)
def test_damaged_term_vectors(inputs_of, tmp_path, text, words):
    path = tmp_path / "terms.txt"
    path.write_text(text)
    with pytest.raises(SourceError, match=words):
        LABELLERS["function"](inputs_of(LabelOptions(go_vectors=path)))


def test_command_records_the_options(synthetic_sources, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    build_command.add_arguments(parser)
    arguments = ["--sources", str(synthetic_sources), "--out", str(tmp_path / "llnl" / "geno-prot")]
    more = [
        "--tasks",
        "melanoma",
        "subcellular",
        "--location-level",
        "compartment",
        "--melanoma-threshold=-0.3",
    ]
    assert build_command.run(parser.parse_args(arguments + more)) == 0
    capsys.readouterr()
    manifest = json.loads((tmp_path / "llnl" / "geno-prot" / "MANIFEST.json").read_text())
    assert manifest["options"]["location_level"] == "compartment"
    assert manifest["options"]["melanoma_threshold"] == -0.3
    assert manifest["options"]["mim_types"] == ["phenotype"]
    assert manifest["tasks"]["melanoma"]["labels"]["effect_threshold"] == -0.3
