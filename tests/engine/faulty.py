"""A server of this process that answers as told: with a fault, with a file, as another server, or never."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


def nothing() -> None:
    """Let it be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one answer; nothing, where nothing is said.

    `message` are the words of a refusal. `cut` ends the body in its middle, `reset` tears the connection down
    before any answer; before either the server waits, `wait` seconds. With `lost` what was asked for is done,
    and nobody hears of it. `first` happens before anything is done, `meanwhile` once it is done, before
    anybody hears of it.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    reset: bool = False
    wait: float = 0.0
    lost: bool = False
    first: Callable[[], None] = nothing
    meanwhile: Callable[[], None] = nothing
    message: str = "as it was told"


FINE = Fault()
# method and path → a status, what goes wrong, or None to leave the asker waiting while the server lives
Behaviour = Callable[[str, str], int | Fault | None]
CODES = {404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS", 401: "UNAUTHORIZED", 403: "DENIED"}
HOP = {"connection", "transfer-encoding", "keep-alive"}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Faulty:
    """Where the server is, and what it was asked; else `upstream` (host:port) or `files` answer."""

    def __init__(
        self,
        behaviour: Behaviour,
        upstream: str = "",
        files: Mapping[str, bytes] | None = None,
        host: str = "127.0.0.1",
        certificate: Path | None = None,
    ) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                outer.asked.append(f"{self.command} {self.path}")
                fine = self.path == "/v2/" and not upstream
                told = FINE if fine else behaviour(self.command, self.path)
                if told is None:
                    outer.over.wait()
                    self.close_connection = True
                    return
                fault = Fault(told if told != 200 else 0) if isinstance(told, int) else told
                outer.over.wait(fault.wait)
                fault.first()
                if fault.reset:
                    self._reset()
                    return
                if fault.status:
                    # what is left unread would be taken for the next request
                    self.body()
                answer = outer.answer(self) if not fault.status else _refusal(fault)
                fault.meanwhile()
                if fault.lost:
                    self._reset()
                    return
                self._send(answer, cut=fault.cut)

            def _send(self, answer: _Answer, *, cut: bool) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
                self.close_connection = self.close_connection or cut

            def _reset(self) -> None:
                # without lingering, to close is to reset
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.rfile.close()
                self.connection.close()

            def body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                    parts = []
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    return b"".join(parts)
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

            def handle(self) -> None:
                with contextlib.suppress(OSError, ValueError):
                    super().handle()

            def finish(self) -> None:
                with contextlib.suppress(OSError, ValueError):
                    super().finish()

            def log_message(self, *_: object) -> None:
                pass

        self._upstream = upstream
        # else an upload would go on at an address of plain HTTP, where nobody speaks it
        self._scheme = "https" if certificate else "http"
        self._files = files or {}
        self._server = http.server.ThreadingHTTPServer((host, 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        # on loopback docker speaks plain HTTP to it
        self.address = f"{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, asked: http.server.BaseHTTPRequestHandler) -> _Answer:
        """What is said where nothing goes wrong."""
        path = asked.path.partition("?")[0]
        if self._upstream:
            return self._passed_on(asked)
        if path in self._files:
            kind = "text/html" if path.endswith("/") else "application/octet-stream"
            return _Answer(200, {"Content-Type": kind}, self._files[path])
        if self._files:
            return _Answer(404, {}, b"")
        return _Answer(200, {"Content-Type": "application/json"}, b"{}")

    def _passed_on(self, asked: http.server.BaseHTTPRequestHandler) -> _Answer:
        body: bytes = asked.body()  # type: ignore[attr-defined]
        # what is said twice counts twice: the engine names each kind of manifest in an Accept of its own
        headers = {
            name: ", ".join(asked.headers.get_all(name, ()))
            for name in asked.headers
            if name.lower() not in HOP
        }
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        try:
            own = {"Content-Length": str(len(body)), "X-Forwarded-Proto": self._scheme}
            connection.request(asked.command, asked.path, body, {**headers, **own})
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
            return _Answer(answer.status, kept, answer.read())
        finally:
            connection.close()

    def close(self) -> None:
        """Let go of everybody who waits."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


def _refusal(fault: Fault) -> _Answer:
    body = {"errors": [{"code": CODES.get(fault.status, "UNKNOWN"), "message": fault.message}]}
    return _Answer(
        fault.status, {"Content-Type": "application/json", **fault.headers}, json.dumps(body).encode()
    )


@contextlib.contextmanager
def faulty(
    behaviour: Behaviour,
    upstream: str = "",
    files: Mapping[str, bytes] | None = None,
    host: str = "127.0.0.1",
    certificate: Path | None = None,
) -> Iterator[Faulty]:
    """A server for the length of a test; with a certificate (and its key) it speaks TLS."""
    server = Faulty(behaviour, upstream, files, host, certificate)
    try:
        yield server
    finally:
        server.close()


def first(times: int, fault: Fault | int, of: str = "") -> Behaviour:
    """A server that is in trouble so many times, with the requests whose path holds `of`, and then well."""
    left = [times]
    lock = threading.Lock()

    def behave(_method: str, path: str) -> Fault | int:
        with lock:
            if of not in path or not left[0]:
                return FINE
            left[0] -= 1
            return fault

    return behave
