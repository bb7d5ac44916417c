"""Values of ARG and ENV as a Dockerfile writes them."""

from __future__ import annotations

import re

from pipeline.dockerfile import ValueSpot
from pipeline.overlay.model import Change
from pipeline.overlay.texts import line_of

_BARE = re.compile(r"[\w.,:/@%+=~^{}$-]*", re.ASCII)


def change(text: str, spot: ValueSpot, value: str, escape: str) -> Change:
    """A value put where another one stands, or where none does."""
    start, old = spot.start, text[spot.start : spot.end]
    new = old if spot.value is not None and plain(spot.value) == value else written(value, spot.value, escape)
    if start == spot.end:
        # with the character before it, so that it is not only an addition at this place
        start -= 1
        new = text[start] + ("" if spot.value is not None else "=") + new
    return Change(start, spot.end, new, line_of(text, spot.start))


def plain(value: str | None) -> str:
    """A value without the quotes around it."""
    text = value or ""
    quoted = len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]
    return text[1:-1] if quoted else text


def written(value: str, old: str | None, escape: str) -> str:
    """A value as it is written in place of an old one, whose quotes it keeps where it can.

    Its variables stay variables, and an escape character stays in front of a `$`; everything else means
    itself, whatever it is.
    """
    quote = old[0] if old and len(old) > 1 and old[0] in "'\"" and old[-1] == old[0] else ""
    if quote == "'" and not set(value) & {"'", "$"}:
        return f"'{value}'"
    if not quote and value and _BARE.fullmatch(value):
        return value
    # in double quotes an escape character escapes itself, a quote and a dollar
    escaped = re.sub(rf'{re.escape(escape)}(?!\$)|"', lambda found: escape + found[0], value)
    return f'"{escaped}"'
