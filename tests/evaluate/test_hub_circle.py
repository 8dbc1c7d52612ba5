"""The whole way over the Hub and back, in processes that share nothing but the server."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml
from hub_server import hub_environment
from huggingface_hub import parse_eval_result_entries

from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.hub.results import RESULTS_PATH
from genoprot_evaluate.results import read_predictions

DATASET, VECTORS, MODEL, RECORDS = "llnl/geno-prot", "llnl/vectors", "maker/model", "llnl/results"
HEADS = "maker/heads"

PUBLISH = f"""
run("push", "dataset", sys.argv[1], "--repo", "{DATASET}")
for encoder in ("composition", "kmer-4"):
    run("embed", "--encoder", encoder, "--dataset", "{DATASET}", "--out", "embeddings/" + encoder)
    run("push", "embeddings", "embeddings/" + encoder, "--repo", "{VECTORS}")
"""

SCORE = f"""
import datasets
ppi = datasets.load_dataset("{DATASET}", "ppi")
assert set(ppi) == {{"train", "eval"}}
run("evaluate", "--dataset", "{DATASET}", "--embeddings", "{VECTORS}:composition", "--out", "results",
    "--tasks", "melanoma", "disease", "--baselines", "length", "--save-heads", "heads")
run("push", "heads", "heads", "--repo", "{HEADS}", "--results", "results")
run("push", "results", "results", "--model", "{MODEL}", "--create-pr")
run("push", "records", "results", "--repo", "{RECORDS}", "--create-pr")
"""

REVIEW = f"""
import datasets
from genoprot_evaluate.hub import fetch_record, list_records
(stored,) = list_records("{RECORDS}", revision="refs/pr/1")
folder = str(fetch_record(stored))
run("validate-record", folder, "--dataset", "{DATASET}")
run("leaderboard", folder, "--out", "site")
with open("asked.tsv", "w") as asked:
    table = datasets.load_dataset("{DATASET}", "melanoma", split="eval")
    asked.write("\\n".join(["accession", *table["accession"]]) + "\\n")
run("predict", "--heads", "{HEADS}", "--task", "melanoma", "--embeddings", "{VECTORS}:composition",
    "--pairs", "asked.tsv", "--out", "answers.tsv")
"""

RUN = """
import sys
from genoprot_evaluate.cli import main
def run(*arguments):
    assert main(list(arguments)) == 0, arguments
"""


@pytest.mark.slow
def test_from_sources_to_leaderboard(hub, built_dataset, tmp_path):
    owner, maker = hub.user("llnl"), hub.user("maker")
    outputs = []

    def process(code, name, token, *arguments):
        folder = tmp_path / name
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", RUN + code, *map(str, arguments)],
            cwd=folder,
            env=hub_environment(hub, folder / "home", token),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        outputs.append(done.stdout + done.stderr)
        return folder

    hub.storage.create("model", MODEL, hub.storage.users[maker])
    hub.storage.create("dataset", RECORDS, hub.storage.users[owner])
    process(PUBLISH, "publisher", owner, built_dataset)
    scorer = process(SCORE, "scorer", maker)
    reviewer = process(REVIEW, "reviewer", None)

    fingerprint = PublishedDataset(built_dataset, DATASET).fingerprint
    record = json.loads((scorer / "results" / "results.json").read_text())
    assert record["dataset"]["fingerprint"] == fingerprint
    assert not hub.asked("GET", "vectors/resolve/.*/kmer-4/.*parquet")
    request = hub.repository("model", MODEL).files("refs/pr/1")
    entries = parse_eval_result_entries(yaml.safe_load(request[RESULTS_PATH]))
    assert {entry.task_id: entry.value for entry in entries} == {
        task: round(record["scores"][task]["composition"]["accuracy"]["mean"], 6)
        for task in ("melanoma", "disease")
    }
    assert RESULTS_PATH not in hub.repository("model", MODEL).files()
    assert not hub.asked("GET", "heads/resolve/.*/disease/")
    answers = [line.split("\t") for line in (reviewer / "answers.tsv").read_text().splitlines()]
    stored = read_predictions(scorer / "results").to_pylist()
    stored = [row for row in stored if (row["task"], row["model"]) == ("melanoma", "composition")]
    assert [(accession, float(probability)) for accession, probability, _ in answers[1:]] == [
        (row["accession_a"], pytest.approx(row["probability"], rel=1e-5)) for row in stored
    ]
    page = (reviewer / "site" / "index.html").read_text(encoding="utf-8")
    assert "composition" in page

    everything = [text.encode() for text in outputs]
    everything += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    everything += [data for one in hub.storage.repositories.values() for data in one.files().values()]
    assert not any(token.encode() in data for token in (owner, maker) for data in everything)
    assert not any(token in target for token in (owner, maker) for _, target in hub.requests)
