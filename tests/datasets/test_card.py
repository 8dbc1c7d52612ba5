"""The card says what the manifest says, and its YAML describes the files."""

from __future__ import annotations

import copy
import json

import pytest
import yaml

from genoprot_datasets.card import render_card


@pytest.fixture
def manifest(synthetic_dataset):
    return json.loads((synthetic_dataset / "MANIFEST.json").read_text())


def front_matter(card):
    _, text, body = card.split("---\n", 2)
    return yaml.safe_load(text), body


def test_card_is_the_rendered_manifest(synthetic_dataset, manifest):
    assert (synthetic_dataset / "README.md").read_text() == render_card(manifest)


def test_front_matter_names_every_file(manifest):
    meta, _ = front_matter(render_card(manifest))
    named = {entry["path"] for config in meta["configs"] for entry in config["data_files"]}
    assert named == set(manifest["files"])
    rows = {
        f"{info['config_name']}/{split['name']}": split["num_examples"]
        for info in meta["dataset_info"]
        for split in info["splits"]
    }
    assert rows == {
        name.replace("-00000-of-00001.parquet", ""): e["rows"] for name, e in manifest["files"].items()
    }


def test_body_accounts_for_drops_and_left_out_tasks(manifest):
    changed = copy.deepcopy(manifest)
    del changed["tasks"]["ppi"]
    changed["left_out"]["ppi"] = "the source | was absent"
    meta, body = front_matter(render_card(changed))
    assert "ppi" not in {config["config_name"] for config in meta["configs"]}
    assert "the source \\| was absent" in body
    for entry in manifest["records"]["dropped"].values():
        assert f"| dropped: {entry['because']} | {entry['count']:,} |" in body
    short = manifest["tasks"]["pfam"]["train"]
    assert f"* `pfam` train: {short['per_class']:,} of 25,000" in body


def test_no_unfilled_placeholder(manifest):
    assert "$" not in render_card(manifest)


def test_numbers_add_up_as_their_page_says(manifest):
    records, folds = manifest["records"], manifest["folds"]
    dropped = sum(entry["count"] for entry in records["dropped"].values())
    assert records["kept"] == records["genes"] - dropped == sum(folds.values())
    files = manifest["files"]
    assert records["kept"] == sum(files[f"sequences/{fold}-00000-of-00001.parquet"]["rows"] for fold in folds)
    for name, task in manifest["tasks"].items():
        for fold in folds:
            counts = task[fold]
            annotated = counts["records_annotated"]
            examples = annotated if name == "melanoma" else annotated * (annotated - 1) // 2
            assert counts["positives_available"] + counts["negatives_available"] == examples
            drawn = 2 * counts["per_class"] * counts.get("samples", 1)
            assert files[f"{name}/{fold}-00000-of-00001.parquet"]["rows"] == drawn
