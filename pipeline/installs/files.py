"""Files of requirements: one requirement a line, as pip and conda read them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.installs.placed import OPAQUE, Placed, Word
from pipeline.installs.requirements import Requirement, RequirementFile, requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#.*", re.DOTALL)
_OPTIONS: Final = re.compile(r"(?:^|\s)-.*", re.DOTALL)
_VARIABLE: Final = re.compile(r"\$\{[A-Z0-9_]+\}")
_INCLUDE: Final = re.compile(r"\s*(?:-r|--requirement)(?:\s*=\s*|\s+|(?<=-r))(\S+)")


def find_requirements(text: str, *, manager: str = "pip") -> tuple[Requirement, ...]:
    """Find the requirements of a requirements file's text; `start`, `end` and `line` count in it.

    Options, comments, URLs and paths are none; a requirement at a URL (`name @ https://…`) is dynamic.
    """
    found = (
        requirement(manager, word, text, line=line)
        for line, content in _lines(text)
        if (word := _requirement_of(content)) is not None
    )
    return tuple(each for each in found if each is not None)


def find_includes(text: str) -> tuple[RequirementFile, ...]:
    """Find the files that a pip requirements file names with `-r`; paths count from the file's own folder."""
    included = ((line, _INCLUDE.match(content.text)) for line, content in _lines(text))
    return tuple(RequirementFile("pip", path[1], line) for line, path in included if path)


def _lines(text: str) -> Iterator[tuple[int, Placed]]:
    """The lines without comments, continuations joined as pip does it, with the number of the first."""
    pieces: list[tuple[int, int]] = []
    at = 1 if text.startswith("\ufeff") else 0
    number = first = 0
    for written in text[at:].splitlines(keepends=True):
        line = written.rstrip("\r\n") if written.endswith(("\r", "\n")) else written
        first = first if pieces else number
        comment = line.lstrip().startswith("#")
        continued = line.endswith("\\") and not comment
        pieces.append((at, at + len(line.rstrip("\\") if continued else line)))
        at += len(written)
        number += written.count("\n")
        if not continued:
            yield first, _uncommented(Placed.of(text, pieces[:-1] if comment else pieces))
            pieces = []
    if pieces:
        yield first, _uncommented(Placed.of(text, pieces))


def _uncommented(line: Placed) -> Placed:
    comment = _COMMENT.search(line.text)
    return line[: comment.start()] if comment else line


def _requirement_of(line: Placed) -> Word | None:
    """The line as far as options like `--hash` do not follow; its variables are opaque."""
    options = _OPTIONS.search(line.text)
    text = line.text[: options.start()] if options else line.text
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    if start >= end:
        return None
    known = _VARIABLE.sub(lambda found: OPAQUE * len(found[0]), line.text)
    content = Placed(known, line.starts, line.ends)[start:end]
    return Word(content, content.starts[0], content.ends[-1])
