"""`genoprot push embeddings`, and reading embeddings by their Hub ids."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hub_server_storage import Entry

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.cli import main
from genoprot_evaluate.embed import embed
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.store import load_embeddings, remote

NAME = "llnl/vectors"


@pytest.fixture(scope="session")
def runs(tiny_dataset, tmp_path_factory):
    """Two finished runs on the tiny dataset."""
    folder = tmp_path_factory.mktemp("runs")
    for encoder in ("composition", "kmer-4"):
        embed(encoder, tiny_dataset, folder / encoder)
    return folder


def push(*arguments) -> int:
    return main(["push", "embeddings", *map(str, arguments), "--repo", NAME])


def refused(capsys, *arguments) -> str:
    capsys.readouterr()
    assert push(*arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def card(hub) -> str:
    return hub.repository("dataset", NAME).files()["README.md"].decode()


def test_an_encoder_is_added_without_touching_the_others(hub, online, runs, capsys):
    from huggingface_hub import HfApi

    assert push(runs / "composition") == 0
    repository = hub.repository("dataset", NAME)
    first = repository.files()
    text = card(hub).replace("configs:", "license: cc-by-4.0  # theirs\nconfigs:") + "\nTheir own words.\n"
    HfApi(token=online).upload_file(
        path_or_fileobj=text.encode(), path_in_repo="README.md", repo_id=NAME, repo_type="dataset"
    )
    assert push(runs / "kmer-4") == 0
    files = repository.files()
    assert {path: files[path] for path in first if path != "README.md"} == {
        path: data for path, data in first.items() if path != "README.md"
    }
    text = card(hub)
    assert "license: cc-by-4.0  # theirs" in text
    assert "Their own words." in text
    front = yaml.safe_load(text.split("---")[1])
    assert [entry["config_name"] for entry in front["configs"]] == ["composition", "kmer-4"]
    run = json.loads(files["kmer-4/run.json"])
    for fact in (run["dataset"]["fingerprint"], "| `kmer-4` |", "256", "| `composition` |", "Apache-2.0"):
        assert fact in text
    commits = len(repository.history)
    assert push(runs / "composition", runs / "kmer-4") == 0
    assert len(repository.history) == commits
    assert "nothing to change" in capsys.readouterr().out


def test_a_folder_of_runs_stands_for_all_of_them(hub, online, runs):
    assert push(runs) == 0
    files = hub.repository("dataset", NAME).files()
    assert {"composition/run.json", "kmer-4/run.json"} <= set(files)


def test_only_the_named_configuration_is_fetched(hub, online, runs, tiny_dataset, monkeypatch):
    from huggingface_hub import constants

    assert push(runs / "composition", runs / "kmer-4") == 0
    hub.requests.clear()
    table = load_embeddings(f"{NAME}:composition")
    assert table.name == "composition"
    assert (table.vectors == load_embeddings(runs / "composition").vectors).all()
    assert not hub.asked("GET|HEAD", "resolve/.*kmer-4")
    assert len(hub.asked("GET", "/_large/")) == 1
    record = evaluate({"x": f"{NAME}:composition"}, tiny_dataset, ["melanoma"], baselines=[])
    local = evaluate({"x": runs / "composition"}, tiny_dataset, ["melanoma"], baselines=[])
    assert record.scores == local.scores
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load_embeddings(f"{NAME}:composition").accessions == table.accessions
    with pytest.raises(GenoProtError, match="not in the cache|network is switched off|holds several|no run"):
        load_embeddings(f"{NAME}:kmer-4")


def test_which_configuration_has_to_be_said_where_there_are_several(hub, online, runs):
    assert push(runs / "composition") == 0
    commit = hub.repository("dataset", NAME).history[0].oid
    assert load_embeddings(NAME).name == "composition"
    assert push(runs / "kmer-4") == 0
    with pytest.raises(GenoProtError, match=f"name one, such as {NAME}:composition"):
        load_embeddings(NAME)
    with pytest.raises(GenoProtError, match="has no configuration 'esmc-600m'"):
        load_embeddings(f"{NAME}:esmc-600m")
    assert load_embeddings(f"{NAME}@{commit}").name == "composition"
    with pytest.raises(GenoProtError, match="no such revision"):
        load_embeddings(f"{NAME}@gone:composition")


def test_embeddings_of_another_dataset_are_refused(hub, online, runs, sharded_dataset, tmp_path, capsys):
    assert push(runs / "composition") == 0
    with pytest.raises(GenoProtError, match="were made from another dataset"):
        evaluate({"x": f"{NAME}:composition"}, sharded_dataset, ["melanoma"], baselines=[])
    embed("kmer-4", sharded_dataset, tmp_path / "other")
    assert "its composition was made from dataset" in refused(capsys, tmp_path / "other")
    assert "push them to different repositories" in refused(capsys, tmp_path / "other", runs / "composition")


def test_bad_runs_and_repositories_of_something_else(hub, online, runs, tmp_path, capsys):
    from huggingface_hub import HfApi

    assert "no finished run" in refused(capsys, tmp_path)
    broken = shutil.copytree(runs / "composition", tmp_path / "broken")
    next(broken.rglob("*.parquet")).write_bytes(b"PAR1")
    assert "damaged" in refused(capsys, broken)
    assert not hub.requests
    api = HfApi(token=online)
    api.create_repo(NAME, repo_type="dataset")
    api.upload_file(path_or_fileobj=b"{}", path_in_repo="MANIFEST.json", repo_id=NAME, repo_type="dataset")
    assert "holds MANIFEST.json and no embeddings" in refused(capsys, runs / "composition")


def plant(hub, files: dict[str, bytes]) -> None:
    """Put files into the repository that no client would send."""
    repository = hub.repository("dataset", NAME)
    head = repository.history[0]
    tree = head.tree | {path: Entry(data, size=len(data)) for path, data in files.items()}
    repository.refs["refs/heads/main"] = repository.record(tree, head.oid, "planted", "", "stranger").oid


@pytest.mark.parametrize(
    "path", ["../../../escaped.parquet", "/tmp/escaped.parquet", "composition/../../up.parquet"]
)
def test_file_names_that_climb_are_refused(hub, online, runs, tmp_path, path):
    assert push(runs / "composition") == 0
    plant(hub, {path: b"PAR1"})
    with pytest.raises(GenoProtError, match="leads out of its folder|Invalid filename"):
        remote.fetch_snapshot(NAME, ["*"], "embeddings")
    assert not list(tmp_path.rglob("*escaped*"))


def test_records_of_runs_from_strangers(hub, online, runs, capsys):
    assert push(runs / "composition") == 0
    run = json.loads((runs / "composition" / "composition" / "run.json").read_text())
    run["files"]["../../../secret.parquet"] = {"sha256": "0" * 64}
    plant(hub, {"composition/run.json": json.dumps(run).encode()})
    with pytest.raises(GenoProtError, match="leads out of its folder"):
        load_embeddings(f"{NAME}:composition")
    plant(hub, {"composition/run.json": b"[1]"})
    assert "is not the record of a run" in refused(capsys, runs / "kmer-4")


def test_pickles_are_not_read_and_sizes_are_bounded(hub, online, runs, monkeypatch):
    assert push(runs / "composition") == 0
    plant(hub, {"composition/vectors.pkl": b"\x80\x04.", "composition/vectors.npy": b"\x93NUMPY"})
    hub.requests.clear()
    load_embeddings(f"{NAME}:composition")
    assert not hub.asked("GET|HEAD", r"\.(pkl|npy)")
    monkeypatch.setattr(remote, "MOST_BYTES", 1000)
    hub.requests.clear()
    with pytest.raises(GenoProtError, match="are more than the 1,000 that are taken"):
        load_embeddings(f"{NAME}:composition")
    assert not hub.asked("GET", "/_large/")


def test_text_of_a_record_is_escaped_on_the_card(hub, online, runs, tmp_path):
    folder = shutil.copytree(runs / "composition", tmp_path / "evil")
    path = folder / "composition" / "run.json"
    run = json.loads(path.read_text())
    run["encoder"] |= {"title": "<script>alert(1)</script> | x", "name": "a`b; rm -rf ~"}
    path.write_text(json.dumps(run))
    assert push(folder) == 0
    text = card(hub)
    assert "<script>" not in text
    assert "rm -rf ~" not in text
    assert "&lt;script&gt;" in text


def test_table_that_claims_to_be_huge_is_not_read(tmp_path, monkeypatch):
    from genoprot_evaluate.store import parts

    rows = {"accession": ["P1"], "embedding": [[1.0, 2.0]]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    assert len(load_embeddings(tmp_path)) == 1
    monkeypatch.setattr(parts, "MOST_BYTES", 10)
    with pytest.raises(GenoProtError, match="bytes of columns are more than 10"):
        load_embeddings(tmp_path)
