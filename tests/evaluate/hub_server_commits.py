"""How a Hub takes files: upload modes, commits, pull requests, large files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import yaml
from hub_server_storage import Commit, Entry, HubFault, HubStorage, PullRequest, Repository, User

__all__ = ["apply_commit", "check_card", "large_file_actions", "merge", "upload_modes"]

LARGE = (".parquet", ".safetensors", ".bin")
PART = 1 << 20


def check_card(text: str) -> list[str]:
    """Faults of a card's front matter."""
    if not text.startswith("---"):
        return []
    try:
        content = yaml.safe_load(text.split("---", 2)[1])
    except yaml.YAMLError as error:
        return [f"YAML metadata error: {' '.join(str(error).split())}"]
    if content is None or isinstance(content, dict):
        return []
    return ["YAML metadata error: not a mapping"]


def upload_modes(repository: Repository, revision: str, payload: Mapping[str, Any]) -> dict:
    """Whether each file is to be a regular one or a large one, and what is there now."""
    tree = repository.resolve(revision).tree
    files = []
    for file in payload["files"]:
        sample = base64.b64decode(file["sample"])
        large = file["path"].endswith(LARGE) or file["size"] > 10_000_000 or b"\0" in sample
        there = tree.get(file["path"])
        files.append(
            {
                "path": file["path"],
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": False,
                "oid": there and (there.sha256 or there.oid),
            }
        )
    return {"files": files}


def large_file_actions(
    storage: HubStorage, repository: Repository, payload: Mapping[str, Any], address: str
) -> dict:
    """Where to send the large files that are not there."""
    objects = []
    for wanted in payload["objects"]:
        oid, size = wanted["oid"], wanted["size"]
        answer: dict[str, Any] = {"oid": oid, "size": size}
        root = f"{address}/_large/{repository.kind}/{repository.name}/{oid}"
        if size > storage.lfs_limit:
            message = (
                f"You need to configure your repository to enable upload of files > {storage.lfs_limit} bytes"
            )
            answer["error"] = {"code": 422, "message": message}
        elif oid not in repository.large:
            verify = {"href": f"{root}/verify"}
            if "multipart" in payload["transfers"] and size > PART:
                parts = {str(number + 1): f"{root}/part/{number}" for number in range(-(-size // PART))}
                header = {"chunk_size": str(PART), **parts}
                answer["actions"] = {
                    "upload": {"href": f"{root}/complete", "header": header},
                    "verify": verify,
                }
            else:
                answer["actions"] = {"upload": {"href": root}, "verify": verify}
        objects.append(answer)
    return {"transfer": payload["transfers"][-1], "objects": objects}


def apply_commit(
    storage: HubStorage, repository: Repository, revision: str, body: bytes, user: User, create_pr: bool
) -> tuple[Commit, PullRequest | None]:
    """Make a commit of the lines of a request, on a branch or a new pull request."""
    lines = [json.loads(line) for line in body.splitlines() if line.strip()]
    header = lines[0]["value"]
    head = repository.resolve(revision)
    expected = header.get("parentCommit")
    if expected and not head.oid.startswith(expected) and not create_pr:
        raise HubFault(412, "A commit has happened since. Please refresh and try again.")
    tree = dict(head.tree)
    for line in lines[1:]:
        _apply(storage, repository, tree, line["key"], line["value"])
    commit = repository.record(tree, head.oid, header["summary"], header.get("description", ""), user.name)
    if create_pr:
        number = len(repository.pulls) + 1
        pull = PullRequest(number, header["summary"], header.get("description", ""), user.name, revision)
        repository.pulls.append(pull)
        repository.refs[f"refs/pr/{number}"] = commit.oid
        return commit, pull
    ref = revision if revision.startswith("refs/") else f"refs/heads/{revision}"
    if ref not in repository.refs:
        raise HubFault(400, f"{revision} is not a branch")
    repository.refs[ref] = commit.oid
    return commit, None


def _apply(storage: HubStorage, repository: Repository, tree: dict, key: str, value: Mapping) -> None:
    path = value["path"]
    if any(part in ("", ".", "..", ".git") for part in path.rstrip("/").split("/")):
        raise HubFault(400, f"Invalid path: {path}")
    if key == "file":
        content = base64.b64decode(value["content"])
        if len(content) > storage.regular_limit:
            raise HubFault(413, f"{path}: file is larger than {storage.regular_limit} bytes")
        _check_file(storage, path, content)
        tree[path] = Entry(content, size=len(content))
    elif key == "lfsFile":
        content = repository.large.get(value["oid"])
        if content is None:
            raise HubFault(400, f"LFS pointer points to a file that does not exist: {path}")
        tree[path] = Entry(None, value["oid"], len(content))
    elif key == "deletedFile":
        if path not in tree:
            raise HubFault(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        del tree[path]
    elif key == "deletedFolder":
        inside = [name for name in tree if name.startswith(path.rstrip("/") + "/")]
        if not inside:
            raise HubFault(404, f"A folder with this name doesn't exist: {path}", "EntryNotFound")
        for name in inside:
            del tree[name]
    else:
        raise HubFault(400, f"Unknown operation: {key}")


def _check_file(storage: HubStorage, path: str, content: bytes) -> None:
    if path == "README.md" and (faults := check_card(content.decode())):
        raise HubFault(400, faults[0])
    if path == "eval.yaml":
        framework = yaml.safe_load(content).get("evaluation_framework")
        if framework not in storage.frameworks:
            raise HubFault(
                400, f'eval.yaml: "evaluation_framework" {framework!r} is not one of those allowed'
            )


def merge(repository: Repository, number: int, user: User) -> Commit:
    """Merge a pull request into its base."""
    pull = repository.pulls[number - 1]
    if pull.status != "open":
        raise HubFault(400, f"pull request {number} is {pull.status}")
    commits, oid = [], repository.refs[f"refs/pr/{number}"]
    source, base = repository.commits[oid], repository.resolve(pull.base)
    known = {commit.oid for commit in repository.history}
    while oid not in known:
        commits.append(oid)
        oid = repository.commits[oid].parent
    before = repository.commits[oid].tree
    tree = {path: entry for path, entry in base.tree.items() if path in source.tree or path not in before}
    tree |= {path: entry for path, entry in source.tree.items() if before.get(path) != entry}
    merged = repository.record(tree, base.oid, f"{pull.title} (#{number})", pull.description, user.name)
    repository.refs[f"refs/heads/{pull.base}"] = merged.oid
    pull.status = "merged"
    return merged
