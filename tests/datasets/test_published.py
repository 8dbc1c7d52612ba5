"""Opening a published folder, and what happens when it is damaged."""

from __future__ import annotations

import shutil

import pytest

from genoprot_datasets import published
from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import TASKS


@pytest.fixture
def copy(synthetic_dataset, tmp_path):
    shutil.copytree(synthetic_dataset, tmp_path / "copy")
    return tmp_path / "copy"


def test_sequences_are_sorted_and_of_both_folds(synthetic_dataset):
    opened = PublishedDataset.open(synthetic_dataset)
    table = opened.sequences(["accession", "fold"])
    accessions = table["accession"].to_pylist()
    assert accessions == sorted(accessions)
    assert set(table["fold"].to_pylist()) == {"train", "eval"}
    assert opened.sequences(["protein"]).column_names == ["protein"]


def test_columns_too_long_for_one_chunk_are_sorted_alike(synthetic_dataset, monkeypatch):
    expected = PublishedDataset.open(synthetic_dataset).sequences()
    monkeypatch.setattr(published, "_MOST_BYTES", 1000)
    found = PublishedDataset.open(synthetic_dataset).sequences()
    assert found == expected
    assert found.schema == expected.schema


def test_relative_path_that_looks_like_a_hub_id(synthetic_dataset, monkeypatch):
    monkeypatch.chdir(synthetic_dataset.parents[1])
    assert PublishedDataset.open("llnl/geno-prot").tasks == tuple(TASKS)


@pytest.mark.parametrize("name", ["nowhere", "./no/where", "/no/where/at/all"])
def test_no_such_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GenoProtError, match="no such folder"):
        PublishedDataset.open(name)


def test_hub_id_without_network_or_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GenoProtError, match="no such folder here, and the Hub did not give it") as caught:
        PublishedDataset.open("nobody/nothing")
    assert "\n" not in str(caught.value)


def test_folder_without_a_manifest(tmp_path):
    with pytest.raises(SourceError, match=r"MANIFEST\.json: not found"):
        PublishedDataset.open(tmp_path)


def test_broken_manifest(copy):
    (copy / "MANIFEST.json").write_text("{")
    with pytest.raises(SourceError, match="not valid JSON"):
        PublishedDataset.open(copy)


def test_damaged_missing_and_foreign_parquet(copy):
    published = PublishedDataset.open(copy)
    path = copy / "ppi" / "eval-00000-of-00001.parquet"
    shutil.copyfile(copy / "ppi" / "train-00000-of-00001.parquet", path)
    with pytest.raises(SourceError, match="no column sample"):
        published.task("ppi", "eval")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SourceError, match="not a readable Parquet file"):
        published.task("ppi", "eval")
    path.unlink()
    with pytest.raises(SourceError, match=r"ppi/eval.*not found"):
        published.task("ppi", "eval")


def test_task_that_the_folder_does_not_hold(copy):
    published = PublishedDataset.open(copy)
    del published.manifest["tasks"]["ppi"]
    with pytest.raises(GenoProtError, match="has no task 'ppi'; it has pfam"):
        published.task("ppi", "train")
