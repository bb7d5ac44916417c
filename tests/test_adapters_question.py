"""A question to an engine is answered plainly, or not at all."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from pipeline.adapters import question

OK = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"


def answering(path: Path, answer: bytes) -> list[bytes]:
    """A server of one question, and what it was asked."""
    asked: list[bytes] = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        line, _ = server.accept()
        with server, line:
            asked.append(line.recv(4096))
            line.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return asked


def test_an_answer_is_its_json(tmp_path: Path) -> None:
    asked = answering(tmp_path / "s", OK + b'[{"Id": "1"}]')
    found = question.ask(f"unix://{tmp_path}/s", "/images/json", filters={"label": ["a=b"]}, all=1)
    assert found == [{"Id": "1"}]
    assert asked[0].startswith(b"GET /images/json?filters=%7B%22label%22%3A+%5B%22a%3Db%22%5D%7D&all=1 HTTP")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-nonsense\r\n",
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n[]",
        b"HTTP/1.1 403 Forbidden\r\n\r\n[]",
        b"HTTP/1.1 404 Not Found\r\n\r\n404 page not found",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
        OK,
        OK + b"[1, 2",
        OK + b"\xff",
    ],
)
def test_whatever_is_no_plain_answer_is_left_to_dockers_own_client(tmp_path: Path, answer: bytes) -> None:
    answering(tmp_path / "s", answer)
    assert question.ask(f"unix://{tmp_path}/s", "/version") is None


def test_an_engine_that_is_nowhere_or_elsewhere_gives_no_answer(tmp_path: Path) -> None:
    assert question.ask(f"unix://{tmp_path}/none", "/version") is None
    assert question.ask(f"unix://{tmp_path}/{'long' * 99}", "/version") is None
    assert question.ask("tcp://127.0.0.1:1", "/version") is None
    assert question.ask("ssh://host", "/version") is None


def test_what_the_engine_says_is_not_there_is_absent(tmp_path: Path) -> None:
    answering(tmp_path / "s", b'HTTP/1.0 404 Not Found\r\n\r\n{"message":"No such image: one:k-2"}')
    with pytest.raises(question.AbsentError):
        question.ask(f"unix://{tmp_path}/s", "/images/one:k-2/json")
