"""An HTTP server on the loopback interface that misbehaves as it is told."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["FaultyServer", "Resource", "serving"]


@dataclass
class Resource:
    """A file on the server and what goes wrong with it.

    Attributes
    ----------
    body : bytes
        Content; may be changed between requests, and the ETag changes with it.
    cut_after : list of int
        Bytes after which the connection of each further request is cut.
    stall_after : list of int
        Bytes after which each further request hangs.
    statuses : list of (int, dict)
        Answers other than the file, first come first served.
    announced : int or None
        Length to announce instead of the true one.
    ranges, validators : bool
        Whether ranges are honoured, and whether an ETag and a date are sent.
    no_length : bool
        Announce none; the end of the connection is the end of the file.
    encoding : str
        `Content-Encoding` to claim.
    on_request : callable
        Called with the number of the request, from 1, before it is answered.
    """

    body: bytes
    cut_after: list[int] = field(default_factory=list)
    stall_after: list[int] = field(default_factory=list)
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    announced: int | None = None
    ranges: bool = True
    validators: bool = True
    no_length: bool = False
    encoding: str = ""
    on_request: Callable[[int], None] = lambda number: None

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body).hexdigest()}"'


class FaultyServer(ThreadingHTTPServer):
    """Serves `resources` by path and keeps count of the requests and of what they asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.resources: dict[str, Resource] = {}
        self.requests: Counter[str] = Counter()
        self.ranges: dict[str, list[str | None]] = {}
        self.times: dict[str, list[float]] = {}
        self.mutex = threading.Lock()
        self.running = self.most_running = 0
        self.closing = threading.Event()

    def handle_error(self, request, client_address) -> None:
        """Clients that hang up are what is tested here."""

    def add(self, name: str, resource: Resource) -> str:
        """Serve a file; its address."""
        self.resources[f"/{name}"] = resource
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def log_message(self, *arguments) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        with server.mutex:
            server.requests[self.path] += 1
            server.ranges.setdefault(self.path, []).append(self.headers.get("Range"))
            server.times.setdefault(self.path, []).append(time.monotonic())
            server.running += 1
            server.most_running = max(server.most_running, server.running)
        try:
            self._answer()
        finally:
            with server.mutex:
                server.running -= 1

    def _answer(self) -> None:
        resource = self.server.resources.get(self.path)
        if resource is None:
            self._status(404, {})
            return
        resource.on_request(self.server.requests[self.path])
        if resource.statuses:
            self._status(*resource.statuses.pop(0))
            return
        body, first, status = resource.body, 0, 200
        validators = {"ETag": resource.etag, "Last-Modified": formatdate(0, usegmt=True)}
        if resource.validators and self.headers.get("If-None-Match") == resource.etag:
            self._status(304, {})
            return
        wanted = self.headers.get("Range")
        if wanted and resource.ranges and self.headers.get("If-Range") in (None, *validators.values()):
            condition = self.headers.get("If-Range")
            if condition in (None, resource.etag):
                first, status = int(wanted[len("bytes=") : -1]), 206
                if first >= len(body):
                    self._status(416, {"Content-Range": f"bytes */{len(body)}"})
                    return
        announced = len(body) if resource.announced is None else resource.announced
        self.send_response(status)
        if resource.validators:
            for name, value in validators.items():
                self.send_header(name, value)
        if resource.encoding:
            self.send_header("Content-Encoding", resource.encoding)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        if resource.no_length:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(announced - first))
        self.end_headers()
        self._send(resource, body[first:], announced - first)

    def _send(self, resource: Resource, body: bytes, announced: int) -> None:
        cut = resource.cut_after.pop(0) if resource.cut_after else None
        stall = resource.stall_after.pop(0) if resource.stall_after else None
        self.wfile.write(body[:announced][: cut if cut is not None else stall])
        self.wfile.flush()
        if stall is not None:
            self.server.closing.wait(20)
        if cut is not None or stall is not None or announced > len(body) or resource.no_length:
            self.close_connection = True

    def _status(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving() -> Iterator[FaultyServer]:
    """A server that is gone at the end."""
    with FaultyServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
