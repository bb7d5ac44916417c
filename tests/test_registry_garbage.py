"""Registries, or what stands before them, that answer with anything but what they were asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from engine.faulty import Fault, Faulty, faulty

from pipeline.adapters import patience
from pipeline.adapters.registry import Registry
from pipeline.errors import UnreachableError
from pipeline.patience import Patience

DEEP = b"[" * 100_000


@contextlib.contextmanager
def answering(body: bytes) -> Iterator[Faulty]:
    """A registry that answers every question about `one:tag` with this."""
    paths = ("/v2/one/manifests/tag", "/v2/one/tags/list")
    with faulty(lambda _method, _path: 200, files=dict.fromkeys(paths, body)) as server:
        yield server


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"null", b"[1]", b'{"errors": []}', b"", DEEP])
def test_what_is_no_manifest_is_a_doubt_and_not_a_build_that_is_there(body: bytes) -> None:
    with answering(body) as server, pytest.raises(UnreachableError, match="something else than a manifest"):
        Registry().manifest(f"{server.address}/one:tag")


def test_tags_that_are_no_list_are_a_doubt() -> None:
    with answering(DEEP) as server, pytest.raises(UnreachableError, match="gives no list of the tags"):
        Registry().tags(f"{server.address}/one")


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "it does not speak HTTP, and begins with 'SSH-2.0-OpenSSH_9.2"),
        (b"\x1b]0;\xff" * 500, "it does not speak HTTP, and begins with '"),
        (b"", "Remote end closed connection without response"),
    ],
)
def test_who_does_not_speak_http_is_told_of_in_a_few_words(
    monkeypatch: pytest.MonkeyPatch, greeting: bytes, said: str
) -> None:
    monkeypatch.setattr(patience, "PLANNING", Patience(tries=1))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = server.accept()
                    with line:
                        line.recv(65536)
                        line.sendall(greeting)

        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(UnreachableError) as caught:
            Registry().tags(f"127.0.0.1:{server.getsockname()[1]}/one")
    message = caught.value.problems[0].message
    assert message.partition("does not answer: ")[2].startswith(said)
    assert "'," not in message
    assert len(message) < 160


def test_an_answer_that_is_cut_off_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PLANNING", Patience(tries=1))
    files = {"/v2/one/tags/list": b'{"tags": []}'}
    with (
        faulty(lambda _method, _path: Fault(cut=True), files=files) as server,
        pytest.raises(UnreachableError) as caught,
    ):
        Registry().tags(f"{server.address}/one")
    message = caught.value.problems[0].message
    assert message == f"the registry {server.address} does not answer: its answer was cut off after 6 bytes"
