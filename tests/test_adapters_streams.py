"""The streams: what they are given where they cannot take every letter."""

from __future__ import annotations

import io
import sys

import pytest

from pipeline.adapters.terminal import put, say


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
