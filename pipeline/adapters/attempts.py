"""The tries that came to nothing, as the state remembers them."""

from __future__ import annotations

import time

from pipeline.adapters.state import State
from pipeline.outcome import Attempt


def note(state: State, what: tuple[str, str, str], attempt: Attempt) -> None:
    """Remember a try; `what` is the image, its key and what was being done."""
    row = (*what, attempt.number, attempt.why, attempt.wait, time.time())
    state.change("insert into attempts values (?, ?, ?, ?, ?, ?, ?)", [row])


def of_key(state: State, key: str) -> tuple[tuple[str, Attempt], ...]:
    """All tries of a key that came to nothing, oldest first, each with what was being done."""
    rows = state.rows("select doing, number, why, wait from attempts where key = ? order by at", key)
    return tuple(
        (str(doing), Attempt(int(str(number)), str(why), float(str(wait))))
        for doing, number, why, wait in rows
    )
