"""The audit of a published folder."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genoprot_datasets.audit import audit, command
from genoprot_datasets.audit.leakage import (
    dna_digests,
)
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.published import PublishedDataset, split_path

RESIDUES = list("ACDEFGHIKLMNPQRSTVWY")


@pytest.fixture
def folder(synthetic_dataset, tmp_path) -> Path:
    shutil.copytree(synthetic_dataset, tmp_path / "llnl" / "geno-prot")
    return tmp_path / "llnl" / "geno-prot"


def spoil(path: Path, column: str, row: int, value) -> None:
    """Change one value of a Parquet file; a function is given the whole column."""
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[row] = value(values) if callable(value) else value
    index = table.schema.get_field_index(column)
    pq.write_table(
        table.set_column(
            index, table.schema.field(column), pa.array(values, table.schema.field(column).type)
        ),
        path,
    )


def broken(report) -> set[str]:
    return {check["name"] for check in report["checks"] if not check["passed"]}


def test_built_folder_is_green(synthetic_dataset):
    report = audit(synthetic_dataset)
    assert broken(report) == set()
    assert report["green"]
    manifest = json.loads((synthetic_dataset / "MANIFEST.json").read_text())
    assert list(report["tasks"]) == list(manifest["tasks"])
    for task, row in report["tasks"].items():
        assert 0.0 <= row["annotation_count_accuracy"] <= 1.0
        assert ("degree" in row) == (task != "melanoma")


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("label", lambda labels: 1 - labels[0], "classes balanced in every sample"),
        ("label", 2, "classes balanced in every sample"),
        ("accession_b", "P00000", "all members are records of the fold"),
        ("identity", 1.5, "challenge cases follow from the identities"),
        ("challenge", lambda flags: not flags[0], "challenge cases follow from the identities"),
    ],
)
def test_broken_example_is_named(folder, column, value, rule):
    spoil(folder / split_path("ppi", "eval"), column, 0, value)
    report = audit(folder)
    assert not report["green"]
    assert {f"ppi/eval: {rule}", "files are those of the manifest"} <= broken(report)
    assert not {name for name in broken(report) if name.startswith(("pfam", "ppi/train"))}
    assert report["tasks"] == {}


def test_pair_in_the_other_order_is_the_same_pair(folder):
    path = folder / split_path("pfam", "train")
    table = pq.read_table(path).to_pylist()
    first = table[0]
    row = next(k for k, other in enumerate(table) if k and other["label"] == first["label"])
    spoil(path, "accession_a", row, first["accession_b"])
    spoil(path, "accession_b", row, first["accession_a"])
    assert "pfam/train: no example twice in a sample, no record paired with itself" in broken(audit(folder))
    other = next(k for k, pair in enumerate(table) if pair["label"] != first["label"])
    spoil(path, "accession_a", other, first["accession_a"])
    spoil(path, "accession_b", other, first["accession_b"])
    assert "pfam/train: one label per example" in broken(audit(folder))


def test_record_of_the_other_fold_is_named(folder):
    stranger = pq.read_table(folder / split_path("sequences", "train"))["accession"][0].as_py()
    spoil(folder / split_path("melanoma", "eval"), "accession", 0, stranger)
    assert "melanoma/eval: all members are records of the fold" in broken(audit(folder))


def test_unmatched_identities_are_found(folder):
    path = folder / split_path("ppi_matched", "eval")
    spoil(path, "identity", 0, lambda values: 1.0 if values[0] < 0.5 else 0.0)
    assert "ppi_matched/eval: equally many of both classes in every bin of identity" in broken(audit(folder))


@pytest.mark.parametrize(("task", "value"), [("pfam", []), ("disease", ["1"])])
def test_labels_that_do_not_follow_from_the_attributes(folder, task, value):
    accession = pq.read_table(folder / split_path(task, "eval"))["accession_a"][0].as_py()
    path = folder / split_path("attributes", "eval")
    row = pq.read_table(path)["accession"].to_pylist().index(accession)
    spoil(path, task, row, value)
    found = broken(audit(folder))
    assert (f"{task}/eval: all members carry the attribute" in found) == (not value)
    assert f"{task}/eval: labels follow from the attributes" in found
    assert not any(name.startswith("subcellular") for name in found)


def test_melanoma_labels_follow_from_the_effects(folder):
    accession = pq.read_table(folder / split_path("melanoma", "eval"))["accession"][0].as_py()
    path = folder / split_path("attributes", "eval")
    row = pq.read_table(path)["accession"].to_pylist().index(accession)
    spoil(path, "gene_effect", row, lambda effects: -1.0 - effects[row])
    assert "melanoma/eval: labels follow from the attributes" in broken(audit(folder))


@pytest.mark.parametrize("count", ["records_annotated", "positives_available", "negatives_available"])
@pytest.mark.parametrize("task", ["subcellular", "melanoma"])
def test_counts_that_the_manifest_does_not_keep(folder, task, count):
    path = folder / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    manifest["tasks"][task]["train"][count] += 1
    path.write_text(json.dumps(manifest))
    report = audit(folder)
    name = f"{task}/train: as many examples exist as the manifest says"
    assert broken(report) == {name}
    (detail,) = [check["detail"] for check in report["checks"] if check["name"] == name]
    assert "the manifest states" in detail


def test_pair_with_another_label_in_the_matched_variant(folder):
    plain = pq.read_table(folder / split_path("ppi", "train")).to_pylist()[0]
    path = folder / split_path("ppi_matched", "train")
    rows = pq.read_table(path)["label"].to_pylist()
    row = rows.index(1 - plain["label"])
    spoil(path, "accession_a", row, plain["accession_b"])
    spoil(path, "accession_b", row, plain["accession_a"])
    assert "ppi: one label per pair, matched or not" in broken(audit(folder))


def test_wrong_identity_is_found(folder):
    path = folder / split_path("disease", "eval")
    for row in range(pq.read_metadata(path).num_rows):
        spoil(path, "identity", row, 0.123)
    assert "identities are those of the alignments" in broken(audit(folder))


@pytest.mark.parametrize("kind", ["protein", "dna"])
def test_sequence_of_both_folds_is_named(folder, kind):
    donor = pq.read_table(folder / split_path("sequences", "eval")).to_pylist()[3]
    path = folder / split_path("sequences", "train")
    spoil(path, kind, 0, donor[kind])
    manifest_of(folder, agree=True)
    report = audit(folder)
    found = report["leakage"][f"identical_{kind}"]
    assert [[one["fold"] for one in group] for group in found["groups"]] == [["train", "eval"]]
    assert found["groups"][0][1]["accession"] == donor["accession"]
    assert found["groups"][0][1]["gene"] == donor["gene"]
    assert found["eval_records"] == 1
    table = pq.read_table(folder / split_path("ppi", "eval")).to_pylist()
    concerned = [donor["accession"] in (row["accession_a"], row["accession_b"]) for row in table]
    assert found["eval_examples"]["ppi"] == pytest.approx(np.mean(concerned))


def test_same_protein_in_both_folds_breaks_a_rule_where_it_was_ruled_out(folder):
    donor = pq.read_table(folder / split_path("sequences", "eval")).to_pylist()[3]
    spoil(folder / split_path("sequences", "train"), "protein", 0, donor["protein"])
    manifest_of(folder, agree=True, group_identical=True)
    assert "genes of the same protein are in one fold" in broken(audit(folder))


def test_genes_of_the_same_protein(synthetic_sources, tmp_path):
    """Of each of ten genes the protein is given to a second gene; with the option no fold parts the two."""
    from genoprot_datasets import build as builder

    plain = builder.build_records

    def with_twins(*arguments, **options):
        found = plain(*arguments, **options)
        records = list(found.records)
        for k in range(10):
            records[k + 20] = replace(records[k + 20], protein=records[k].protein)
        return replace(found, records=tuple(records))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "build_records", with_twins)
        for grouped in (False, True):
            out = tmp_path / str(grouped) / "geno-prot"
            builder.build(synthetic_sources, out, tasks=["pfam"], group_identical=grouped)
            report = audit(out)
            assert report["green"]
            assert (len(report["leakage"]["identical_protein"]["groups"]) == 0) == grouped
            names = {check["name"] for check in report["checks"]}
            assert ("genes of the same protein are in one fold" in names) == grouped


def manifest_of(folder: Path, *, agree: bool, **options) -> None:
    """Make the manifest agree with changed files, and change options in it."""
    path = folder / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    for name, entry in manifest["files"].items() if agree else ():
        entry["sha256"] = sha256_of(folder / name)
    manifest["options"] |= options
    path.write_text(json.dumps(manifest))


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)


def test_command(folder, tmp_path, capsys):
    out = tmp_path / "audit"
    quick = ("--projection", "pca")
    assert command.run(parsed(str(folder), "--out", str(out), *quick)) == 0
    printed = capsys.readouterr().out
    report = json.loads((out / "audit.json").read_text())
    assert report["green"]
    assert all(len(line) <= 110 for line in printed.splitlines())
    assert f"{len(report['checks'])} rules kept, 0 broken" in printed
    for task in report["tasks"]:
        assert f"\n{task}" in printed
    page = (out / "index.html").read_text()
    assert page.count("<svg") == page.count("</svg>") == 7
    assert not re.search(r"https?://|src=|@import|<link", page)
    assert "prefers-color-scheme: dark" in page
    assert f"{len(report['checks'])} rules kept" in page
    for words in ("25,000", "8,448", "First two principal components", "min_string_score"):
        assert words in page
    assert command.run(parsed(str(folder), "--out", str(tmp_path / "again"), *quick)) == 0
    for name in ("audit.json", "index.html"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()
    (tmp_path / "file").touch()
    with pytest.raises(GenoProtError, match="names a folder"):
        command.run(parsed(str(folder), "--out", str(tmp_path / "file")))

    spoil(folder / split_path("ppi", "eval"), "label", 0, 2)
    capsys.readouterr()
    assert command.run(parsed(str(folder))) == 1
    assert "broken: ppi/eval: classes balanced in every sample" in capsys.readouterr().out


def test_page_of_a_broken_folder(folder, tmp_path, capsys):
    spoil(folder / split_path("ppi", "eval"), "label", 0, 2)
    out = tmp_path / "audit"
    assert command.run(parsed(str(folder), "--out", str(out), "--projection", "none")) == 1
    page = (out / "index.html").read_text()
    assert "ppi/eval: classes balanced in every sample" in page
    assert "Not measured while a rule is broken" in page


def test_croissant_describes_every_column(folder, tmp_path):
    mlcroissant = pytest.importorskip("mlcroissant", reason="needs the extra audit")
    assert command.run(parsed(str(folder), "--out", str(tmp_path / "audit"), "--projection", "none")) == 0
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "audit" / "croissant.json"))
    assert not dataset.metadata.issues.errors
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    sets = {record_set.name: record_set for record_set in dataset.metadata.record_sets}
    assert len(sets) == len(manifest["files"])
    for path in manifest["files"]:
        config, split = path.split("/")[0], path.split("/")[1].split("-")[0]
        names = [field.name for field in sets[f"{config}-{split}"].fields]
        assert names == pq.read_schema(folder / path).names
    rows = list(dataset.records("pfam-eval"))
    table = pq.read_table(folder / split_path("pfam", "eval")).to_pylist()
    assert [row["pfam-eval/accession_a"].decode() for row in rows] == [row["accession_a"] for row in table]


def test_no_such_folder(tmp_path):
    with pytest.raises(GenoProtError, match="no such folder"):
        command.run(parsed(str(tmp_path / "none")))


def test_digests_stand_for_the_dna_of_the_records(folder):
    for split in ("train", "eval"):
        path = folder / split_path("sequences", split)
        shared = pq.read_table(path)["dna"][0].as_py()
        for row in (3, 5):
            spoil(path, "dna", row, shared if split == "train" else "ACGT")
    published = PublishedDataset.open(folder)
    dna = published.sequences(["dna"])["dna"].to_pylist()
    digests = dna_digests(published).to_pylist()
    assert len(set(dna)) < len(dna) - 2
    pairs = set(zip(dna, digests))
    assert len(pairs) == len(set(dna)) == len(set(digests))
