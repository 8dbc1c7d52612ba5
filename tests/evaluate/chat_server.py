"""A chat endpoint on the loopback interface, with the faults that it is told to have."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["ChatServer", "Fault", "serving_chat"]


@dataclass
class Fault:
    """What one request gets in place of an answer.

    Attributes
    ----------
    status : int
    body : bytes
    headers : dict
    cut : bool
        Half of the body comes, though all of it is announced.
    reset : bool
        The connection is reset in place of an answer.
    seconds : float
        Time that passes before it.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    reset: bool = False
    seconds: float = 0.0


class ChatServer(ThreadingHTTPServer):
    """Answers chat completions by `answer` and keeps every request and its authorization.

    What `answer` returns is the content of a message, the message, the whole completion, or a `Fault`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[dict[str, Any]], Any] = lambda body: '{"result": true}'
        self.faults: list[Fault] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.mutex = threading.Lock()

    def handle_error(self, request, client_address) -> None:
        """Clients that hang up are what is tested here."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def questions(self) -> list[str]:
        return [body["messages"][-1]["content"] for body in self.bodies]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ChatServer

    def log_message(self, *arguments) -> None:
        pass

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.mutex:
            server.bodies.append(body)
            server.keys.append(self.headers.get("Authorization"))
            fault = server.faults.pop(0) if server.faults else None
        if self.path != "/v1/chat/completions":
            fault = Fault(404)
        content = server.answer(body) if fault is None else None
        if isinstance(content, Fault):
            fault = content
        elif isinstance(content, dict) and "choices" in content:
            fault = Fault(body=json.dumps(content).encode())
        if fault is None:
            message = content if isinstance(content, dict) else {"role": "assistant", "content": content}
            completion = {
                "model": f"{body['model']}-2025-04-14",
                "system_fingerprint": "fp_1",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 5},
            }
            fault = Fault(body=json.dumps(completion).encode())
        time.sleep(fault.seconds)
        if fault.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(fault.status)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(fault.body)))
        self.end_headers()
        if fault.cut:
            self.wfile.write(fault.body[: len(fault.body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(fault.body)


@contextmanager
def serving_chat() -> Iterator[ChatServer]:
    """A running server."""
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
