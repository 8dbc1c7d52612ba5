"""`genoprot push dataset`, and what the real clients load from the Hub afterwards."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import yaml
from hub_server import hub_environment
from hub_server_faults import Fault

from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.resources import loading_script
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.cli import main

NAME = "llnl/geno-prot"


def test_benchmark_names_every_task_in_the_way_of_the_hub():
    content = yaml.safe_load(loading_script("geno-prot", "eval.yaml").read_text(encoding="utf-8"))
    assert set(content) == {"name", "description", "evaluation_framework", "tasks"}
    assert content["tasks"] == [{"id": name, "config": name, "split": "eval"} for name in TASKS]


def push(folder, *options) -> int:
    return main(["push", "dataset", str(folder), "--repo", NAME, *options])


@pytest.fixture
def dataset(built_dataset, tmp_path):
    return shutil.copytree(built_dataset, tmp_path / "work" / "llnl" / "geno-prot")


def test_first_push_is_one_commit_and_the_second_changes_nothing(hub, online, dataset, capsys):
    assert push(dataset) == 0
    repository = hub.repository("dataset", NAME)
    assert len(repository.history) == 2  # the Hub's own first commit, and ours
    pushed = {path: data for path, data in repository.files().items() if path != ".gitattributes"}
    assert pushed == {
        path.relative_to(dataset).as_posix(): path.read_bytes()
        for path in dataset.rglob("*")
        if path.is_file()
    }
    assert PublishedDataset(dataset, NAME).fingerprint[:12] in repository.history[0].title
    assert push(dataset) == 0
    assert len(repository.history) == 2
    assert capsys.readouterr().out.splitlines()[-1] == f"nothing to change in {hub.address}/datasets/{NAME}"


def test_changed_folder_is_one_commit_that_takes_away_what_is_gone(hub, online, dataset, small_sources):
    from huggingface_hub import HfApi

    from genoprot_datasets.build import build

    assert push(dataset) == 0
    api = HfApi(token=online)
    api.upload_file(path_or_fileobj=b"theirs", path_in_repo="LICENCE", repo_id=NAME, repo_type="dataset")
    build(small_sources, dataset, seed=1, tasks=["melanoma", "disease"])
    assert push(dataset) == 0
    repository = hub.repository("dataset", NAME)
    assert len(repository.history) == 4
    files = repository.files()
    assert files["LICENCE"] == b"theirs"
    assert "ppi/eval-00000-of-00001.parquet" not in files
    assert json.loads(files["MANIFEST.json"])["seed"] == 1
    tasks = yaml.safe_load(files["eval.yaml"])["tasks"]
    assert [task["config"] for task in tasks] == ["melanoma", "disease"]


LOAD = """
import json, sys
import datasets
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.resources import loading_script
from genoprot_datasets.tasks import TASKS
revision = sys.argv[1] or None
found = {}
configs = sys.argv[2].split() or datasets.get_dataset_config_names("llnl/geno-prot", revision=revision)
for config in configs:
    loaded = datasets.load_dataset("llnl/geno-prot", config, revision=revision)
    found[config] = {split: [len(rows), rows[0]] for split, rows in loaded.items()}
    if "--stream" in sys.argv:
        streamed = datasets.load_dataset("llnl/geno-prot", config, streaming=True)
        for split, rows in streamed.items():
            assert next(iter(rows)) == found[config][split][1], config
published = PublishedDataset.open("llnl/geno-prot", revision=revision)
print(json.dumps([found, published.fingerprint, published.task("ppi", "eval").num_rows]))
"""


@pytest.mark.slow
def test_every_configuration_loads_streams_is_pinned_and_stays_offline(
    hub,
    online,
    dataset,
    small_sources,
    tmp_path,
):
    from genoprot_datasets.build import build

    assert push(dataset) == 0
    first = hub.repository("dataset", NAME).history[0].oid
    fingerprint = PublishedDataset(dataset, NAME).fingerprint

    def load(home, revision="", configs="", *options, **more):
        done = subprocess.run(
            [sys.executable, "-c", LOAD, revision, configs, *options],
            cwd=tmp_path,
            env=hub_environment(hub, tmp_path / home) | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    found, read, rows = load("home", "", "", "--stream")
    assert read == fingerprint
    assert len(found) >= 10
    assert found["ppi"]["eval"][0] == rows
    assert load("home", "", " ".join(found), HF_HUB_OFFLINE="1") == [found, fingerprint, rows]
    build(small_sources, dataset, seed=1)
    assert push(dataset) == 0
    assert load("fresh", first, "ppi") == [{"ppi": found["ppi"]}, fingerprint, rows]
    assert load("home", "", "ppi")[1] != fingerprint


def test_card_and_manifest_name_the_repository(hub, online, dataset):
    assert main(["push", "dataset", str(dataset), "--repo", "llnl/other", "--private"]) == 0
    repository = hub.repository("dataset", "llnl/other")
    assert repository.private
    files = repository.files()
    assert b'load_dataset("llnl/other", "ppi")' in files["README.md"]
    assert json.loads(files["MANIFEST.json"])["name"] == "llnl/other"
    assert main(["push", "dataset", str(dataset), "--repo", "llnl/other"]) == 0
    assert len(repository.history) == 2


def refused(capsys, folder, *options) -> str:
    capsys.readouterr()
    assert push(folder, *options) == 2
    said = capsys.readouterr().err
    assert said.startswith("genoprot: error: ")
    assert said.count("\n") == 1
    return said


def test_damaged_folders_are_refused_before_anything_is_sent(hub, online, dataset, capsys):
    path = dataset / "ppi" / "eval-00000-of-00001.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    assert "its checksum is not that of the manifest" in refused(capsys, dataset)
    path.unlink()
    assert "not found, though the manifest lists it" in refused(capsys, dataset)
    path.write_bytes(data)
    stranger = dataset / "ppi" / "more.parquet"
    stranger.write_bytes(b"")
    assert "not in the manifest" in refused(capsys, dataset)
    stranger.unlink()
    manifest = json.loads((dataset / "MANIFEST.json").read_text())
    manifest["files"]["../up.parquet"] = {"sha256": "0" * 64}
    (dataset / "MANIFEST.json").write_text(json.dumps(manifest))
    assert "leads out of its folder" in refused(capsys, dataset)
    assert not hub.requests


def test_interrupted_push_leaves_main_alone_and_goes_on(hub, online, dataset, capsys):
    hub.faults.add(Fault("PUT", "/_large/", skip=3, times=1000, after=10))
    assert "the network failed" in refused(capsys, dataset)
    repository = hub.repository("dataset", NAME)
    assert list(repository.files()) == [".gitattributes"]
    sent = len(repository.large)
    assert sent == 3
    hub.faults.clear()
    hub.faults.add(Fault("POST", "/commit/", status=503, times=1))
    assert "the Hub failed with 503; run the same command again" in refused(capsys, dataset)
    assert list(repository.files()) == [".gitattributes"]
    uploads = len(hub.asked("PUT", "/_large/"))
    assert push(dataset) == 0
    assert len(hub.asked("PUT", "/_large/")) == uploads
    assert len(repository.history) == 2


def test_commit_whose_answer_is_lost_is_not_made_twice(hub, online, dataset, capsys):
    hub.faults.add(Fault("POST", "/commit/", answered=True))
    assert "the network failed" in refused(capsys, dataset)
    assert push(dataset) == 0
    assert len(hub.repository("dataset", NAME).history) == 2


def test_transient_failures_are_waited_out(hub, online, dataset):
    hub.faults.add(
        Fault("POST", "/objects/batch", status=429, headers={"Retry-After": "1"}),
        Fault("PUT", "/_large/", status=500),
        Fault("POST", "/preupload/", status=502),
    )
    assert push(dataset) == 0


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda hub: None, "no token for the Hub; log in by `hf auth login`"),
        (lambda hub: "hf_" + "x" * 34, "the token is missing or not valid"),
        (lambda hub: hub.user("llnl", role="read"), "use one with write permission"),
        (lambda hub: hub.user("stranger"), "use one with write permission"),
    ],
)
def test_tokens_that_do_not_serve(hub, online, dataset, capsys, monkeypatch, prepare, message):
    token = prepare(hub)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    else:
        monkeypatch.delenv("HF_TOKEN")
    said = refused(capsys, dataset)
    assert message in said
    assert "hf_" not in said
    monkeypatch.setenv("HF_TOKEN", online)
    assert push(dataset) == 0


def test_repositories_of_something_else_are_refused(hub, online, dataset, capsys):
    from huggingface_hub import HfApi

    HfApi(token=online).create_repo(NAME, repo_type="dataset")
    HfApi(token=online).upload_file(
        path_or_fileobj=b"a,b", path_in_repo="table.csv", repo_id=NAME, repo_type="dataset"
    )
    assert "holds table.csv and no MANIFEST.json" in refused(capsys, dataset)


def test_files_over_the_limit_are_named(hub, online, dataset, capsys):
    hub.storage.lfs_limit = 20_000
    said = refused(capsys, dataset)
    assert ".parquet, " in said
    assert "the Hub refuses it" in said
    hub.storage.lfs_limit = 10**9
    hub.storage.regular_limit = 100
    assert "a file is over the Hub's limit" in refused(capsys, dataset)


def test_unknown_framework_waits_under_another_name(hub, online, dataset, capsys):
    hub.storage.frameworks.discard("geno-prot")
    assert "evaluation_framework" in refused(capsys, dataset)
    assert push(dataset, "--pending-benchmark") == 0
    repository = hub.repository("dataset", NAME)
    assert "eval.pending.yaml" in repository.files()
    assert "eval.yaml" not in repository.files()
    hub.storage.frameworks.add("geno-prot")
    assert push(dataset) == 0
    assert "eval.pending.yaml" not in repository.files()
    assert "eval.yaml" in repository.files()


def test_commit_in_between_is_noticed(hub, online, dataset, capsys, monkeypatch):
    from huggingface_hub import HfApi

    assert push(dataset) == 0
    (dataset / "README.md").write_text("---\n{}\n---\n\nChanged\n")
    create = HfApi.create_commit

    def overtaken(api, *arguments, **options):
        monkeypatch.setattr(HfApi, "create_commit", create)
        api.upload_file(path_or_fileobj=b"theirs", path_in_repo="LICENCE", repo_id=NAME, repo_type="dataset")
        return create(api, *arguments, **options)

    monkeypatch.setattr(HfApi, "create_commit", overtaken)
    assert "another commit came in between" in refused(capsys, dataset)
    assert push(dataset) == 0
    assert hub.repository("dataset", NAME).files()["LICENCE"] == b"theirs"


def test_dry_run_sends_nothing(hub, online, dataset, capsys):
    assert push(dataset, "--dry-run") == 0
    assert "would push to" in capsys.readouterr().out
    assert not hub.storage.repositories


def test_the_token_is_in_no_output(hub, online, dataset, capsys):
    hub.faults.add(
        Fault("POST", "/commit/", status=500, message=f"Authorization: Bearer {online} was not understood")
    )
    assert "was not understood" in (said := refused(capsys, dataset))
    assert online not in said
    assert push(dataset) == 0
    assert online not in capsys.readouterr().out
    for content in hub.repository("dataset", NAME).files().values():
        assert online.encode() not in content
