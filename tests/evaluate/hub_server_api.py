"""The routes below ``/api`` and the batches of large files: what each answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import yaml
from hub_server_commits import apply_commit, check_card, large_file_actions, merge, upload_modes
from hub_server_storage import Entry, HubFault, PullRequest, Repository, User

__all__ = ["API"]

DATE = "2026-01-01T00:00:00.000Z"
Answer = tuple[Any, dict[str, str]]


def _kind(fields: Mapping[str, str]) -> str:
    return fields["kind"].removesuffix("s")


def whoami(hub, user: User | None, fields, query, body, headers) -> Answer:
    if user is None:
        raise HubFault(401, "Invalid username or password.")
    token = {"accessToken": {"displayName": "test", "role": user.role}}
    organizations = [{"name": name} for name in user.organizations]
    return {"type": "user", "name": user.name, "orgs": organizations, "auth": token}, {}


def validate_yaml(hub, user, fields, query, body, headers) -> Answer:
    faults = check_card(json.loads(body)["content"])
    if faults:
        refusal = HubFault(400, faults[0])
        refusal.body = {"errors": [{"message": fault} for fault in faults], "warnings": []}
        raise refusal
    return {"errors": [], "warnings": []}, {}


def create_repository(hub, user: User | None, fields, query, body, headers) -> Answer:
    wanted = json.loads(body)
    kind = wanted.get("type") or "model"
    if user is None:
        raise HubFault(401, "Invalid username or password.")
    name = f"{wanted.get('organization') or user.name}/{wanted['name']}"
    private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
    if kind == "space" and not wanted.get("sdk"):
        raise HubFault(400, "a Space needs an sdk")
    try:
        repository = hub.storage.create(kind, name, user, private=private, sdk=wanted.get("sdk"))
    except HubFault as fault:
        if fault.status == 409:
            fault.body["url"] = _url(hub, hub.storage.repositories[kind, name])
        raise
    return {"url": _url(hub, repository), "name": name, "id": name}, {}


def delete_repository(hub, user, fields, query, body, headers) -> Answer:
    wanted = json.loads(body)
    name = f"{wanted.get('organization') or (user and user.name)}/{wanted['name']}"
    repository = hub.storage.writable(wanted.get("type") or "model", name, user)
    del hub.storage.repositories[repository.kind, repository.name]
    return {}, {}


def describe(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.find(_kind(fields), fields["name"], user)
    commit = repository.resolve(fields.get("revision", "main"))
    card = commit.tree.get("README.md")
    front = card.content.decode().split("---", 2)[1] if card and card.content.startswith(b"---") else "{}"
    blobs = query.get("blobs") in ("True", "true", "1")
    siblings = []
    for path, entry in sorted(commit.tree.items()):
        sibling: dict[str, Any] = {"rfilename": path}
        if blobs:
            facts = entry.describe(path)
            sibling |= {"blobId": facts["oid"], "size": facts["size"]}
            if "lfs" in facts:
                sibling["lfs"] = {"sha256": facts["lfs"]["oid"], "size": facts["size"], "pointerSize": 134}
        siblings.append(sibling)
    return {
        "_id": "0" * 24,
        "id": repository.name,
        "author": repository.name.split("/")[0],
        "sha": commit.oid,
        "lastModified": DATE,
        "createdAt": DATE,
        "private": repository.private,
        "gated": "manual" if repository.gated else False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "sdk": repository.sdk,
        "cardData": yaml.safe_load(front) or {},
        "siblings": siblings,
    }, {}


def tree(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.readable(_kind(fields), fields["name"], user)
    commit = repository.resolve(fields["revision"])
    entries = list(
        _listing(commit.tree, fields.get("path", ""), query.get("recursive", "").lower() == "true")
    )
    if not entries and fields.get("path"):
        raise HubFault(404, f"{fields['path']} does not exist", "EntryNotFound")
    start = int(query.get("cursor", 0))
    stop = start + hub.page
    link = {}
    if stop < len(entries):
        rest = urlencode(query | {"cursor": str(stop)})
        path = f"/{fields['path']}" if fields.get("path") else ""
        url = f"{hub.address}/api/{fields['kind']}/{fields['name']}/tree/{commit.oid}{path}?{rest}"
        link = {"Link": f'<{url}>; rel="next"'}
    return entries[start:stop], link


def _listing(files: Mapping[str, Entry], folder: str, recursive: bool) -> Iterable[dict]:
    prefix = f"{folder}/" if folder else ""
    inside = sorted(path for path in files if path.startswith(prefix))
    folders: set[str] = set()
    for path in inside:
        *parents, _ = path.removeprefix(prefix).split("/")
        depth = len(parents) if recursive else min(1, len(parents))
        for count in range(1, depth + 1):
            name = prefix + "/".join(parents[:count])
            if name not in folders:
                folders.add(name)
                yield {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
        if recursive or not parents:
            yield files[path].describe(path)


def paths_info(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.readable(_kind(fields), fields["name"], user)
    files = repository.resolve(fields["revision"]).tree
    if "json" in headers.get("Content-Type", ""):
        paths = json.loads(body)["paths"]
    else:
        paths = [value for name, value in parse_qsl(body.decode()) if name == "paths"]
    found = []
    for path in paths:
        if path in files:
            found.append(files[path].describe(path))
        elif any(name.startswith(f"{path}/") for name in files) or path == "":
            found.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
    return found, {}


def refs(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.find(_kind(fields), fields["name"], user)
    groups: dict[str, list] = {"branches": [], "converts": [], "tags": [], "pullRequests": []}
    for ref, oid in repository.refs.items():
        group = {"heads": "branches", "tags": "tags", "pr": "pullRequests"}[ref.split("/")[1]]
        groups[group].append({"name": ref.split("/", 2)[2], "ref": ref, "targetCommit": oid})
    return groups, {}


def commits(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.find(_kind(fields), fields["name"], user)
    oid, found = repository.resolve(fields["revision"]).oid, []
    while oid is not None:
        commit = repository.commits[oid]
        authors = [{"user": commit.author}]
        found.append(
            {
                "id": oid,
                "title": commit.title,
                "message": commit.description,
                "date": DATE,
                "authors": authors,
            }
        )
        oid = commit.parent
    return found, {}


def add_ref(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.writable(_kind(fields), fields["name"], user)
    wanted = json.loads(body)
    if fields["what"] == "branch":
        ref, start = f"refs/heads/{fields['ref']}", wanted.get("startingPoint", "main")
    else:
        ref, start = f"refs/tags/{wanted['tag']}", fields["ref"]
    if ref in repository.refs:
        raise HubFault(409, f"Reference already exists: {ref}")
    repository.refs[ref] = repository.resolve(start).oid
    return {}, {}


def remove_ref(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.writable(_kind(fields), fields["name"], user)
    ref = f"refs/{'heads' if fields['what'] == 'branch' else 'tags'}/{fields['ref']}"
    if ref not in repository.refs:
        raise HubFault(404, f"Reference does not exist: {ref}", "RevisionNotFound")
    del repository.refs[ref]
    return {}, {}


def preupload(hub, user, fields, query, body, headers) -> Answer:
    pull_request = "create_pr" in query or fields["revision"].startswith("refs/pr/")
    repository = hub.storage.writable(_kind(fields), fields["name"], user, pull_request=pull_request)
    return upload_modes(repository, fields["revision"], json.loads(body)), {}


def commit(hub, user, fields, query, body, headers) -> Answer:
    own_pull = fields["revision"].startswith("refs/pr/")
    create_pr = "create_pr" in query
    repository = hub.storage.writable(_kind(fields), fields["name"], user, pull_request=create_pr or own_pull)
    made, pull = apply_commit(hub.storage, repository, fields["revision"], body, user, create_pr)
    url = _url(hub, repository)
    return {
        "success": True,
        "commitOid": made.oid,
        "commitUrl": f"{url}/commit/{made.oid}",
        "pullRequestUrl": pull and f"{url}/discussions/{pull.number}",
    }, {}


def large_batch(hub, user, fields, query, body, headers) -> Answer:
    kind = (fields.get("kind") or "models").removesuffix("s")
    repository = hub.storage.writable(kind, fields["name"], user, pull_request=True)
    return large_file_actions(hub.storage, repository, json.loads(body), hub.storage_address), {}


def discussions(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.find(_kind(fields), fields["name"], user)
    found = [
        _discussion(repository, pull)
        for pull in repository.pulls
        if query.get("author") in (None, pull.author) and query.get("status") in (None, "all", pull.status)
    ]
    return {"discussions": found, "count": len(found), "start": 0}, {}


def discussion(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.find(_kind(fields), fields["name"], user)
    pull = repository.pulls[int(fields["number"]) - 1]
    changes = {"base": f"refs/heads/{pull.base}"}
    return _discussion(repository, pull) | {"events": [], "filesWithConflicts": [], "changes": changes}, {}


def merge_pull_request(hub, user, fields, query, body, headers) -> Answer:
    repository = hub.storage.writable(_kind(fields), fields["name"], user)
    merge(repository, int(fields["number"]), user)
    return {}, {}


def _discussion(repository: Repository, pull: PullRequest) -> dict:
    return {
        "num": pull.number,
        "title": pull.title,
        "author": {"name": pull.author},
        "status": pull.status,
        "isPullRequest": True,
        "createdAt": DATE,
        "repo": {"name": repository.name, "type": repository.kind},
    }


def _url(hub, repository: Repository) -> str:
    prefix = "" if repository.kind == "model" else f"/{repository.kind}s"
    return f"{hub.address}{prefix}/{repository.name}"


_REPOSITORY = r"/api/(?P<kind>models|datasets|spaces)/(?P<name>[^/]+/[^/]+)"
_REVISION = r"(?P<revision>refs/pr/\d+|[^/]+)"

API = (
    ("GET", r"/api/whoami-v2", whoami),
    ("POST", r"/api/validate-yaml", validate_yaml),
    ("POST", r"/api/repos/create", create_repository),
    ("DELETE", r"/api/repos/delete", delete_repository),
    ("GET", _REPOSITORY, describe),
    ("GET", rf"{_REPOSITORY}/revision/{_REVISION}", describe),
    ("GET", rf"{_REPOSITORY}/tree/{_REVISION}(?:/(?P<path>.+))?", tree),
    ("POST", rf"{_REPOSITORY}/paths-info/{_REVISION}", paths_info),
    ("GET", rf"{_REPOSITORY}/refs", refs),
    ("GET", rf"{_REPOSITORY}/commits/{_REVISION}", commits),
    ("POST", rf"{_REPOSITORY}/(?P<what>branch|tag)/(?P<ref>.+)", add_ref),
    ("DELETE", rf"{_REPOSITORY}/(?P<what>branch|tag)/(?P<ref>.+)", remove_ref),
    ("POST", rf"{_REPOSITORY}/preupload/{_REVISION}", preupload),
    ("POST", rf"{_REPOSITORY}/commit/{_REVISION}", commit),
    ("GET", rf"{_REPOSITORY}/discussions", discussions),
    ("GET", rf"{_REPOSITORY}/discussions/(?P<number>\d+)", discussion),
    ("POST", rf"{_REPOSITORY}/discussions/(?P<number>\d+)/merge", merge_pull_request),
    (
        "POST",
        r"/(?:(?P<kind>datasets|spaces)/)?(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch",
        large_batch,
    ),
)
"""Method, pattern of the path, and the function that answers with JSON and headers."""
