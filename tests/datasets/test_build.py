"""The pipeline from sources to the published folder."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from genoprot_datasets.build import build, default_eval_size
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.examples import WITHOUT_IDENTITIES
from genoprot_datasets.files import sha256_of
from genoprot_datasets.published import FATES_NAME, PublishedDataset
from genoprot_datasets.records import KEPT
from genoprot_datasets.schema import FATES, SEQUENCES, task_schema
from genoprot_datasets.tasks import EVAL_SAMPLES, TASKS


@pytest.fixture(scope="module")
def published(synthetic_dataset):
    return PublishedDataset.open(synthetic_dataset)


def test_every_gene_is_accounted_for(published):
    records = published.manifest["records"]
    dropped = sum(entry["count"] for entry in records["dropped"].values())
    assert records["genes"] == records["kept"] + dropped
    assert published.sequences(["accession"]).num_rows == records["kept"]
    folds = published.manifest["folds"]
    assert folds["train"] + folds["eval"] == records["kept"]
    assert folds["eval"] == default_eval_size(records["kept"])


def test_splits_have_the_documented_columns(published):
    for split in ("train", "eval"):
        for name in published.tasks:
            path = published.folder / f"{name}/{split}-00000-of-00001.parquet"
            assert pq.read_schema(path).remove_metadata().equals(task_schema(TASKS[name], split))
        path = published.folder / f"sequences/{split}-00000-of-00001.parquet"
        assert pq.read_schema(path).remove_metadata().equals(SEQUENCES)


def test_sequences_are_consistent(published):
    table = published.sequences().to_pydict()
    assert len(set(table["accession"])) == len(table["accession"])
    assert set(table["strand"]) == {"+", "-"}
    for row in range(len(table["accession"])):
        dna, protein = table["dna"][row], table["protein"][row]
        assert len(dna) == table["dna_length"][row] == table["end"][row] - table["start"][row] + 1
        assert len(protein) == table["protein_length"][row]
        assert dna[-3:] in {"TAA", "TAG", "TGA"}
        coding = (len(protein) + 1) * 3
        assert table["coding_fraction"][row] == pytest.approx(coding / len(dna), rel=1e-6)
        assert table["go_terms"][row] == sorted(table["go_terms"][row])
    assert any(fraction < 0.9 for fraction in table["coding_fraction"])


@pytest.mark.parametrize("name", TASKS)
def test_examples_keep_the_rules(published, name):
    if name not in published.manifest["tasks"]:
        pytest.skip(published.manifest["left_out"][name])
    task, facts = TASKS[name], published.manifest["tasks"][name]
    sequences = published.sequences(["accession", "fold"]).to_pydict()
    fold_of = dict(zip(sequences["accession"], sequences["fold"]))
    for split in ("train", "eval"):
        rows = published.task(name, split).to_pylist()
        samples = range(EVAL_SAMPLES) if split == "eval" else [None]
        for sample in samples:
            mine = [row for row in rows if row.get("sample") == sample]
            counts = Counter(row["label"] for row in mine)
            assert counts[0] == counts[1] == facts[split]["per_class"]
            examples = [frozenset(row[column] for column in task.members) for row in mine]
            assert len(set(examples)) == len(examples)
            assert all(len(example) == task.arity for example in examples)
            assert all(fold_of[accession] == split for example in examples for accession in example)
        assert facts[split]["per_class"] <= facts[split]["requested_per_class"]
        label_of = {}
        for row in rows:
            example = frozenset(row[column] for column in task.members)
            assert label_of.setdefault(example, row["label"]) == row["label"]


def test_labels_follow_from_the_published_attributes(published):
    attributes = {row["accession"]: row for row in published.attributes().to_pylist()}
    assert set(attributes) == set(published.sequences(["accession"])["accession"].to_pylist())
    for name in published.tasks:
        for split in ("train", "eval"):
            for row in published.task(name, split).to_pylist():
                own = [attributes[row[column]] for column in TASKS[name].members]
                if name == "melanoma":
                    assert row["label"] == (own[0]["gene_effect"] < -0.5)
                elif name == "ppi":
                    assert all(one["interactions"] is not None for one in own)
                    assert not row["label"] or all(one["interactions"] > 0 for one in own)
                elif name != "function":
                    assert all(one[name] for one in own)
                    assert row["label"] == bool(set(own[0][name]) & set(own[1][name]))


def test_tasks_that_were_not_asked_for_have_no_attributes(synthetic_sources, tmp_path):
    build(synthetic_sources, tmp_path / "out", tasks=["pfam"])
    rows = PublishedDataset.open(tmp_path / "out").attributes().to_pylist()
    assert all(row["pfam"] is not None and row["drug"] is None for row in rows)
    assert all(row["gene_effect"] is None and row["interactions"] is None for row in rows)


def test_challenge_cases_are_those_that_identity_gets_wrong(published):
    for name in published.tasks:
        if TASKS[name].arity == 1:
            continue
        threshold = published.manifest["tasks"][name]["challenge"]["identity_threshold"]
        for split in ("train", "eval"):
            table = published.task(name, split)
            identity, label = (table[column].to_numpy() for column in ("identity", "label"))
            assert ((identity >= 0) & (identity <= 1)).all()
            called = identity >= np.float32(threshold)
            np.testing.assert_array_equal(table["challenge"].to_numpy(), called != label.astype(bool))


def test_fingerprint_covers_every_parquet_file_of_a_configuration(published):
    import hashlib

    files = {
        path.relative_to(published.folder).as_posix(): sha256_of(path)
        for path in published.folder.glob("*/*.parquet")
    }
    assert {name: entry["sha256"] for name, entry in published.manifest["files"].items()} == files
    text = "\n".join(f"{name} {files[name]}" for name in sorted(files))
    assert published.fingerprint == hashlib.sha256(text.encode()).hexdigest()


def test_fates_account_for_every_gene_and_entry(published, synthetic_sources):
    table = pq.read_table(published.folder / FATES_NAME)
    assert table.schema.remove_metadata().equals(FATES)
    listed = published.manifest["provenance"][FATES_NAME]
    assert (listed["rows"], listed["sha256"]) == (table.num_rows, sha256_of(published.folder / FATES_NAME))
    rows = table.to_pylist()
    outcomes = Counter(row["outcome"] for row in rows)
    records = published.manifest["records"]
    assert outcomes == (
        {KEPT: records["kept"]}
        | {reason: entry["count"] for reason, entry in records["dropped"].items()}
        | {outcome: entry["count"] for outcome, entry in records["not_counted"].items()}
    )
    sequences = published.sequences(["accession", "fold", "transcript", "gene_id"]).to_pylist()
    kept = [row for row in rows if row["outcome"] == KEPT]
    assert sorted(tuple(row[name] for name in sequences[0]) for row in kept) == [
        tuple(row.values()) for row in sequences
    ]
    assert all(row["fold"] is None for row in rows if row["outcome"] != KEPT)
    # Counted from the raw files.
    with gzip.open(find(synthetic_sources, "GCF_*_genomic.gff.gz"), "rt") as lines:
        kinds = Counter(line.split("\t")[2] for line in lines if not line.startswith("#"))
    assert sum(count for outcome, count in outcomes.items() if outcome != "no_gene") == kinds["gene"]
    with gzip.open(find(synthetic_sources, "uniprot_sprot_*.dat.gz"), "rt") as lines:
        entries = {line.split()[1].rstrip(";") for line in lines if line.startswith("AC ")}
    named = {accession for row in rows for accession in [row["accession"], *row["candidates"]] if accession}
    assert entries <= named


def test_same_inputs_and_seed_give_the_same_bytes(synthetic_sources, synthetic_dataset, tmp_path):
    out = tmp_path / "llnl" / "geno-prot"
    code = (
        f"from genoprot_datasets.build import build; build({str(synthetic_sources)!r}, {str(out)!r}, seed=0)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    names = sorted(path.relative_to(synthetic_dataset) for path in synthetic_dataset.rglob("*"))
    assert names == sorted(path.relative_to(out) for path in out.rglob("*"))
    for name in names:
        if (out / name).is_file():
            assert (out / name).read_bytes() == (synthetic_dataset / name).read_bytes(), name


def test_another_seed_gives_another_partition(synthetic_sources, synthetic_dataset, tmp_path):
    manifest = build(synthetic_sources, tmp_path / "out", seed=1, tasks=["pfam"])
    other = PublishedDataset.open(tmp_path / "out").sequences(["accession", "fold"])
    assert other != PublishedDataset.open(synthetic_dataset).sequences(["accession", "fold"])
    assert list(manifest["tasks"]) == ["pfam"]
    assert set(manifest["left_out"]) == set(TASKS) - {"pfam"}


def test_hub_loads_every_configuration_offline(synthetic_dataset, monkeypatch):
    from datasets import load_dataset

    monkeypatch.chdir(synthetic_dataset.parents[1])
    manifest = json.loads((synthetic_dataset / "MANIFEST.json").read_text())
    for config in ["sequences", "attributes", "interactions", "terms", *manifest["tasks"]]:
        loaded = load_dataset("llnl/geno-prot", config)
        assert set(loaded) == {"train", "eval"}
        for split, table in loaded.items():
            assert table.num_rows == manifest["files"][f"{config}/{split}-00000-of-00001.parquet"]["rows"]
    assert sorted(set(loaded["eval"]["sample"])) == list(range(EVAL_SAMPLES))


def test_rebuilt_folder_is_not_loaded_from_the_stale_cache(
    synthetic_sources, synthetic_dataset, tmp_path, monkeypatch
):
    from datasets import load_dataset

    monkeypatch.chdir(synthetic_dataset.parents[1])
    before = load_dataset("llnl/geno-prot", "pfam")["eval"]["accession_a"][:]
    build(synthetic_sources, tmp_path / "llnl" / "geno-prot", seed=5, tasks=["pfam"])
    monkeypatch.chdir(tmp_path)
    after = load_dataset("llnl/geno-prot", "pfam")["eval"]["accession_a"][:]
    assert before != after


def spoil_text(path: Path, change) -> None:
    raw = path.read_bytes()
    zipped = raw[:2] == b"\x1f\x8b"
    text = change((gzip.decompress(raw) if zipped else raw).decode())
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if zipped else text.encode())


def without(kind):
    return lambda text: "".join(
        line for line in text.splitlines(keepends=True) if line.startswith("#") or line.split("\t")[2] != kind
    )


def find(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


@pytest.mark.parametrize(
    ("pattern", "spoil", "words"),
    [
        ("GCF_*_genomic.gff.gz", lambda p: p.unlink(), "GCF_*_genomic.gff"),
        ("GCF_*_genomic.fna.gz", lambda p: p.write_bytes(p.read_bytes()[:5000]), "truncated gzip"),
        ("GCF_*_genomic.gff.gz", lambda p: spoil_text(p, without("CDS")), "no CDS row"),
        (
            "GCF_*_genomic.fna.gz",
            lambda p: spoil_text(p, lambda text: text + ">NC_STRAY.1 nowhere\nACGT\n"),
            "NC_STRAY.1",
        ),
        (
            "GCF_*_protein.faa.gz",
            lambda p: spoil_text(p, lambda text: text + ">NP_STRAY.1 nothing\nMAK\n"),
            "NP_STRAY.1",
        ),
        (
            "uniprot_sprot_*.dat.gz",
            lambda p: spoil_text(p, lambda text: text[: text.index("\nSQ ") + 1] + "//\n"),
            "sequence",
        ),
    ],
)
def test_bad_sources_are_named_and_nothing_is_written(synthetic_sources, tmp_path, pattern, spoil, words):
    sources = tmp_path / "sources"
    shutil.copytree(synthetic_sources, sources)
    spoil(find(sources, pattern))
    with pytest.raises(GenoProtError) as caught:
        build(sources, tmp_path / "out")
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert pattern.split("*")[0] in message
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_files_is_not_replaced(synthetic_sources, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(GenoProtError, match="not a dataset folder"):
        build(synthetic_sources, tmp_path / "out", tasks=["pfam"])
    assert (tmp_path / "out" / "thesis.txt").read_text() == "precious"


def test_an_older_dataset_folder_is_replaced(synthetic_sources, tmp_path):
    for tasks in (["pfam", "drug"], ["pfam"]):
        build(synthetic_sources, tmp_path / "out", tasks=tasks)
    assert not (tmp_path / "out" / "drug").exists()


def test_impossible_fold_size_is_refused(synthetic_sources, tmp_path):
    with pytest.raises(GenoProtError, match="eval fold of 100000"):
        build(synthetic_sources, tmp_path / "out", eval_size=100_000)
    assert not (tmp_path / "out").exists()


def test_a_build_without_identities_says_so_everywhere(
    synthetic_sources, synthetic_dataset, tmp_path, monkeypatch
):
    from datasets import load_dataset

    from genoprot_datasets.audit import audit

    out = tmp_path / "llnl" / "geno-prot"
    manifest = build(synthetic_sources, out, tasks=["pfam", "melanoma"], identities=False)
    assert manifest["options"]["identities"] is False
    facts = manifest["tasks"]["pfam"]
    assert "challenge" not in facts
    assert "identity" not in facts["train"]
    assert facts["matched"] == {"left_out": WITHOUT_IDENTITIES}
    plain, aligned = PublishedDataset.open(out), PublishedDataset.open(synthetic_dataset)
    for split in ("train", "eval"):
        expected = aligned.task("pfam", split).drop_columns(["identity", "challenge"])
        assert plain.task("pfam", split) == expected
        assert plain.task("melanoma", split) == aligned.task("melanoma", split)
    assert plain.matched_tasks == ()
    card = (out / "README.md").read_text()
    assert "the pairs were not aligned" in card
    assert WITHOUT_IDENTITIES in card
    monkeypatch.chdir(tmp_path)
    columns = load_dataset("llnl/geno-prot", "pfam")["eval"].column_names
    assert columns == ["accession_a", "accession_b", "label", "sample"]
    assert audit(out)["green"]
