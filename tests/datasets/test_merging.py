"""Several species in one folder: two synthetic proteomes, of which one is given another taxon."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from genoprot_datasets.audit import audit
from genoprot_datasets.audit.page import render_page
from genoprot_datasets.audit.text import render
from genoprot_datasets.build import build
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of, write_parquet
from genoprot_datasets.merging import merge, run
from genoprot_datasets.published import MANIFEST_NAME, PublishedDataset
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.synthetic import synthesize

TAXA = {32630: "synthetic", 32644: "other"}
TASKS = ["pfam", "melanoma", "ppi"]
TWINS = ("synthetic", "twin")
MEDIAN = "the threshold is the median over all pairs"


def rename(folder, taxon, name):
    """Turn a folder into one of another species, whose accessions begin with another letter."""
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    for path, entry in {**manifest["files"], **manifest["provenance"]}.items():
        table = pq.read_table(folder / path)
        for column in table.column_names:
            values = table[column].to_pylist()
            if column.startswith("accession"):
                values = [value and "O" + value[1:] for value in values]
            elif column == "species":
                values = [taxon] * len(values)
            place = table.column_names.index(column)
            table = table.set_column(place, table.field(column), pa.array(values, table.field(column).type))
        write_parquet(table, folder / path)
        entry["sha256"] = sha256_of(folder / path)
    lines = "\n".join(f"{path} {entry['sha256']}" for path, entry in manifest["files"].items())
    manifest["fingerprint"] = hashlib.sha256(lines.encode()).hexdigest()
    manifest["species"] = {"name": name, "taxon": taxon, "title": f"{name} construct"}
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def parts(synthetic_sources, tmp_path_factory):
    """Folders of two species: `synthetic` with all tasks but one, `other` with fewer."""
    folder = tmp_path_factory.mktemp("parts")
    build(synthetic_sources, folder / "synthetic", tasks=TASKS)
    sources = folder / "sources"
    synthesize(sources, genes=120, seed=1)
    build(sources, folder / "other", tasks=TASKS[:2])
    rename(folder / "other", 32644, "other")
    return folder / "synthetic", folder / "other"


@pytest.fixture(scope="module")
def merged(parts, tmp_path_factory):
    out = tmp_path_factory.mktemp("merged") / "llnl" / "geno-prot"
    return PublishedDataset.open(merge(parts, out) and out)


def test_every_row_is_that_of_its_species(parts, merged):
    for config in ["sequences", "pfam", "melanoma", "ppi", "pfam_matched"]:
        for fold in FOLDS:
            path = f"{config}/{fold}-00000-of-00001.parquet"
            table = pq.read_table(merged.folder / path)
            expected = []
            for part, taxon in zip(parts, TAXA):
                if (part / path).exists():
                    expected += [row | {"species": taxon} for row in pq.read_table(part / path).to_pylist()]
            assert table.to_pylist() == expected
            assert table.schema.field("species").type == pa.int64()
    fates = pq.read_table(merged.folder / "records.parquet")
    assert fates.num_rows == sum(pq.read_metadata(part / "records.parquet").num_rows for part in parts)
    assert set(fates["species"].to_pylist()) == set(TAXA)


def test_manifest_keeps_what_each_species_says(parts, merged):
    manifests = {part.name: json.loads((part / MANIFEST_NAME).read_text()) for part in parts}
    assert merged.manifest["parts"] == manifests
    assert [entry["taxon"] for entry in merged.manifest["species"]] == list(TAXA)
    for key in ("genes", "kept"):
        assert merged.manifest["records"][key] == sum(m["records"][key] for m in manifests.values())
    task = merged.manifest["tasks"]["pfam"]
    assert task["species"] == list(TAXA.values())
    assert task["eval"]["per_class"] == sum(
        m["tasks"]["pfam"]["eval"]["per_class"] for m in manifests.values()
    )
    assert merged.manifest["tasks"]["ppi"]["species"] == ["synthetic"]
    assert merged.manifest["left_out"]["drug"] == "synthetic: not asked for; other: not asked for"
    lines = "\n".join(f"{path} {entry['sha256']}" for path, entry in merged.manifest["files"].items())
    assert merged.fingerprint == hashlib.sha256(lines.encode()).hexdigest()


def test_the_order_of_the_folders_does_not_matter(parts, merged, tmp_path):
    again = tmp_path / "llnl" / "geno-prot"
    merge(parts[::-1], again)
    names = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert names == sorted(p.relative_to(merged.folder) for p in merged.folder.rglob("*") if p.is_file())
    for name in names:
        assert (again / name).read_bytes() == (merged.folder / name).read_bytes()


def test_load_dataset_reads_it(merged, monkeypatch, tmp_path):
    from datasets import load_dataset

    monkeypatch.chdir(merged.folder.parent.parent)
    for config in ("pfam", "melanoma", "ppi", "sequences", "attributes", "interactions"):
        loaded = load_dataset("llnl/geno-prot", config, cache_dir=str(tmp_path))
        assert (
            loaded["eval"].num_rows
            == merged.manifest["files"][f"{config}/eval-00000-of-00001.parquet"]["rows"]
        )
        assert set(loaded["train"]["species"]) <= set(TAXA)


def test_card_and_audit(merged):
    card = (merged.folder / "README.md").read_text()
    assert "# GENO-PROT: synthetic construct and other construct" in card
    assert "| `ppi` | Do proteins A and B interact? |" in card
    assert "left out: not asked for" in card
    front_matter = yaml.safe_load(card.split("---\n")[1])
    described = {entry["config_name"]: entry["features"] for entry in front_matter["dataset_info"]}
    for path in merged.manifest["files"]:
        config, _, split = path.partition("/")
        if split.startswith("eval"):
            names = [feature["name"] for feature in described[config]]
            assert names == pq.read_schema(merged.folder / path).names
    found = audit(merged.folder)
    names = {check["name"]: check["passed"] for check in found["checks"]}
    assert names["pfam/eval: no pair joins two species"]
    assert names["pfam/train: challenge cases follow from the identities"]
    assert names["files are those of the manifest"]


def refused(parts, tmp_path, message):
    with pytest.raises(GenoProtError, match=message) as caught:
        merge(parts, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_refused(parts, merged, tmp_path):
    refused(parts[:1], tmp_path, "two species or more")
    refused([parts[0], parts[0]], tmp_path, r"are both of synthetic construct \(32630\)")
    refused([parts[0], merged.folder], tmp_path, "of several species already")
    refused([parts[0], tmp_path / "nowhere"], tmp_path, "no such folder")
    same = tmp_path / "same"
    shutil.copytree(parts[0], same)
    manifest = json.loads((same / MANIFEST_NAME).read_text())
    manifest["species"] = {"name": "x", "taxon": 10090, "title": "Mus musculus"}
    (same / MANIFEST_NAME).write_text(json.dumps(manifest))
    refused([same, parts[1]], tmp_path, r"records of species \[32630\], the manifest says 10090")
    rows = pq.read_table(same / "ppi" / "eval-00000-of-00001.parquet")
    write_parquet(rows.slice(1), same / "ppi" / "eval-00000-of-00001.parquet")
    refused([same, parts[1]], tmp_path, "eval-00000-of-00001.parquet: not the file of the manifest")


def test_one_accession_belongs_to_one_species(parts, tmp_path):
    clash = tmp_path / "clash"
    shutil.copytree(parts[0], clash)
    rename(clash, 10090, "mouse")
    other = tmp_path / "other"
    shutil.copytree(clash, other)
    rename(other, 10116, "rat")
    refused([clash, other], tmp_path, r"accession O\w+ is in .*clash and in .*other")


def test_an_example_of_another_folder_is_refused(parts, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(parts[0], mixed)
    path = mixed / "pfam" / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    stranger = PublishedDataset.open(parts[1]).sequences(["accession"])["accession"][0].as_py()
    column = pa.array([stranger, *table["accession_a"].to_pylist()[1:]])
    write_parquet(table.set_column(0, table.field(0), column), path)
    manifest = json.loads((mixed / MANIFEST_NAME).read_text())
    manifest["files"]["pfam/train-00000-of-00001.parquet"]["sha256"] = sha256_of(path)
    (mixed / MANIFEST_NAME).write_text(json.dumps(manifest))
    refused([mixed, parts[1]], tmp_path, "pfam train names an accession without a record")


@pytest.fixture(scope="module")
def twins(synthetic_sources, tmp_path_factory):
    """Folders of two species with the same proteins, each divided by another seed."""
    folder = tmp_path_factory.mktemp("twins")
    for seed, name in enumerate(TWINS):
        build(synthetic_sources, folder / name, tasks=TASKS, seed=seed, group_identical=True)
    rename(folder / "twin", 32644, "twin")
    return folder / "synthetic", folder / "twin"


def proteins_of(table, protein_of) -> list[set[str]]:
    members = [name for name in table.column_names if name.startswith("accession")]
    return [{protein_of[row[name]] for name in members} for row in table.to_pylist()]


def test_identical_proteins_are_counted(twins, tmp_path, capsys):
    out = tmp_path / "geno-prot"
    run(argparse.Namespace(folders=list(twins), out=out, drop_identical=False))
    folds = [PublishedDataset.open(part).sequences(["protein", "fold"]).to_pylist() for part in twins]
    sets = {
        fold: [{row["protein"] for row in rows if row["fold"] == fold} for rows in folds] for fold in FOLDS
    }
    shared = set.union(*sets["train"]) & set.union(*sets["eval"])
    across = (sets["train"][0] & sets["eval"][1]) | (sets["train"][1] & sets["eval"][0])
    assert across
    found = PublishedDataset.open(out).manifest["identical_proteins"]
    assert found["in_both_folds"] == len(shared)
    assert found["across_species"] == len(across)
    assert found["dropped"] == {}
    assert f"proteins in both folds: {len(shared)}, of which {len(across)} in" in capsys.readouterr().out

    report = audit(out)
    assert report["green"]
    assert report["leakage"]["identical_protein"]["across_species"] == len(across)
    assert report["leakage"]["identical_protein"]["train_examples"]["pfam"] > 0.1
    names = {check["name"] for check in report["checks"]}
    assert "genes of the same protein of twin construct are in one fold" in names
    assert "no train example has a protein of the eval fold" not in names
    assert f"{len(across)} of them in different species" in render(report)
    page = render_page(report, PublishedDataset.open(out).manifest)
    assert "merge --drop-identical</code> leaves their train examples out" in page


def test_train_examples_with_proteins_of_the_eval_folds_are_dropped(twins, tmp_path, capsys):
    out = tmp_path / "geno-prot"
    run(argparse.Namespace(folders=list(twins), out=out, drop_identical=True))
    merged = PublishedDataset.open(out)
    records = merged.sequences(["accession", "protein", "fold"]).to_pylist()
    protein_of = {row["accession"]: row["protein"] for row in records}
    evaluated = {row["protein"] for row in records if row["fold"] == "eval"}
    dropped = merged.manifest["identical_proteins"]["dropped"]
    total = 0
    for task in TASKS:
        for matched in (False, True)[: 1 + (task in merged.matched_tasks)]:
            config = f"{task}_matched" if matched else task
            table = merged.task(task, "train", matched=matched)
            assert not any(own & evaluated for own in proteins_of(table, protein_of))
            for part in twins:
                before = PublishedDataset.open(part)
                taxon, name = before.manifest["species"]["taxon"], before.manifest["species"]["name"]
                rows = before.task(task, "train", matched=matched)
                leaking = [bool(own & evaluated) for own in proteins_of(rows, protein_of)]
                left = table.filter(pc.equal(table["species"], taxon)).drop_columns("species").to_pylist()
                counts = dropped[config][name]
                assert counts["with_identical"] == sum(leaking) > 0
                assert len(left) == 2 * counts["per_class"]
                assert len(left) == rows.num_rows - counts["with_identical"] - counts["to_balance"]
                assert sum(row["label"] for row in left) == counts["per_class"]
                if not matched:
                    labels = [row["label"] for row, own in zip(rows.to_pylist(), leaking) if not own]
                    assert counts["per_class"] == min(sum(labels), len(labels) - sum(labels))
                everything = iter(rows.to_pylist())
                assert all(row in everything for row in left), "in the order they had"
                total += counts["with_identical"] + counts["to_balance"]
                evaluation = merged.task(task, "eval", matched=matched)
                own = evaluation.filter(pc.equal(evaluation["species"], taxon)).drop_columns("species")
                assert own == before.task(task, "eval", matched=matched)
    assert f"{total:,} train examples left out" in capsys.readouterr().out
    facts = merged.manifest["tasks"]["pfam"]
    assert facts["train"]["per_class"] * 2 == merged.task("pfam", "train").num_rows
    assert facts["matched"]["train"]["per_class"] * 2 == merged.task("pfam", "train", matched=True).num_rows
    card = (out / "README.md").read_text()
    assert f"| {dropped['pfam']['twin']['per_class']:,}; 10 x" in card
    assert "protein sequences are in both folds; no train example has one of them." in card

    report = audit(out)
    assert report["green"]
    names = {check["name"] for check in report["checks"]}
    assert "no train example has a protein of the eval fold" in names
    assert set(report["leakage"]["identical_protein"]["train_examples"].values()) == {0.0}
    assert "were left out" in render_page(report, merged.manifest)


def test_train_example_that_should_have_been_dropped(twins, tmp_path):
    out = tmp_path / "geno-prot"
    merge(twins, out)
    manifest = json.loads((out / MANIFEST_NAME).read_text())
    manifest["options"]["drop_identical"] = True
    (out / MANIFEST_NAME).write_text(json.dumps(manifest))
    broken = {check["name"] for check in audit(out)["checks"] if not check["passed"]}
    assert broken == {"no train example has a protein of the eval fold"}


def test_grouping_of_one_species_is_checked(twins, tmp_path):
    """Of two folders built with the option, one is spoilt before they are joined."""
    spoilt = tmp_path / "twin"
    shutil.copytree(twins[1], spoilt)
    donor = pq.read_table(spoilt / "sequences/eval-00000-of-00001.parquet")["protein"][0].as_py()
    path = spoilt / "sequences/train-00000-of-00001.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("protein")
    column = pa.array([donor, *table["protein"].to_pylist()[1:]])
    write_parquet(table.set_column(place, table.field(place), column), path)
    rename(spoilt, 32644, "twin")
    merge([twins[0], spoilt], tmp_path / "out")
    broken = {check["name"] for check in audit(tmp_path / "out")["checks"] if not check["passed"]}
    assert "genes of the same protein of twin construct are in one fold" in broken
    assert "genes of the same protein of synthetic construct are in one fold" not in broken


def test_too_few_train_examples_are_left(synthetic_sources, tmp_path):
    for seed, name in enumerate(TWINS):
        build(synthetic_sources, tmp_path / name, tasks=["disease"], seed=seed, eval_size=130)
    rename(tmp_path / "twin", 32644, "twin")
    with pytest.raises(GenoProtError, match=r"disease\w* has \d train examples per class without"):
        merge([tmp_path / "synthetic", tmp_path / "twin"], tmp_path / "out", drop_identical=True)
    assert not (tmp_path / "out").exists()


def test_labels_of_two_species_are_computed_again(synthetic_sources, tmp_path):
    """Each species has vectors and a median of its own."""
    for seed, name in enumerate(TWINS):
        build(synthetic_sources, tmp_path / name, tasks=["function", "ppi"], seed=seed, identities=False)
    rename(tmp_path / "twin", 32644, "twin")
    out = tmp_path / "out"
    merge([tmp_path / "synthetic", tmp_path / "twin"], out)
    report = audit(out)
    assert report["green"]
    assert report["not_recomputed"] == []
    details = {check["name"]: check["detail"] for check in report["checks"]}
    medians = {details[f"function/train of {name} construct: {MEDIAN}"] for name in TWINS}
    assert len(medians) == 2
    assert details["function/eval: labels follow from the vectors of the terms"] == "0 do not"
    assert details["ppi/train: labels follow from the interactions"] == "0 do not"

    path = out / "function" / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    labels = table["label"].to_pylist()
    first = table["species"].to_pylist().index(32644)
    other = labels.index(1 - labels[first], first)
    labels[first], labels[other] = labels[other], labels[first]
    place = table.schema.get_field_index("label")
    write_parquet(table.set_column(place, table.field(place), pa.array(labels, pa.int8())), path)
    broken = {check["name"] for check in audit(out)["checks"] if not check["passed"]}
    assert broken == {
        "files are those of the manifest",
        "function/train: labels follow from the vectors of the terms",
    }
