"""The streams: what they are given where they cannot take every letter, and what a terminal may not have."""

from __future__ import annotations

import io
import sys

import pytest

from pipeline.adapters.terminal import put, put_file, say


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "├─ base │ 1 → 2 … ü ☃"),
        ("ascii", "|- base | 1 > 2 ~ \\xfc \\u2603"),
        ("latin-1", "|- base | 1 > 2 ~ ü \\u2603"),
    ],
)
def test_where_letters_are_missing_trees_are_drawn_in_ascii(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: str
) -> None:
    for name, give in (("stdout", put), ("stderr", say)):
        stream = io.TextIOWrapper(io.BytesIO(), encoding)
        monkeypatch.setattr(sys, name, stream)
        give("├─ base │ 1 → 2 … ü ☃")
        assert stream.buffer.getvalue().decode(encoding) == f"{shown}\n"


class Written(io.TextIOWrapper):
    """A standard output that keeps what is written, and may be a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> bytes:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


@pytest.mark.parametrize(
    ("terminal", "written"), [(True, b"FROM x\nRUN \\x1b[2J\\r\n"), (False, b"FROM x\nRUN \x1b[2J\r\n")]
)
def test_a_file_gives_a_terminal_no_orders_and_a_pipe_every_byte(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, written: bytes
) -> None:
    out = Written(terminal=terminal)
    monkeypatch.setattr(sys, "stdout", out)
    put_file("FROM x\nRUN \x1b[2J\r\n")
    assert out.text() == written
