"""The audit of the labels of `ppi` and `function` against the interactions and vectors that are published."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genoprot_datasets.audit import audit
from genoprot_datasets.build import build
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of, write_parquet
from genoprot_datasets.options import LabelOptions
from genoprot_datasets.published import MANIFEST_NAME, PublishedDataset, split_path
from genoprot_datasets.schema import FOLDS

TASKS = ["ppi", "function"]


@pytest.fixture(scope="module")
def built(synthetic_sources, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("recomputed") / "llnl" / "geno-prot"
    build(synthetic_sources, out, tasks=TASKS, identities=False)
    return out


@pytest.fixture
def folder(built, tmp_path) -> Path:
    shutil.copytree(built, tmp_path / "geno-prot")
    return tmp_path / "geno-prot"


def one(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def read_text(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def write_text(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode(), 1) if path.suffix == ".gz" else text.encode())


def rewrite(folder: Path, config: str, split: str, change) -> None:
    """Put another table in the place of a file, as a build that went wrong might have written it."""
    path = folder / split_path(config, split)
    write_parquet(change(pq.read_table(path)), path)
    entry = {"sha256": sha256_of(path)}
    with_manifest(folder, lambda manifest: manifest["files"][split_path(config, split)].update(entry))


def with_manifest(folder: Path, change) -> None:
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    change(manifest)
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))


def replaced(table: pa.Table, column: str, values: list) -> pa.Table:
    place = table.schema.get_field_index(column)
    field = table.schema.field(column)
    return table.set_column(place, field, pa.array(values, field.type))


def labels_swapped(table: pa.Table) -> pa.Table:
    """Two examples of different labels have each other's, so that the classes stay balanced."""
    labels = table["label"].to_pylist()
    other = labels.index(1 - labels[0])
    labels[0], labels[other] = labels[other], labels[0]
    return replaced(table, "label", labels)


def broken(folder: Path, **options) -> set[str]:
    return {check["name"] for check in audit(folder, **options)["checks"] if not check["passed"]}


def test_labels_are_computed_again(built):
    report = audit(built)
    assert report["green"]
    assert report["not_recomputed"] == []
    details = {check["name"]: check["detail"] for check in report["checks"]}
    for fold in FOLDS:
        assert details[f"ppi/{fold}: labels follow from the interactions"] == "0 do not"
        assert details[f"function/{fold}: labels follow from the vectors of the terms"] == "0 do not"


def test_matched_variants_are_computed_again(synthetic_dataset):
    names = {check["name"] for check in audit(synthetic_dataset)["checks"]}
    assert "ppi_matched/eval: labels follow from the interactions" in names
    assert "function_matched/train: labels follow from the vectors of the terms" in names


@pytest.mark.parametrize("fold", FOLDS)
def test_published_interactions_are_all_positive_pairs(built, fold):
    published = PublishedDataset.open(built)
    table = published.interactions(fold)
    pairs = list(zip(table["accession_a"].to_pylist(), table["accession_b"].to_pylist()))
    assert pairs == sorted(set(pairs))
    assert all(a < b for a, b in pairs)
    assert len(pairs) == published.manifest["tasks"]["ppi"][fold]["positives_available"]
    for row in published.task("ppi", fold).to_pylist():
        pair = tuple(sorted((row["accession_a"], row["accession_b"])))
        assert (pair in set(pairs)) == bool(row["label"])


def test_terms_are_those_of_the_records(built):
    published = PublishedDataset.open(built)
    records = published.sequences(["go_terms", "fold"]).to_pylist()
    for fold in FOLDS:
        rows = published.terms(fold).to_pylist()
        used = set().union(*(record["go_terms"] for record in records if record["fold"] == fold))
        assert [row["term"] for row in rows] == sorted(used)
        assert {len(row["vector"]) for row in rows if row["vector"] is not None} == {100}
        assert all(row["term"] == row["primary"] for row in rows)


def test_older_name_of_a_term(synthetic_sources, built, tmp_path):
    sources = tmp_path / "sources"
    shutil.copytree(synthetic_sources, sources)
    annotations = one(sources, "goa_*")
    rows = read_text(annotations).splitlines()
    places = [k for k, row in enumerate(rows) if not row.startswith("!") and row.split("\t")[6] == "IDA"]
    term = rows[places[0]].split("\t")[4]
    for k in [k for k in places if rows[k].split("\t")[4] == term][::2]:
        rows[k] = rows[k].replace(term, "GO:7777777")
    write_text(annotations, "\n".join(rows) + "\n")
    ontology = one(sources, "go-basic.obo*")
    stanza = f"id: {term}\n"
    text = read_text(ontology)
    assert text.count(stanza) == 1
    write_text(ontology, text.replace(stanza, stanza + "alt_id: GO:7777777\n"))

    build(sources, tmp_path / "out", tasks=TASKS, identities=False)
    found, before = PublishedDataset.open(tmp_path / "out"), PublishedDataset.open(built)
    terms = {row["term"]: row for fold in FOLDS for row in found.terms(fold).to_pylist()}
    assert terms["GO:7777777"]["primary"] == term
    if term in terms:
        assert terms["GO:7777777"]["vector"] == terms[term]["vector"]
    for fold in FOLDS:
        assert found.task("function", fold) == before.task("function", fold)
    assert audit(tmp_path / "out")["green"]


def test_wrong_labels_are_found(folder):
    rewrite(folder, "ppi", "train", labels_swapped)
    rewrite(folder, "function", "train", labels_swapped)
    assert broken(folder) == {
        "ppi/train: labels follow from the interactions",
        "function/train: labels follow from the vectors of the terms",
    }


def test_missing_interaction_is_found(folder):
    pair = next(row for row in pq.read_table(folder / split_path("ppi", "eval")).to_pylist() if row["label"])
    ends = {pair["accession_a"], pair["accession_b"]}

    def without(table: pa.Table) -> pa.Table:
        kept = [{row["accession_a"], row["accession_b"]} != ends for row in table.to_pylist()]
        return table.filter(pa.array(kept))

    rewrite(folder, "interactions", "eval", without)
    assert broken(folder) == {
        "ppi/eval: as many examples exist as the manifest says",
        "ppi/eval: labels follow from the interactions",
    }


def test_interactions_of_others_are_found(folder):
    stranger = pq.read_table(folder / split_path("sequences", "train"))["accession"][0].as_py()

    def turned(table: pa.Table) -> pa.Table:
        a, b = table["accession_a"].to_pylist(), table["accession_b"].to_pylist()
        a[0], b[0], a[1] = b[0], a[0], stranger
        return replaced(replaced(table, "accession_a", a), "accession_b", b)

    rewrite(folder, "interactions", "eval", turned)
    rule = "interactions/eval: pairs of records of the fold"
    (found,) = [check for check in audit(folder)["checks"] if check["name"].startswith(rule)]
    assert not found["passed"]
    assert found["detail"].startswith("1 of others, 1 repeated")


def test_more_partners_than_the_attributes_count(folder):
    one = pq.read_table(folder / split_path("interactions", "train"))["accession_a"][0].as_py()

    def fewer(table: pa.Table) -> pa.Table:
        rows = zip(table["accession"].to_pylist(), table["interactions"].to_pylist())
        return replaced(table, "interactions", [0 if name == one else count for name, count in rows])

    rewrite(folder, "attributes", "train", fewer)
    assert broken(folder) == {"interactions/train: no record has more than its attributes count"}


def test_other_vectors_are_found(folder):
    rng = np.random.default_rng(0)
    rewrite(
        folder, "terms", "eval", lambda table: replaced(table, "vector", [*rng.normal(size=(len(table), 8))])
    )
    assert broken(folder) == {
        "function/eval: the threshold is the median over all pairs",
        "function/eval: labels follow from the vectors of the terms",
    }


def test_missing_term_is_found(folder):
    rewrite(folder, "terms", "eval", lambda table: table.slice(1))
    assert "terms/eval: every term of the records is there" in broken(folder)


@pytest.mark.parametrize("count", ["records_annotated", "positives_available", "negatives_available"])
@pytest.mark.parametrize("task", TASKS)
def test_counts_that_the_manifest_does_not_keep(folder, task, count):
    def shift(manifest):
        manifest["tasks"][task]["eval"][count] += 1

    with_manifest(folder, shift)
    what = "examples" if task == "ppi" else "pairs"
    assert broken(folder) == {f"{task}/eval: as many {what} exist as the manifest says"}


def test_threshold_that_is_no_median_is_found(folder):
    def shift(manifest):
        manifest["tasks"]["function"]["train"]["similarity_threshold"] += 1e-4

    with_manifest(folder, shift)
    assert "function/train: the threshold is the median over all pairs" in broken(folder)


def without_tables(manifest: dict) -> None:
    for config in ("interactions", "terms"):
        for fold in FOLDS:
            del manifest["files"][split_path(config, fold)]


def test_folder_without_the_tables(folder):
    for config in ("interactions", "terms"):
        shutil.rmtree(folder / config)
    with_manifest(folder, without_tables)
    report = audit(folder)
    assert report["green"]
    assert report["not_recomputed"] == [
        "ppi of synthetic construct: built before the configuration interactions was published",
        "function of synthetic construct: built before the configuration terms was published",
    ]


def test_vectors_of_a_file_are_not_published(synthetic_sources, built, tmp_path):
    vectors = tmp_path / "vectors.txt"
    rows = {
        row["primary"]: row for fold in FOLDS for row in PublishedDataset.open(built).terms(fold).to_pylist()
    }
    lines = [f"{name} {' '.join(map(repr, row['vector']))}" for name, row in rows.items() if row["vector"]]
    vectors.write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    build(synthetic_sources, out, tasks=TASKS, identities=False, options=LabelOptions(go_vectors=vectors))
    assert all(row is None for row in PublishedDataset.open(out).terms("train")["vector"].to_pylist())
    report = audit(out)
    assert report["green"]
    assert report["not_recomputed"] == [
        "function of synthetic construct: the vectors of terms come from vectors.txt; give it by --go-vectors"
    ]
    assert not any("vectors of the terms" in check["name"] for check in report["checks"])
    report = audit(out, go_vectors=vectors)
    assert report["green"]
    assert report["not_recomputed"] == []
    assert any("vectors of the terms" in check["name"] for check in report["checks"])
    rewrite(out, "function", "train", labels_swapped)
    assert broken(out, go_vectors=vectors) == {"function/train: labels follow from the vectors of the terms"}
    vectors.write_text("\n".join(lines[1:]) + "\n")
    with pytest.raises(GenoProtError, match="vectors.txt: not a file of vectors that .* was built with"):
        audit(out, go_vectors=vectors)
    with pytest.raises(GenoProtError, match="no such file"):
        audit(out, go_vectors=tmp_path / "none")
