"""How often a login is asked for: a helper is a process of its own, and waits for no request of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.adapters.credentials import Credentials, Login
from pipeline.adapters.registry import Registry
from pipeline.adapters.registry.http import Host
from pipeline.errors import UnreachableError


class Helper(Credentials):
    """Logins with the password of the moment, and how often they were asked for."""

    def __init__(self, password: str) -> None:
        super().__init__()
        self.password, self.asked = password, 0

    def of(self, host: str) -> Login | None:
        self.asked += 1
        return Login("user", self.password)


@contextmanager
def registry(passwords: set[str], turned_away: list[str]) -> Iterator[str]:
    """A registry without anything in it, for whom knows one of the passwords; gives its name."""
    good = {Login("user", password).basic for password in passwords}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            known = self.headers.get("Authorization") in good
            turned_away.extend([self.path] if not known else [])
            self.send_response(404 if known else 401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        do_HEAD = do_GET  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_login_is_asked_for_once_for_many_requests() -> None:
    with registry({"secret"}, []) as name:
        helper = Helper("secret")
        host = Host(name, helper)
        for _ in range(5):
            assert host.ask("GET", "team/base/manifests/latest").status == 404
        assert helper.asked == 1


def test_a_login_that_is_refused_is_asked_for_anew_once() -> None:
    with registry({"old", "new"}, []) as name:
        helper = Helper("old")
        host = Host(name, helper)
        host.ask("GET", "team/base/manifests/latest")
    with registry({"new"}, []) as other:
        helper.password = "new"
        host._base = f"http://{other}"  # the same registry, a moment later
        assert host.ask("GET", "team/base/manifests/latest").status == 404
        helper.password = "wrong"
        asked = helper.asked
        host._known = (Login("user", "old"), host._known[1])
        with pytest.raises(UnreachableError, match="refuses"):
            host.ask("GET", "team/base/manifests/latest")
        assert helper.asked == asked + 1


def test_of_many_first_requests_at_once_none_is_turned_away() -> None:
    turned_away: list[str] = []
    with registry({"secret"}, turned_away) as name:
        found = Registry(Helper("secret"))
        assert found.digests(f"{name}/team/base:{number}" for number in range(20)) == {}
    assert turned_away == ["/v2/"]
