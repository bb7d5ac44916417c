"""The texts that builds have read, kept by their digest so that a later change can be shown as a diff."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from pipeline import digest
from pipeline.adapters.state import State

# of one text, and of all that are kept
MOST = 64 << 10
MOST_TOGETHER = 32 << 20


def read(path: Path) -> str | None:
    """A small file's text; None for one that is long, no text, or not to be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST + 1)
    except OSError:
        return None
    return decode(data)


def decode(data: bytes) -> str | None:
    """A small file's content as text; None for one that is long or no text."""
    if len(data) > MOST or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


class Texts:
    """The texts in a project's state; the oldest go when there are too many."""

    def __init__(self, state: State) -> None:
        self._state = state

    def find(self, content: str) -> str | None:
        """The text of this digest, if it was kept."""
        for (text,) in self._state.rows("select text from texts where content = ?", content):
            return str(text)
        return None

    def keep(self, files: Iterable[tuple[str, Path | bytes]]) -> None:
        """Keep what small files hold; each, or its content, is given with the digest that it must have."""
        known = {str(content) for (content,) in self._state.rows("select content from texts")}
        found: dict[str, str] = {}
        for content, file in files:
            if content in known or content in found:
                continue
            text = decode(file) if isinstance(file, bytes) else read(file)
            if text is not None and digest.of_bytes(text.encode()) == content:
                found[content] = text
        if not found:
            return
        at = time.time()
        rows = [(content, text, at) for content, text in found.items()]
        self._state.change("insert or replace into texts values (?, ?, ?)", rows)
        self._state.change(
            "delete from texts where rowid <= (select max(rowid) from ("
            "select rowid, sum(length(text)) over (order by rowid desc) as together from texts"
            ") where together > ?)",
            [(MOST_TOGETHER,)],
        )
