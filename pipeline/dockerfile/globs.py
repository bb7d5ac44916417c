"""The two kinds of patterns for paths: Go's filepath.Match, and moby/patternmatcher of ignore files."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

Matches = Callable[[str], object]

_GLOB = re.compile(r"(?:\\.|[^\\])*?[*?\[]", re.DOTALL)
_MAGIC = re.compile(r"[*?\[\]\\]")
_CHUNK = re.compile(r"(\**)((?:\\.|\[(?:\\.|[^\]\\]|\\\Z)*(?:\]|\Z)|[^*\\\[]|\\\Z)*)", re.DOTALL)
_STAR, _DEEP = "[^/]*", "(?:.*/)?"
_EARLIEST = {_STAR: "[^/]*?", _DEEP: "(?:.*?/)??"}
# Where the text between two wildcards is not just letters.
_NOT_PLAIN = re.compile(r"[\[|{]|\\[a-zA-Z]")
# Go's regular expressions and Python's agree on these escapes; the others are refused there, or are exotic.
_SHARED_ESCAPES = frozenset("dDwWsSbBafnrtvA")
# So many wildcards can be tried in every combination before a match that fails takes too long.
_MOST_FREE_WILDCARDS = 6


def is_glob(part: str) -> bool:
    """Whether BuildKit takes part of a source for a pattern; if not, even a backslash in it is a letter."""
    return _GLOB.match(part) is not None


@dataclass(frozen=True, slots=True)
class _Class:
    """`[a-z]` or `[^a-z]`."""

    negated: bool
    ranges: tuple[tuple[str, str], ...]

    def holds(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) != self.negated


# A letter, a class, or None for `?`.
_Token = str | _Class | None


def match(pattern: str, name: str) -> bool:
    """Go's filepath.Match. Raises ValueError for a bad pattern, if it comes as far as what is bad in it."""
    at = 0
    chunks = list(_chunks(pattern))
    for index, (star, text) in enumerate(chunks):
        if star and not text:
            return "/" not in name[at:]
        tokens = _tokens(text)
        last = index == len(chunks) - 1
        end = _fit(tokens, name, at)
        while end < 0 or (last and end < len(name)):
            if not star or name[at : at + 1] in {"", "/"}:
                return False
            at += 1
            end = _fit(tokens, name, at)
        at = end
    return at == len(name)


def _chunks(pattern: str) -> Iterator[tuple[bool, str]]:
    """Whether a star stands before it, and the text up to the next star."""
    at = 0
    while at < len(pattern):
        found = _CHUNK.match(pattern, at)
        if found is None or found.end() == at:
            return
        yield bool(found[1]), found[2]
        at = found.end()


@lru_cache(maxsize=4096)
def _tokens(chunk: str) -> tuple[_Token, ...]:
    tokens: list[_Token] = []
    at = 0
    while at < len(chunk):
        char = chunk[at]
        at += 1
        if char == "?":
            tokens.append(None)
        elif char == "[":
            found, at = _class(chunk, at)
            tokens.append(found)
        else:
            if char == "\\":
                char = chunk[at : at + 1]
                at += 1
                if not char:
                    raise ValueError("the backslash at its end escapes nothing")
            tokens.append(char)
    return tuple(tokens)


def _class(chunk: str, at: int) -> tuple[_Class, int]:
    """The class whose inside starts at `at`, and where it ends."""
    negated = chunk.startswith("^", at)
    at += negated
    ranges: list[tuple[str, str]] = []
    while not (chunk.startswith("]", at) and ranges):
        low, at = _class_character(chunk, at)
        high = low
        if chunk[at] == "-":
            high, at = _class_character(chunk, at + 1)
        ranges.append((low, high))
    return _Class(negated, tuple(ranges)), at + 1


def _class_character(chunk: str, at: int) -> tuple[str, int]:
    escaped = chunk.startswith("\\", at)
    at += escaped
    char = chunk[at : at + 1]
    if not char or at + 1 == len(chunk) or (char in "-]" and not escaped):
        raise ValueError("a '[' is not closed, or holds '-' or ']' in the wrong place")
    return char, at + 1


def _fit(tokens: tuple[_Token, ...], name: str, at: int) -> int:
    """Where the tokens end if they stand at `at`; -1 if they do not."""
    for token in tokens:
        char = name[at : at + 1]
        if not char:
            return -1
        if isinstance(token, _Class):
            if not token.holds(char):
                return -1
        elif char != token and (token is not None or char == "/"):
            return -1
        at += 1
    return at


@lru_cache(maxsize=4096)
def ignore_matcher(pattern: str) -> Matches:
    """moby/patternmatcher's idea of a cleaned pattern. Raises ValueError for one that BuildKit refuses."""
    match(pattern, ".")  # so BuildKit checks the syntax, as far as it goes
    if not _MAGIC.search(pattern):
        return pattern.__eq__
    if pattern.startswith("**") and not _MAGIC.search(pattern, 2):
        suffix = pattern[2:]
        return lambda path: path.endswith(suffix) or (suffix[:1] == "/" and path == suffix[1:])
    if pattern.endswith("**") and not _MAGIC.search(pattern[:-2]):
        return lambda path: path.startswith(pattern[:-2])
    expression = _without_way_back(_pieces(pattern))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sets in sets, which mean in Go what they mean here
        try:
            return re.compile(rf"^{expression}\Z", re.ASCII).search
        except (re.error, OverflowError) as problem:
            raise ValueError(f"it is not a pattern ({problem})") from None


def _pieces(pattern: str) -> list[str]:
    """The pattern as pieces of a regular expression; like moby, it leaves `{`, `|`, `}` and classes alone."""
    pieces: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*" and pattern.startswith("*", at):
            at += 1
            at += pattern.startswith("/", at)
            pieces.append(".*" if at == len(pattern) else _DEEP)
        elif char == "*":
            pieces.append(_STAR)
        elif char == "?":
            pieces.append("[^/]")
        elif char == "\\":
            escaped = pattern[at : at + 1]
            at += 1
            if escaped.isalnum() and escaped.isascii() and escaped not in _SHARED_ESCAPES:
                raise ValueError(f"the escape '\\{escaped}' cannot be used")
            literal = not escaped.isascii()
            pieces.append(escaped if literal else "\\" + (escaped or "\\"))
        elif char in ".+()$":
            pieces.append(f"\\{char}")
        else:
            pieces.append(char)
    if "[[:" in pattern or "{," in pattern:
        raise ValueError("a class like [[:alpha:]] or a count like {,2} cannot be used")
    return pieces


def _without_way_back(pieces: list[str]) -> str:
    """One regular expression that does not try all combinations of where its wildcards may end.

    What stands between two wildcards is taken where it first fits, if the second one can hold whatever a
    later place would have left to the first.
    """
    parts: list[tuple[str, list[str]]] = [("", [])]
    for piece in pieces:
        if piece not in _EARLIEST:
            parts[-1][1].append(piece)
        elif parts[-1] != (piece, []):  # the same wildcard twice in a row is once
            parts.append((piece, []))
    plain = not any(_NOT_PLAIN.match(piece) for piece in pieces if piece not in _EARLIEST and piece != "[^/]")
    out = []
    free = 0
    for (wild, literal), (following, _) in zip(parts, [*parts[1:], ("", [])], strict=True):
        text = "".join(literal)
        settled = (wild == _STAR and following == _STAR) or (following == _DEEP and literal[-1:] == ["/"])
        if wild and plain and settled:
            out.append(f"(?>{_EARLIEST[wild]}{text})")
        else:
            free += bool(wild)
            out.append(wild + text)
    if free > _MOST_FREE_WILDCARDS:
        raise ValueError("it has too many wildcards")
    return "".join(out)
