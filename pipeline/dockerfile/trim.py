"""The patterns of `${NAME#pattern}`, `${NAME%pattern}` and `${NAME/pattern/text}`."""

from __future__ import annotations

import re

# None stands for `?`, which is any one character. A pattern is the list of what lies between its stars.
Segment = list[str | None]

# In characters of the value times characters of the pattern, and characters of a result.
_MOST_WORK = 1_000_000
_ESCAPED = re.compile(r"\\.|.", re.DOTALL)
_TEMPLATE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def _segments(pattern: str) -> list[Segment]:
    segments: list[Segment] = [[]]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            segments.append([])
        elif char == "?":
            segments[-1].append(None)
        elif char != "\\":
            segments[-1].append(char)
        elif pattern[at : at + 1] not in {"}", "/"}:
            escaped = pattern[at : at + 1]
            if escaped not in {"*", "?", "\\"}:
                raise ValueError(f"invalid escape '\\{escaped}' in the pattern '{pattern}'")
            segments[-1].append(escaped)
            at += 1
    return segments


def _fits(segment: Segment, value: str, at: int) -> bool:
    part = value[at : at + len(segment)]
    return len(part) == len(segment) and all(
        want in {None, have} for want, have in zip(segment, part, strict=True)
    )


def _search(segment: Segment, value: str, at: int, *, last: bool = False) -> int:
    places = range(at, len(value) - len(segment) + 1)
    for start in reversed(places) if last else places:
        if _fits(segment, value, start):
            return start
    return -1


def _end(segments: list[Segment], value: str, at: int, *, longest: bool) -> int:
    """Where a match that starts at `at` ends; -1 if there is none."""
    first, *rest = segments
    if not _fits(first, value, at):
        return -1
    at += len(first)
    for index, segment in enumerate(rest, 1):
        found = _search(segment, value, at, last=longest and index == len(rest))
        if found < 0:
            return -1
        at = found + len(segment)
    return at


def _can_be_cut(value: str, pattern: str) -> None:
    if "\n" in value:
        raise ValueError("a value with a line break cannot be cut by a pattern")
    if len(value) * (len(pattern) + 1) > _MOST_WORK:
        raise ValueError("the value is too long to be cut by a pattern")


def without_prefix(pattern: str, value: str, *, longest: bool) -> str:
    """`${NAME#pattern}`, or `##` for the longest match. Raises ValueError."""
    _can_be_cut(value, pattern)
    end = _end(_segments(pattern), value, 0, longest=longest)
    return value if end < 0 else value[end:]


def without_suffix(pattern: str, value: str, *, longest: bool) -> str:
    """`${NAME%pattern}`, or `%%` for the longest match. Raises ValueError."""
    _can_be_cut(value, pattern)
    # Like BuildKit: the pattern itself is turned around, escapes kept together.
    mirrored = "".join(reversed(_ESCAPED.findall(pattern)))
    end = _end(_segments(mirrored), value[::-1], 0, longest=longest)
    return value if end < 0 else value[: len(value) - end]


def _find(segments: list[Segment], value: str, at: int) -> tuple[int, int]:
    """The leftmost, longest match from `at` on; (-1, -1) if there is none."""
    start = _search(segments[0], value, at)
    if start < 0:
        return -1, -1
    # An earlier first segment leaves the others more room: if they do not fit now, they never will.
    end = _end(segments, value, start, longest=True)
    return (start, end) if end >= 0 else (-1, -1)


def replaced(pattern: str, text: str, value: str, *, every: bool) -> str:
    """`${NAME/pattern/text}`, or `//` for every match. Raises ValueError."""
    _can_be_cut(value, pattern)
    segments = _segments(pattern)
    out: list[str] = []
    at = copied = length = 0
    while at <= len(value):
        start, end = _find(segments, value, at)
        if start < 0:
            break
        if not every:
            return value[:start] + text + value[end:]
        if end > start or start != copied or start == 0:
            out += value[copied:start], _filled(text, value[start:end])
            copied = end
            length += len(out[-1])
            if length > _MOST_WORK:
                raise ValueError("the result is too long")
        at = end if end > start else end + 1
    return "".join(out) + value[copied:]


def _filled(text: str, match: str) -> str:
    """BuildKit hands the text of `//` to a regular expression, whose `$0` is the match."""

    def fill(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        return match if (found[2] or found[3]) == "0" else ""

    return _TEMPLATE.sub(fill, text)
