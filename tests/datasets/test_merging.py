"""Several species in one folder: two synthetic proteomes, of which one is given another taxon."""

from __future__ import annotations

import hashlib
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from genoprot_datasets.audit import audit
from genoprot_datasets.build import build
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of, write_parquet
from genoprot_datasets.merging import merge
from genoprot_datasets.published import MANIFEST_NAME, PublishedDataset
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.synthetic import synthesize

TAXA = {32630: "synthetic", 32644: "other"}
TASKS = ["pfam", "melanoma", "ppi"]


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
