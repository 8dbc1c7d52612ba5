"""What a Hub stores: users, repositories, commits, branches, tags, pull requests, large files."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field

__all__ = ["Commit", "Entry", "HubFault", "HubStorage", "PullRequest", "Repository", "User", "git_oid"]

TYPES = ("model", "dataset", "space")


class HubFault(Exception):
    """An answer other than success, with the headers by which the clients tell the cause."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = {"error": message}
        self.headers = {"X-Error-Message": message, **headers}
        if code is not None:
            self.headers["X-Error-Code"] = code


def git_oid(content: bytes) -> str:
    """Name that git gives to a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class User:
    """Who holds a token, and what the token may do."""

    name: str
    role: str = "write"
    organizations: tuple[str, ...] = ()

    def may_write(self, repo_id: str) -> bool:
        return self.role == "write" and repo_id.split("/")[0] in (self.name, *self.organizations)


@dataclass(frozen=True)
class Entry:
    """A file of a commit: its bytes, or the name and size of a large file."""

    content: bytes | None = None
    sha256: str | None = None
    size: int = 0

    @property
    def oid(self) -> str:
        if self.content is not None:
            return git_oid(self.content)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n"
        return git_oid(pointer.encode())

    def describe(self, path: str) -> dict:
        if self.content is not None:
            return {"type": "file", "path": path, "oid": self.oid, "size": len(self.content)}
        lfs = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        return {"type": "file", "path": path, "oid": self.oid, "size": self.size, "lfs": lfs}


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    title: str
    description: str
    author: str
    tree: dict[str, Entry]


@dataclass
class PullRequest:
    number: int
    title: str
    description: str
    author: str
    base: str
    status: str = "open"


@dataclass
class Repository:
    """A repository and its history.

    Attributes
    ----------
    refs : dict
        Commit by full name of the reference, such as ``refs/heads/main`` or ``refs/pr/1``.
    large : dict
        Content of large files by SHA-256, committed or not.
    """

    kind: str
    name: str
    private: bool = False
    gated: bool = False
    sdk: str | None = None
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    pulls: list[PullRequest] = field(default_factory=list)
    large: dict[str, bytes] = field(default_factory=dict)

    def resolve(self, revision: str) -> Commit:
        """The commit of a branch, tag, pull request or (short) commit name."""
        for ref in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if ref in self.refs:
                return self.commits[self.refs[ref]]
        found = [oid for oid in self.commits if len(revision) >= 7 and oid.startswith(revision)]
        if len(found) == 1:
            return self.commits[found[0]]
        raise HubFault(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    @property
    def history(self) -> list[Commit]:
        """Commits of main, the newest first."""
        commits, oid = [], self.refs.get("refs/heads/main")
        while oid is not None:
            commits.append(self.commits[oid])
            oid = commits[-1].parent
        return commits

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """Every file of a revision with its content."""
        tree = self.resolve(revision).tree
        return {
            path: entry.content if entry.content is not None else self.large[entry.sha256]
            for path, entry in tree.items()
        }

    def record(
        self, tree: dict[str, Entry], parent: str | None, title: str, description: str, author: str
    ) -> Commit:
        lines = [f"{parent} {title} {author} {len(self.commits)}"]
        lines += [f"{path} {entry.oid}" for path, entry in sorted(tree.items())]
        oid = hashlib.sha1("\n".join(lines).encode()).hexdigest()
        self.commits[oid] = Commit(oid, parent, title, description, author, dict(tree))
        return self.commits[oid]


class HubStorage:
    """Users by token and repositories by kind and name.

    Attributes
    ----------
    frameworks : set of str
        Values of `evaluation_framework` that an `eval.yaml` may have.
    lfs_limit, regular_limit : int
        Sizes in bytes above which a file is refused.
    """

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.frameworks = {"inspect-ai", "verifiers", "geno-prot"}
        self.lfs_limit = 50_000_000_000
        self.regular_limit = 10_000_000
        self.mutex = threading.RLock()

    def user(self, authorization: str | None) -> User | None:
        """Who asks; None for nobody."""
        if not authorization:
            return None
        user = self.users.get(authorization.removeprefix("Bearer "))
        if user is None:
            raise HubFault(401, "Invalid credentials in Authorization header")
        return user

    def create(self, kind: str, name: str, user: User | None, **options) -> Repository:
        if user is None:
            raise HubFault(401, "Invalid username or password.")
        if not user.may_write(name):
            raise HubFault(403, f"You don't have the rights to create a {kind} under this namespace")
        if (kind, name) in self.repositories:
            raise HubFault(409, f"You already created this {kind} repo")
        repository = Repository(kind, name, **options)
        first = repository.record({".gitattributes": Entry(b"")}, None, "initial commit", "", user.name)
        repository.refs["refs/heads/main"] = first.oid
        self.repositories[kind, name] = repository
        return repository

    def find(self, kind: str, name: str, user: User | None) -> Repository:
        """A repository that the user may see."""
        repository = self.repositories.get((kind, name))
        hidden = repository is not None and repository.private
        if repository is None or (
            hidden and not (user and name.split("/")[0] in (user.name, *user.organizations))
        ):
            if user is None:
                raise HubFault(401, "Invalid username or password.", "RepoNotFound")
            raise HubFault(404, "Repository not found", "RepoNotFound")
        return repository

    def readable(self, kind: str, name: str, user: User | None) -> Repository:
        """A repository whose files the user may read."""
        repository = self.find(kind, name, user)
        if repository.gated and not (user and user.may_write(name)):
            raise HubFault(403 if user else 401, f"Access to {kind} {name} is restricted.", "GatedRepo")
        return repository

    def writable(self, kind: str, name: str, user: User | None, *, pull_request: bool = False) -> Repository:
        """A repository that the user may commit to, or open a pull request in."""
        if user is None:
            raise HubFault(401, "Invalid username or password.")
        repository = self.find(kind, name, user)
        if user.role != "write":
            raise HubFault(403, "Forbidden: you must use a write token to upload to a repository.")
        if not pull_request and not user.may_write(name):
            raise HubFault(403, f"Forbidden: pass create_pr=1 to open a pull request in {name}")
        return repository
