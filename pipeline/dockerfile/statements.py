"""The lines of a Dockerfile, put together to statements.

dockerfile-parse splits them, one call for a file, 1.5 microseconds a line. What it gets is clean text,
because it does not see comments, continuations, heredocs and escape characters as BuildKit does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO

from dockerfile_parse import DockerfileParser

from pipeline.dockerfile.model import Heredoc
from pipeline.dockerfile.shell import ShellError, bare_words, heredoc_words, quoted_words
from pipeline.dockerfile.words import BLANKS, SPACE, NotStringsError, json_words

_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_HEREDOC = re.compile(r"\d*<<(-?)[\t\n\f\r ]*([^<]+)")
# BuildKit reads at most this many bytes of one line.
_LONGEST_LINE = 65_535
# Nobody writes so many; a file that seems to hold them is not a Dockerfile.
_MOST_STATEMENTS = 20_000
# dockerfile-parse takes any backslash at the end for a continuation, and strips what Python calls blank.
_GUARD = " \0"
# Bytes that are no UTF-8 and that BuildKit, reading flags byte by byte, takes for blanks.
_SPACE_BYTE = re.compile("[\udc85\udca0]")
_ODD_SPACE = re.compile("[\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


class StatementError(ValueError):
    """Text that BuildKit's parser refuses; `line` counts from 1."""

    def __init__(self, message: str, line: int, hint: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Statement:
    """One instruction before it is understood: keyword as written, the rest, its lines and heredocs."""

    keyword: str
    rest: str
    line: int
    end_line: int
    heredocs: tuple[Heredoc, ...]


@dataclass(frozen=True, slots=True)
class Directives:
    """What the comments at the very top say."""

    escape: str = "\\"
    syntax: str = ""


def lines_of(text: str) -> list[str]:
    r"""The lines without their `\n`, and without a byte order mark. Raises StatementError for a long one."""
    lines = text.removeprefix("\ufeff").split("\n")
    if not lines[-1]:
        lines.pop()
    if len(text) > _LONGEST_LINE // 4:
        for number, line in enumerate(lines, 1):
            if (
                len(line) > _LONGEST_LINE // 4
                and len(line.encode("utf-8", "surrogateescape")) > _LONGEST_LINE
            ):
                message = f"the line is longer than the {_LONGEST_LINE:,} bytes that BuildKit reads"
                raise StatementError(message, number, "break it with the escape character, or copy a file in")
    return lines


def directives(lines: list[str]) -> Directives:
    """`# syntax=`, `# escape=`, `# check=`: comments at the top, each once. Raises StatementError."""
    seen: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        comment = line.rstrip("\r").lstrip(SPACE)
        if comment[:1] != "#":
            break
        match = _DIRECTIVE.fullmatch(comment[1:].lstrip(SPACE))
        name = match[1].lower() if match else ""
        if match is None or name not in _DIRECTIVES:
            break
        if name in seen:
            raise StatementError(f"only one '# {name}=' can be given", number, "remove one of them")
        if name == "escape" and match[2] not in {"\\", "`"}:
            raise StatementError(f"'# escape={match[2]}' is not an escape character", number, "use \\ or `")
        seen[name] = match[2]
    return Directives(seen.get("escape", "\\"), seen.get("syntax", ""))


def statements(lines: list[str], escape: str) -> list[Statement]:
    """All statements in order. Raises StatementError for a heredoc without an end, and for too many."""
    found: list[tuple[str, int, int, tuple[Heredoc, ...]]] = []
    at, count = 0, len(lines)
    while at < count:
        start = at
        joined, at = _joined(lines, at, escape)
        if joined is None:
            continue
        if len(found) == _MOST_STATEMENTS:
            message = f"there are more than {_MOST_STATEMENTS:,} instructions"
            raise StatementError(message, start + 1, "is this file a Dockerfile? If not, exclude it")
        heredocs: tuple[Heredoc, ...] = ()
        if "<<" in joined and _takes_heredocs(joined):
            heredocs, at = _heredocs(joined, lines, start, at)
        found.append((joined, start + 1, at, heredocs))
    split = _split_all([joined for joined, *_ in found])
    return [
        Statement(keyword, rest, line, end_line, heredocs)
        for (keyword, rest), (_, line, end_line, heredocs) in zip(split, found, strict=True)
    ]


def _joined(lines: list[str], at: int, escape: str) -> tuple[str | None, int]:
    """The statement that starts at line `at`, None if there is none, and the line after it."""
    first = lines[at].rstrip("\r").lstrip(SPACE)
    at += 1
    if not first or first[0] == "#":
        return None, at
    cut = first.rstrip(" \t")
    if cut[-1:] != escape or cut[-2:-1] == escape:
        return first, at
    parts = [cut[:-1]]
    while at < len(lines):
        line = lines[at].rstrip("\r")
        at += 1
        bare = line.lstrip(SPACE)
        if not bare or bare[0] == "#":  # neither a comment nor a blank line ends a continuation
            continue
        cut = line.rstrip(" \t")
        if cut[-1:] != escape or cut[-2:-1] == escape:
            parts.append(line)
            break
        parts.append(cut[:-1])
    joined = "".join(parts)
    if not joined.isascii():  # two halves of one character may have met
        joined = joined.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return joined, at


def split_statement(text: str) -> tuple[str, str]:
    """The keyword as written, and the rest."""
    keyword, *rest = BLANKS.split(text.strip(SPACE), maxsplit=1)
    return keyword, rest[0] if rest else ""


def _split_all(joined: list[str]) -> list[tuple[str, str]]:
    """Keyword and rest of every statement, as dockerfile-parse splits them.

    What it gets is clean: one line a statement, no comment, no heredoc body, no continuation.
    """
    text = "".join([f"{line.strip(SPACE)}{_GUARD}\n" for line in joined])
    if _ODD_SPACE.search(text):
        return [split_statement(line) for line in joined]
    structure = DockerfileParser(fileobj=StringIO(text, newline="\n")).structure
    split = []
    for entry in structure:
        content: str = entry["content"]
        keyword = content[: len(entry["instruction"])]
        if keyword.isalpha() and keyword.isascii() and content[len(keyword)] in "\t\v\f\r ":
            split.append((keyword, entry["value"][:-1].strip(SPACE)))
        else:
            split.append(split_statement(content[: -len(_GUARD) - 1]))
    return split


def _takes_heredocs(joined: str) -> bool:
    keyword, rest = split_statement(joined)
    if keyword.upper() == "ONBUILD":
        keyword, rest = split_statement(rest)
    if keyword.upper() not in {"ADD", "COPY", "RUN"}:
        return False
    _, value = split_flags(rest, "\\")
    try:
        return json_words(value) is None
    except NotStringsError:
        return False


def heredoc_mark(word: str) -> Heredoc | None:
    """The heredoc that a word announces, its body still empty. Raises ShellError."""
    match = _HEREDOC.fullmatch(word)
    if match is None:
        return None
    names = bare_words(match[2])
    if len(names) != 1:
        return None
    quoted = quoted_words(match[2])
    expand = _quotes(names[0]) == _quotes(quoted[0])
    return Heredoc(names[0], "", expand, match[1] == "-")


def _quotes(word: str) -> int:
    return word.count("'") + word.count('"')


def _heredocs(joined: str, lines: list[str], start: int, at: int) -> tuple[tuple[Heredoc, ...], int]:
    try:
        words = heredoc_words(joined)
    except ShellError:  # what cannot be lexed announces nothing
        return (), at
    heredocs = []
    for word in words:
        try:
            mark = heredoc_mark(word)
        except ShellError as problem:
            raise StatementError(f"'{word}': {problem}", start + 1) from None
        if mark is None:
            continue
        body_start = at
        while at < len(lines):
            end = lines[at].rstrip("\r")
            if (end.lstrip("\t") if mark.chomp else end) == mark.name:
                break
            at += 1
        else:
            message = f"the heredoc '{mark.name}' does not end"
            hint = f"a line with nothing but {mark.name} ends it"
            raise StatementError(message, start + 1, hint)
        body = "\n".join([*lines[body_start:at], ""])
        heredocs.append(Heredoc(mark.name, body, mark.expand, mark.chomp))
        at += 1
    return tuple(heredocs), at


def split_flags(rest: str, escape: str) -> tuple[tuple[str, ...], str]:
    """The flags at the start of `rest`, without their quotes, and what follows them."""
    if rest[:2] != "--" and not _SPACE_BYTE.match(rest):
        return (), rest.strip(SPACE)
    flags, value = _flags(rest.encode("utf-8", "surrogateescape").decode("latin-1"), escape)
    return flags, value.encode("latin-1").decode("utf-8", "surrogateescape").strip(SPACE)


def _flags(text: str, escape: str) -> tuple[tuple[str, ...], str]:
    """`text` is bytes as Latin-1: BuildKit reads flags byte by byte, and what is not ASCII comes out so."""
    flags: list[str] = []
    at, end = 0, len(text)
    while True:
        while at < end and text[at] in SPACE:
            at += 1
        if text[at : at + 2] != "--":
            return tuple(flags), text[at:]
        word: list[str] = []
        quote = ""
        quoted = False
        while at < end:
            char = text[at]
            if not quote and char in SPACE:
                break
            at += 1
            if char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote, quoted = char, True
            elif char != escape:
                word.append(char)
            elif at < end:
                word.append(text[at])
                at += 1
        flag = "".join(word)
        if flag == "--":
            return tuple(flags), text[at:]
        if flag or quoted:
            flags.append(flag)
