"""One commit that makes a repository's files what they should be, or none when they are so already."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.hub_faults import hub_errors
from genoprot_datasets.snapshots import check_inside

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = [
    "TEXT_BYTES",
    "Content",
    "Head",
    "Pushed",
    "hub_api",
    "open_request",
    "push_files",
    "read_head",
    "read_text",
]

TEXT_BYTES = 5_000_000
"""Size of a card or record above which it is not read from a repository."""

Content = Path | bytes
"""What a file is to hold: a file on the disk, or the bytes."""


@dataclass(frozen=True)
class Head:
    """Files of a repository's branch or pull request.

    Parameters
    ----------
    kind : {"model", "dataset", "space"}
    repository : str
    revision : str
        Branch, or reference of a pull request.
    commit : str or None
        None where there is no such repository.
    files : mapping of str to str
        SHA-256 of large files, Git's SHA-1 of the others, by path.
    sizes : mapping of str to int
        In bytes.
    """

    kind: str
    repository: str
    revision: str
    commit: str | None
    files: Mapping[str, str]
    sizes: Mapping[str, int]

    @property
    def what(self) -> str:
        """Name for messages."""
        return f"{self.kind} repository {self.repository!r}"


@dataclass(frozen=True)
class Pushed:
    """What a push did, or would do.

    Parameters
    ----------
    url : str
        Of the commit, or of the repository when nothing had to change.
    commit : str or None
        Head of the branch afterwards; None when nothing was sent.
    added, changed, removed : tuple of str
        Paths.
    pull_request : str or None
        Address of the pull request.
    """

    url: str
    commit: str | None
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    pull_request: str | None = None

    @property
    def empty(self) -> bool:
        """Whether every file was as it should be."""
        return not (self.added or self.changed or self.removed)


def hub_api() -> HfApi:
    """The Hub's client, with the token of `hf auth login` or ``HF_TOKEN``.

    Raises
    ------
    GenoProtError
        If there is no token.
    """
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise GenoProtError(
            "no token for the Hub; log in by `hf auth login`, or set HF_TOKEN to a token that may write"
        )
    return HfApi(library_name="geno-prot")


def read_head(api: HfApi, kind: str, repository: str, revision: str = "main") -> Head:
    """What is in a repository; a repository that is not there has no files.

    Raises
    ------
    GenoProtError
        If the name cannot be one, the Hub does not answer, or a file name leads out of the repository.
    """
    from huggingface_hub.errors import RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    what = f"{kind} repository {repository!r}"
    if repository.count("/") != 1:
        raise GenoProtError(f"{what}: expected USER/NAME")
    files, sizes = {}, {}
    with hub_errors(what):
        try:
            commit = api.repo_info(repository, repo_type=kind, revision=revision).sha
        except RepositoryNotFoundError:
            api.whoami(cache=True)  # a token that is not valid sees no repository either
            return Head(kind, repository, revision, None, {}, {})
        for entry in api.list_repo_tree(repository, recursive=True, revision=commit, repo_type=kind):
            if isinstance(entry, RepoFile):
                check_inside(entry.path, what)
                files[entry.path] = entry.lfs.sha256 if entry.lfs else entry.blob_id
                sizes[entry.path] = entry.size
    return Head(kind, repository, revision, commit, files, sizes)


def open_request(api: HfApi, head: Head, title: str) -> Head:
    """What is in the user's open pull request of a title; `head` itself where there is none.

    Raises
    ------
    GenoProtError
        If the Hub does not answer.
    """
    if head.commit is None:
        return head
    with hub_errors(head.what):
        author = api.whoami(cache=True)["name"]
        requests = api.get_repo_discussions(
            head.repository,
            author=author,
            repo_type=head.kind,
            discussion_type="pull_request",
            discussion_status="open",
        )
        numbers = [one.num for one in requests if one.title == title and one.author == author]
    return read_head(api, head.kind, head.repository, f"refs/pr/{numbers[0]}") if numbers else head


def read_text(api: HfApi, head: Head, path: str) -> str | None:
    """Text of a file of a repository; None where there is none.

    Raises
    ------
    GenoProtError
        If it is larger than `TEXT_BYTES`, not UTF-8, or the Hub does not give it.
    """
    if path not in head.files:
        return None
    if head.sizes[path] > TEXT_BYTES:
        raise GenoProtError(f"{head.what}: {path} has {head.sizes[path]:,} bytes, over {TEXT_BYTES:,}")
    with hub_errors(f"{head.what}, {path}"):
        local = api.hf_hub_download(head.repository, path, repo_type=head.kind, revision=head.commit)
        return Path(local).read_text(encoding="utf-8")


def push_files(
    api: HfApi,
    head: Head,
    files: Mapping[str, Content],
    *,
    summary: str,
    description: str = "",
    removed: Collection[str] = (),
    create_pr: bool = False,
    create: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> Pushed:
    """Make a repository hold the files, in one commit on top of `head`.

    Large files go to the Hub's storage first, those that are there already are not sent again; then one
    commit names them all. When it fails anywhere, the branch stays as it was and the same call goes on.

    Parameters
    ----------
    api : HfApi
    head : Head
        As `read_head` gives it.
    files : mapping of str to Path or bytes
        By path in the repository.
    summary, description : str
        Of the commit; of the pull request, where one is opened.
    removed : collection of str
        Paths to take away; those that are not there are passed over.
    create_pr : bool
        Open a pull request instead of committing to the branch.
    create : mapping, optional
        Options of `HfApi.create_repo` for a repository that is not there; without it such a one is refused.
    dry_run : bool
        Send nothing.

    Returns
    -------
    Pushed

    Raises
    ------
    GenoProtError
        If the Hub refuses or does not answer.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    if head.commit is None and create is None:
        raise GenoProtError(f"{head.what}: {_elsewhere(api, head)}")
    added = tuple(sorted(path for path in files if path not in head.files))
    changed = tuple(
        sorted(path for path in files if path in head.files and not _same(files[path], head.files[path]))
    )
    gone = tuple(sorted(path for path in removed if path in head.files and path not in files))
    prefix = "" if head.kind == "model" else f"{head.kind}s/"
    plan = Pushed(f"{api.endpoint}/{prefix}{head.repository}", head.commit, added, changed, gone)
    if plan.empty or dry_run:
        return plan
    operations: list[Any] = [
        CommitOperationAdd(path, str(files[path]) if isinstance(files[path], Path) else files[path])
        for path in added + changed
    ]
    operations += [CommitOperationDelete(path) for path in gone]
    with hub_errors(head.what):
        parent = head.commit
        if parent is None:
            api.create_repo(head.repository, repo_type=head.kind, exist_ok=True, **create)
            parent = api.repo_info(head.repository, repo_type=head.kind).sha
        try:
            done = api.create_commit(
                head.repository,
                operations,
                commit_message=summary,
                commit_description=description,
                repo_type=head.kind,
                revision=head.revision,
                create_pr=create_pr,
                parent_commit=parent,
            )
        except ValueError as error:
            raise _over_the_limit(error, operations) from error
    return Pushed(done.commit_url, done.oid, added, changed, gone, done.pr_url)


def _same(content: Content, there: str) -> bool:
    """Whether a file holds what the repository says; large files go by SHA-256, small ones by Git's name."""
    if len(there) == 64:
        return there == (
            sha256_of(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()
        )
    data = content.read_bytes() if isinstance(content, Path) else content
    return there == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _over_the_limit(error: ValueError, operations: Collection[Any]) -> Exception:
    """The storage's refusal of a file, with the file's path instead of its checksum."""
    text = " ".join(str(error).split())
    for operation in operations:
        info = getattr(operation, "upload_info", None)
        if info is not None and info.is_hashed and info.sha256.hex() in text:
            said = text.partition(info.sha256.hex())[2].strip(": `")
            return GenoProtError(
                f"{operation.path_in_repo}, {info.size:,} bytes: the Hub refuses it ({said})"
            )
    return error


def _elsewhere(api: HfApi, head: Head) -> str:
    """What to say of a repository that is not there."""
    others = [kind for kind in ("model", "dataset", "space") if kind != head.kind]
    with hub_errors(head.what):
        found = [kind for kind in others if api.repo_exists(head.repository, repo_type=kind)]
    if found:
        return f"there is none; {head.repository!r} is the name of a {found[0]} repository"
    return "the Hub shows no such repository with this token; check the name"
