"""The values of secrets, which are looked at for two reasons only: are they there, and do they leak."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pipeline.config import Secret, Ssh

# shorter ones are found everywhere, whole values and lines as well as words of them
SHORTEST = 6
SHORTEST_WORD = 12
# what BuildKit takes at most
MOST_BYTES = 500 << 10
MASK = "***"


def lacks(given: Secret | Ssh) -> str:
    """Why a secret cannot be had, in words without its value; "" where it can."""
    if given.file:
        return _lacks_file(given)
    variable = given.env if isinstance(given, Secret) else "SSH_AUTH_SOCK"
    return "" if os.environ.get(variable) else f"the environment variable {variable} is not set"


def _lacks_file(given: Secret | Ssh) -> str:
    path = Path(given.file)
    if not os.access(path, os.R_OK):
        return f"the file '{path}' cannot be read"
    if not path.is_file():
        return f"'{path}' is no file"
    if isinstance(given, Secret) and path.stat().st_size > MOST_BYTES:
        return f"the file '{path}' is larger than the 500 KiB that BuildKit takes"
    return ""


def values(secrets: Iterable[Secret]) -> tuple[str, ...]:
    """What must be shown nowhere: the values, their lines, and the long words in those; the longest first."""
    found: set[str] = set()
    for secret in secrets:
        text = _value(secret)
        found |= {part.strip() for part in (text, *text.splitlines()) if len(part.strip()) >= SHORTEST}
        found |= {word for word in text.split() if len(word) >= SHORTEST_WORD}
    return tuple(sorted(found, key=len, reverse=True))


class Mask:
    """Takes values out of texts, which may come in pieces from several sources at once."""

    def __init__(self, values: tuple[str, ...]) -> None:
        self._values = values
        self._held: dict[str, str] = {}

    def whole(self, text: str) -> str:
        """The text without the values."""
        for value in self._values:
            text = text.replace(value, MASK)
        return text

    def piece(self, source: str, text: str) -> str:
        """What can be shown of a source so far: its end is held back while it may become a value."""
        if not self._values:
            return text
        text = self.whole(self._held.pop(source, "") + text)
        held = next((n for n in range(self._longest(text), 0, -1) if self._begins_a_value(text[-n:])), 0)
        self._held[source] = text[len(text) - held :]
        return text[: len(text) - held]

    def rest(self, source: str) -> str:
        """What was held back of a source that is over."""
        return self._held.pop(source, "")

    def _longest(self, text: str) -> int:
        return min(len(text), len(self._values[0]) - 1)

    def _begins_a_value(self, end: str) -> bool:
        return any(value.startswith(end) for value in self._values)


def _value(secret: Secret) -> str:
    if secret.env:
        return os.environ.get(secret.env, "")
    try:
        with Path(secret.file).open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
