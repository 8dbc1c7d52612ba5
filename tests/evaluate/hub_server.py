"""A Hub on the loopback interface, complete enough for `huggingface_hub`, `datasets` and `evaluate`."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hub_server_api import API
from hub_server_faults import Fault, Faults
from hub_server_storage import HubFault, HubStorage, Repository, User

__all__ = ["Hub", "hub_environment", "running_hub"]

_FILE = re.compile(r"^/(?:(?P<kind>datasets|spaces)/)?(?P<name>[^/]+/[^/]+)/resolve/(?P<rest>.+)$")
_BLOB = re.compile(r"^/_large/(?P<kind>\w+)/(?P<name>[^/]+/[^/]+)/(?P<oid>[0-9a-f]{64})(?P<action>/.*)?$")


class Hub(ThreadingHTTPServer):
    """The server.

    Attributes
    ----------
    storage : HubStorage
    faults : Faults
    requests : list of (str, str)
        Method and target of every request.
    page : int
        Entries in a page of a listing.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.storage = HubStorage()
        self.faults = Faults()
        self.requests: list[tuple[str, str]] = []
        self.parts: dict[tuple[str, int], bytes] = {}
        self.page = 1000

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def storage_address(self) -> str:
        """Where large files are: another host than the Hub, as the clients follow no other redirect."""
        return f"http://localhost:{self.server_address[1]}"

    def handle_error(self, request, client_address) -> None:
        """Clients that hang up are part of what is tested."""

    def user(self, name: str, role: str = "write", organizations: tuple[str, ...] = ()) -> str:
        """Make a user; the token."""
        digest = hashlib.sha256(f"{name} {role}".encode()).hexdigest()
        token = f"hf_{digest[:34]}"
        self.storage.users[token] = User(name, role, organizations)
        return token

    def repository(self, kind: str, name: str) -> Repository:
        """A repository, for a look from inside."""
        return self.storage.repositories[kind, name]

    def asked(self, method: str, path: str) -> list[str]:
        """Targets of the requests that match two regular expressions."""
        return [
            target for verb, target in self.requests if re.fullmatch(method, verb) and re.search(path, target)
        ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub
    disable_nagle_algorithm = True

    def log_message(self, *arguments) -> None:
        pass

    def _serve(self) -> None:
        hub, method = self.server, self.command
        hub.requests.append((method, self.path))
        self.fault = hub.faults.next(method, self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if self.fault is not None and not self.fault.answered:
            if self.fault.status is not None:
                self.rfile.read(length)
                self._fail(HubFault(self.fault.status, self.fault.message, **self.fault.headers))
                return
            if method not in ("GET", "HEAD"):
                self.rfile.read(min(length, self.fault.after))
                self._cut()
                return
        body = (
            self.rfile.read(length)
            if "chunked" not in self.headers.get("Transfer-Encoding", "")
            else self._chunks()
        )
        try:
            with hub.storage.mutex:
                answer = self._route(method, body)
        except HubFault as fault:
            self._fail(fault)
            return
        if self.fault is not None and self.fault.answered:
            self._cut()
            return
        answer()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _route(self, method: str, body: bytes) -> Callable[[], None]:
        target = urlsplit(self.path)
        hub = self.server
        if found := _BLOB.match(target.path):
            return self._large(method, found, body)
        user = hub.storage.user(self.headers.get("Authorization"))
        if method in ("GET", "HEAD") and (found := _FILE.match(target.path)):
            return self._file(found, user)
        query = {name: values[-1] for name, values in parse_qs(target.query).items()}
        for verb, pattern, act in API:
            if verb == method and (found := re.fullmatch(pattern, target.path)):
                fields = {name: unquote(value) for name, value in found.groupdict().items() if value}
                value, headers = act(hub, user, fields, query, body, self.headers)
                return lambda: self._send(200, json.dumps(value).encode(), headers)
        raise HubFault(404, f"no such route: {method} {target.path}")

    def _file(self, found: re.Match, user: User | None) -> Callable[[], None]:
        kind = (found["kind"] or "models").removesuffix("s")
        repository = self.server.storage.readable(kind, found["name"], user)
        revision, path = _split_revision(found["rest"])
        commit = repository.resolve(revision)
        entry = commit.tree.get(path)
        headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
        if entry is None:
            raise HubFault(404, "Entry not found", "EntryNotFound", **headers)
        if entry.content is None:
            headers |= {
                "X-Linked-Size": str(entry.size),
                "X-Linked-ETag": f'"{entry.sha256}"',
                "Location": f"{self.server.storage_address}/_large/{kind}/{found['name']}/{entry.sha256}",
            }
            return lambda: self._send(302, b"", headers)
        return lambda: self._ranged(entry.content, headers | {"ETag": f'"{entry.oid}"'})

    def _large(self, method: str, found: re.Match, body: bytes) -> Callable[[], None]:
        """Storage of large files; its addresses are signed, so it asks for no token."""
        repository = self.server.repository(found["kind"], found["name"])
        oid, action = found["oid"], found["action"] or ""
        if method in ("GET", "HEAD"):
            content = repository.large[oid]
            return lambda: self._ranged(content, {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})
        if action == "/verify":
            if len(repository.large.get(oid, b"")) != json.loads(body)["size"]:
                raise HubFault(400, "the file is not there")
            return lambda: self._send(200, b"{}")
        if action.startswith("/part/"):
            self.server.parts[oid, int(action.rpartition("/")[2])] = body
            return lambda: self._send(200, b"", {"ETag": hashlib.md5(body).hexdigest()})
        if action == "/complete":
            count = len(json.loads(body)["parts"])
            body = b"".join(self.server.parts.pop((oid, number)) for number in range(count))
        if hashlib.sha256(body).hexdigest() != oid:
            raise HubFault(400, "the content's SHA-256 is not the name of the file")
        repository.large[oid] = body
        return lambda: self._send(200, b"{}")

    def _ranged(self, content: bytes, headers: dict[str, str]) -> None:
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            self._send(200, content, headers)
            return
        first, last = wanted.groups()
        if not first:
            start, stop = max(0, len(content) - int(last)), len(content)
        else:
            start, stop = int(first), min(len(content), int(last) + 1 if last else len(content))
        if start >= len(content):
            self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        headers = headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
        self._send(206, content[start:stop], headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", f"{len(self.server.requests)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        fault: Fault | None = self.fault
        if fault is not None and fault.status is None:
            self.wfile.write(body[: fault.after])
            self._cut()
            return
        self.wfile.write(body)

    def _fail(self, fault: HubFault) -> None:
        self.fault = None
        self._send(fault.status, json.dumps(fault.body).encode(), fault.headers)

    def _cut(self) -> None:
        self.wfile.flush()
        self.close_connection = True


def _split_revision(rest: str) -> tuple[str, str]:
    """Revision and path of what stands behind ``resolve/``; only ``refs/pr/N`` has slashes unquoted."""
    parts = rest.split("/")
    count = 3 if parts[0] == "refs" else 1
    return unquote("/".join(parts[:count])), unquote("/".join(parts[count:]))


def hub_environment(hub: Hub, home: Path, token: str | None = None) -> dict[str, str]:
    """Environment of a process that uses the server, with caches of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment: dict[str, Any] = {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "OMP_NUM_THREADS": "1",
    }
    return kept | environment | ({"HF_TOKEN": token} if token else {})


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A server that is gone at the end."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
