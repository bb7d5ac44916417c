"""A registry of this process that answers as it is told: with a fault, or never."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator

# method and path → a status, or None to leave the asker waiting for as long as the registry lives
Behaviour = Callable[[str, str], int | None]


class Faulty:
    """Where the registry is, and what it was asked."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                outer.asked.append(f"{self.command} {self.path}")
                status = 200 if self.path == "/v2/" else behaviour(self.command, self.path)
                if status is None:
                    outer.over.wait()
                    self.close_connection = True
                    return
                code = {404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS", 401: "UNAUTHORIZED", 403: "DENIED"}
                body = {"errors": [{"code": code.get(status, "UNKNOWN"), "message": "as it was told"}]}
                data = b"{}" if status == 200 else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # under this name docker speaks plain HTTP to it
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Let go of everybody who waits."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def faulty(behaviour: Behaviour) -> Iterator[Faulty]:
    """A registry for the length of a test."""
    registry = Faulty(behaviour)
    try:
        yield registry
    finally:
        registry.close()
