"""What a RUN instruction hands to the shell, or to the program itself."""

from __future__ import annotations

import re
from typing import Final

from pipeline.installs.placed import Placed, Word

_RUN: Final = re.compile(r"\s*(?:ONBUILD\s+)?RUN(?!\S)", re.IGNORECASE)
# BuildKit takes a quote that is not closed, and an escape at the end, for the rest of the flag.
_FLAG: Final = re.compile(
    r"""\s+--(?:\\.?|"(?:\\.?|[^"\\])*+"?|'(?:\\.?|[^'\\])*+'?|[^\s"'\\])++""", re.DOTALL
)
_END_OF_FLAGS: Final = re.compile(r"\s+--(?!\S)")
_OPENING: Final = re.compile(r"\s*\[")
_NO_STRINGS: Final = re.compile(r"\s*\[\s*\]\s*")
_STRING: Final = re.compile(r'\s*"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+)"\s*([,\]])')
_BODIES: Final = re.compile(r"[^\r]++|\r++(?!\n)")  # without the carriage returns of CRLF
_LETTER: Final = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def read_run(text: str, escape: str) -> Placed | tuple[Word, ...] | None:
    """Give the shell script of a RUN instruction, or the words of its exec form; None for any other one.

    The script is joined as BuildKit joins it: continuations, and the comments and blank lines between them,
    are gone, and so are the carriage returns of CRLF. The bodies of here-documents follow as they stand.
    """
    first, rest = _first_line(text, escape)
    joined = Placed.of(text, first)
    keyword = _RUN.match(joined.text)
    if keyword is None:
        return None
    start = keyword.end()
    while flag := _FLAG.match(joined.text, start):
        start = flag.end()
    if last := _END_OF_FLAGS.match(joined.text, start):
        start = last.end()
    words = _exec_form(joined, start)
    if words is not None:
        return words
    if "<<" in joined.text:
        first += [(at.start(), at.end()) for at in _BODIES.finditer(text, rest)]
        joined = Placed.of(text, first)
    return joined[start:]


def _first_line(text: str, escape: str) -> tuple[list[tuple[int, int]], int]:
    """The pieces of the first line with all its continuations, and where the text after it starts."""
    pieces: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        newline = text.find("\n", start)
        end = len(text) if newline < 0 else newline
        line = text[start:end].rstrip("\r")
        content = line.strip()
        if content and not content.startswith("#"):
            bare = line.rstrip(" \t")
            if not bare.endswith(escape) or bare[:-1].endswith(escape):
                return [*pieces, (start, start + len(line))], end
            pieces.append((start, start + len(bare) - 1))
        start = end + 1
    return pieces, len(text)


def _exec_form(joined: Placed, start: int) -> tuple[Word, ...] | None:
    """The strings of a JSON array, or None where the text is no array of strings and nothing else."""
    if _NO_STRINGS.fullmatch(joined.text, start):
        return ()
    opening = _OPENING.match(joined.text, start)
    at = opening.end() if opening else len(joined.text)
    words: list[Word] = []
    while found := _STRING.match(joined.text, at):
        begin, end = found.span(1)
        words.append(Word(_unescaped(joined, begin, end), joined.starts[begin - 1], joined.ends[end]))
        at = found.end()
        if found[2] == "]":
            return None if joined.text[at:].strip() else tuple(words)
    return None


def _unescaped(joined: Placed, start: int, end: int) -> Placed:
    letters = list(_LETTER.finditer(joined.text, start, end))
    return Placed(
        "".join(_letter(found.group()) for found in letters),
        [joined.starts[found.start()] for found in letters],
        [joined.ends[found.end() - 1] for found in letters],
    )


def _letter(written: str) -> str:
    if not written.startswith("\\"):
        return written
    if written[1] != "u":
        return _ESCAPED.get(written[1], written[1])
    letter = chr(int(written.removeprefix("\\u"), base=16))
    return "\N{REPLACEMENT CHARACTER}" if "\ud800" <= letter <= "\udfff" else letter
