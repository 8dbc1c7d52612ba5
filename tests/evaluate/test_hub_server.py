"""The Hub of the tests answers the real client as the Hub does."""

from __future__ import annotations

import hashlib

import hub_server_commits
import pytest
from hub_server_faults import Fault
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.hub_faults import hub_errors
from genoprot_datasets.snapshots import fetch_snapshot

NAME = "llnl/files"
OPTIONS = {"repo_id": NAME, "repo_type": "dataset"}


@pytest.fixture
def api(online):
    client = HfApi(token=online)
    client.create_repo(NAME, repo_type="dataset")
    return client


def commit(api, files: dict[str, bytes], **options):
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    return api.create_commit(operations=operations, commit_message="files", **OPTIONS, **options)


def test_large_files_go_in_parts_and_come_back_after_a_cut(hub, api, monkeypatch):
    monkeypatch.setattr(hub_server_commits, "PART", 1000)
    data = hashlib.sha256(b"x").digest() * 500
    commit(api, {"a.parquet": data})
    assert len(hub.asked("PUT", "/part/")) == 16
    assert hub.repository("dataset", NAME).files()["a.parquet"] == data
    hub.faults.add(Fault("GET", "/_large/", after=5000))
    with open(hf_hub_download(filename="a.parquet", **OPTIONS), "rb") as handle:
        assert handle.read() == data
    assert len(hub.asked("GET", "/_large/")) == 2


def test_large_files_that_are_there_are_not_sent_again(hub, api):
    commit(api, {"a.parquet": b"\0" * 5000})
    commit(api, {"b.parquet": b"\0" * 5000})
    assert len(hub.asked("PUT", "/_large/")) == 1


def test_listings_come_in_pages(hub, api):
    hub.page = 3
    commit(api, {f"folder/{number}/x.txt": b"x" for number in range(5)})
    entries = list(api.list_repo_tree(NAME, recursive=True, repo_type="dataset"))
    assert len(entries) == 1 + 1 + 5 + 5
    assert len(hub.asked("GET", "/tree/")) == 4
    assert [one.path for one in api.list_repo_tree(NAME, "folder/1", repo_type="dataset")] == [
        "folder/1/x.txt"
    ]
    infos = api.get_paths_info(NAME, ["folder", "folder/2/x.txt", "none"], repo_type="dataset")
    assert [one.path for one in infos] == ["folder", "folder/2/x.txt"]


def test_branches_tags_and_commits(hub, api):
    first = commit(api, {"a.txt": b"1"}).oid
    api.create_tag(NAME, tag="v1", repo_type="dataset")
    api.create_branch(NAME, branch="side", repo_type="dataset")
    commit(api, {"a.txt": b"2"}, revision="side")
    commit(api, {"a.txt": b"3"})
    contents = {}
    for revision in ("main", "v1", "side", first):
        with open(hf_hub_download(filename="a.txt", revision=revision, **OPTIONS), "rb") as handle:
            contents[revision] = handle.read()
    assert contents == {"main": b"3", "v1": b"1", "side": b"2", first: b"1"}
    refs = api.list_repo_refs(NAME, repo_type="dataset")
    assert ([one.name for one in refs.branches], [one.name for one in refs.tags]) == (
        ["main", "side"],
        ["v1"],
    )
    assert len(api.list_repo_commits(NAME, repo_type="dataset")) == 3
    api.delete_tag(NAME, tag="v1", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download(filename="a.txt", revision="v1", force_download=True, **OPTIONS)


def test_pull_request_keeps_what_main_got_meanwhile(hub, api):
    commit(api, {"a.txt": b"1", "gone.txt": b"1"})
    pull = api.create_commit(
        operations=[CommitOperationAdd("b.txt", b"2"), CommitOperationDelete("gone.txt")],
        commit_message="request",
        create_pr=True,
        **OPTIONS,
    )
    commit(api, {"c.txt": b"3"})
    api.merge_pull_request(NAME, pull.pr_num, repo_type="dataset")
    assert set(hub.repository("dataset", NAME).files()) == {".gitattributes", "a.txt", "b.txt", "c.txt"}
    assert api.get_discussion_details(NAME, pull.pr_num, repo_type="dataset").status == "merged"


def test_causes_are_told_apart(hub, api, online):
    commit(api, {"a.txt": b"1"})
    stranger = hub.user("stranger")
    hub.repository("dataset", NAME).private = True
    with pytest.raises(RepositoryNotFoundError):
        HfApi(token=stranger).dataset_info(NAME)
    hub.repository("dataset", NAME).private = False
    hub.repository("dataset", NAME).gated = True
    with pytest.raises(GatedRepoError):
        hf_hub_download(filename="a.txt", token=stranger, **OPTIONS)
    hub.repository("dataset", NAME).gated = False
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(filename="none.txt", **OPTIONS)
    with pytest.raises(HfHubHTTPError) as caught:
        commit(api, {"a.txt": b"2"}, parent_commit="0" * 40)
    assert caught.value.response.status_code == 412
    with pytest.raises(ValueError, match="Invalid metadata in README.md"):
        commit(api, {"README.md": b"---\n[\n---\n"})
    api.delete_repo(NAME, repo_type="dataset")
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info(NAME)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 429, "headers": {"Retry-After": "60"}}, "too many requests, wait 60 seconds"),
        ({"status": 503}, "the Hub failed with 503; run the same command again"),
        ({}, "the network failed"),
    ],
)
def test_reading_tells_what_failed(hub, api, fault, said):
    hub.faults.add(Fault("GET", "/api/datasets", times=100, **fault))
    with pytest.raises(GenoProtError, match=said) as caught:
        fetch_snapshot(NAME, ["*"], "dataset")
    assert "\n" not in str(caught.value)


def test_gated_and_private_repositories_are_told(hub, api, monkeypatch):
    commit(api, {"a.txt": b"1"})
    monkeypatch.setenv("HF_TOKEN", hub.user("stranger"))
    hub.repository("dataset", NAME).gated = True
    with pytest.raises(GenoProtError, match="access to it has to be asked for"):
        fetch_snapshot(NAME, ["*"], "dataset")
    hub.repository("dataset", NAME).private = True
    with pytest.raises(GenoProtError, match="no such repository with this token"):
        fetch_snapshot(NAME, ["*"], "dataset")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(GenoProtError, match="no such repository without a token"):
        fetch_snapshot(NAME, ["*"], "dataset")


def test_download_goes_on_after_a_cut_connection(hub, api):
    commit(api, {f"{number}.parquet": bytes([number]) * 4000 for number in range(4)})
    hub.faults.add(Fault("GET", "/_large/", after=1000, times=3))
    folder = snapshot_download(**OPTIONS)
    assert fetch_snapshot(NAME, ["*.parquet"], "dataset").samefile(folder)


def test_other_errors_keep_their_words():
    with pytest.raises(GenoProtError, match="it: ValueError: two lines"), hub_errors("it"):
        raise ValueError("two\nlines")
