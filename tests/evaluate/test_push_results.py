"""`genoprot push results` and `push records`: merged with what is there, by commit or pull request."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset
from huggingface_hub import ModelCard, parse_eval_result_entries

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import write_parquet
from genoprot_evaluate.cli import main
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.hub import fetch_record, list_records
from genoprot_evaluate.hub.results import RESULTS_PATH
from genoprot_evaluate.results import PREDICTIONS_NAME, read_further, read_predictions, read_record

MODEL = "maker/model"
DATASET = "llnl/geno-prot"
CARD = """---
license: mit  # their comment
model-index:
- name: The Model
  results:
  - task: {type: text-classification}
    dataset: {type: glue, name: GLUE}
    metrics:
    - {type: accuracy, value: 0.9}
---
# The Model

Words of the maker.
"""
ENTRIES = """- dataset: {id: cais/hle, task_id: hle}
  value: 20.9
  evaluation_framework: inspect-ai
- dataset: {id: llnl/geno-prot, task_id: melanoma}
  value: 0.1
"""


@pytest.fixture(scope="session")
def scored(tiny_dataset, tmp_path_factory):
    """Folder of a record with two encoders on two tasks."""
    out = tmp_path_factory.mktemp("scored")
    names = [f"Q{number:05d}" for number in range(40)]
    sources = {
        encoder: (names, [[float(number % width), 1.0] for number in range(40)])
        for encoder, width in (("first", 3), ("second", 7))
    }
    evaluate(sources, tiny_dataset, ["melanoma", "disease"], baselines=["length"], out=out)
    return out


@pytest.fixture
def published(hub, online, tiny_dataset):
    """The tiny dataset and a model with a card on the Hub; the client of the maker."""
    from huggingface_hub import HfApi

    maker = HfApi(token=hub.user("maker"))
    maker.create_repo(MODEL)
    maker.upload_file(path_or_fileobj=CARD.encode(), path_in_repo="README.md", repo_id=MODEL)
    maker.upload_file(path_or_fileobj=ENTRIES.encode(), path_in_repo=RESULTS_PATH, repo_id=MODEL)
    ours = HfApi(token=online)
    ours.create_repo(DATASET, repo_type="dataset")
    ours.upload_file(
        path_or_fileobj=str(tiny_dataset / "MANIFEST.json"),
        path_in_repo="MANIFEST.json",
        repo_id=DATASET,
        repo_type="dataset",
    )
    return maker


def push(scored, *options, model=MODEL) -> int:
    wanted = ["push", "results", str(scored), "--model", model, "--dataset", DATASET, "--name", "first"]
    return main([*wanted, *options])


def refused(capsys, *arguments) -> str:
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_scores_are_merged_and_nothing_is_lost(hub, published, scored, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", published.token)
    assert push(scored) == 0
    repository = hub.repository("model", MODEL)
    files = repository.files()
    entries = yaml.safe_load(files[RESULTS_PATH])
    assert entries[0] == yaml.safe_load(ENTRIES)[0]
    record = read_record(scored)
    commit = hub.repository("dataset", DATASET).history[0].oid
    found = {entry.task_id: entry for entry in parse_eval_result_entries(entries[1:])}
    assert set(found) == {"melanoma", "disease"}
    assert len(entries) == 3
    for task, entry in found.items():
        assert entry.value == round(record.scores[task]["first"].accuracy.mean, 6)
        assert (entry.dataset_id, entry.dataset_revision) == (DATASET, commit)
    card = files["README.md"].decode()
    assert "license: mit  # their comment" in card
    assert card.endswith("# The Model\n\nWords of the maker.\n")
    results = ModelCard(card).data.eval_results
    assert {(one.dataset_type, one.dataset_config) for one in results} == {
        ("glue", None),
        (DATASET, "melanoma"),
        (DATASET, "disease"),
    }
    commits = len(repository.history)
    assert push(scored) == 0
    assert "nothing to change" in capsys.readouterr().out
    assert len(repository.history) == commits


def test_pull_request_is_opened_once_and_then_updated(hub, published, scored, tiny_dataset, tmp_path):
    before = hub.repository("model", MODEL).files()
    assert push(scored, "--create-pr") == 0
    repository = hub.repository("model", MODEL)
    assert repository.files() == before
    assert len(repository.pulls) == 1
    assert push(scored, "--create-pr") == 0
    names = [f"Q{number:05d}" for number in range(40)]
    sources = {"first": (names, [[float(number % 5), 2.0] for number in range(40)])}
    evaluate(sources, tiny_dataset, ["melanoma"], baselines=[], seed=4, out=tmp_path / "again")
    assert push(tmp_path / "again", "--create-pr") == 0
    assert len(repository.pulls) == 1
    published.merge_pull_request(MODEL, 1)
    merged = yaml.safe_load(repository.files()[RESULTS_PATH])
    assert {entry["dataset"]["task_id"]: entry.get("notes") for entry in merged} == {
        "hle": None,
        "disease": "fixed head, seed 0",
        "melanoma": "fixed head, seed 4",
    }


def test_dry_run_shows_the_diff_and_sends_nothing(hub, published, scored, capsys):
    assert push(scored, "--dry-run") == 0
    said = capsys.readouterr().out
    assert f"+++ b/{RESULTS_PATH}" in said
    assert "+++ b/README.md" in said
    assert "-  value: 0.1" in said
    assert not hub.asked("POST", "/commit/.*create_pr|models/.*/commit/")[2:]


def test_what_cannot_be_pushed_is_told(hub, published, scored, capsys, online):
    results = ["push", "results", scored, "--model"]
    assert "name one of them" in refused(capsys, *results, MODEL, "--dataset", DATASET)
    assert "no encoder 'x'" in refused(capsys, *results, MODEL, "--name", "x")
    named = ["--name", "first"]
    assert "name it with --dataset" in refused(capsys, *results, MODEL, *named)
    there = [*named, "--dataset", DATASET]
    said = refused(capsys, *results, DATASET, *there)
    assert f"{DATASET!r} is the name of a dataset repository" in said
    assert "use one with write permission" in refused(capsys, *results, MODEL, *there)
    from huggingface_hub import HfApi

    manifest = json.dumps({"fingerprint": "0" * 64}).encode()
    HfApi(token=online).upload_file(
        path_or_fileobj=manifest, path_in_repo="MANIFEST.json", repo_id=DATASET, repo_type="dataset"
    )
    assert "has the fingerprint 000000000000, the record is of" in refused(capsys, *results, MODEL, *there)
    older = hub.repository("dataset", DATASET).history[1].oid
    assert push(scored, "--create-pr", "--dataset", f"{DATASET}@{older}") == 0
    assert "no such revision" in refused(capsys, *results, MODEL, *named, "--dataset", f"{DATASET}@gone")


@pytest.mark.parametrize("text", ["a: 1", "- [", "- 1\n- {dataset: 3}\n"])
def test_results_of_strangers_are_refused_or_kept(hub, published, scored, capsys, text):
    published.upload_file(path_or_fileobj=text.encode(), path_in_repo=RESULTS_PATH, repo_id=MODEL)
    if text.startswith("- 1"):
        assert push(scored, "--create-pr") == 0
        kept = yaml.safe_load(hub.repository("model", MODEL).files("refs/pr/1")[RESULTS_PATH])
        assert kept[:2] == yaml.safe_load(text)
    else:
        assert RESULTS_PATH in refused(
            capsys, "push", "results", scored, "--model", MODEL, "--name", "first", "--dataset", DATASET
        )


def test_records_are_pushed_listed_and_fetched(hub, online, scored, tmp_path, capsys, monkeypatch):
    records = ["push", "records", str(scored), "--repo", "llnl/results"]
    assert "no such repository" in refused(capsys, *records, "--create-pr")
    assert main(records) == 0
    assert main(records) == 0
    repository = hub.repository("dataset", "llnl/results")
    assert len(repository.history) == 2
    monkeypatch.setenv("HF_TOKEN", hub.user("guest"))
    assert main([*records, "--label", "guest-1", "--create-pr"]) == 0
    (stored,) = list_records("llnl/results")
    assert [one.label for one in list_records("llnl/results", revision="refs/pr/1")] == [
        stored.label,
        "guest-1",
    ]
    folder = fetch_record(stored)
    assert read_record(folder) == read_record(scored)
    assert read_predictions(folder).equals(read_predictions(scored))
    assert read_further(folder).equals(read_further(scored))
    older = pq.read_table(scored / PREDICTIONS_NAME).drop_columns(["identity", "challenge"])
    earlier = tmp_path / "records" / "0-earlier" / PREDICTIONS_NAME
    write_parquet(older.replace_schema_metadata(None), earlier)
    write_parquet(read_predictions(folder), tmp_path / "records" / stored.label / PREDICTIONS_NAME)
    (tmp_path / "README.md").write_bytes(repository.files("main")["README.md"])
    rows = load_dataset(str(tmp_path), "predictions", split="train", cache_dir=str(tmp_path / "cache"))
    assert len(rows) == 2 * len(older)
    assert rows.features["identity"].dtype == "float32"
    assert rows[0]["identity"] is None
    assert stored.bytes == sum(path.stat().st_size for path in scored.iterdir())
    with pytest.raises(GenoProtError, match="no such repository"):
        list_records("llnl/none")
    assert "cannot name a record" in refused(capsys, *records, "--label", "../up")
