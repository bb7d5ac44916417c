"""Files of requirements: one requirement a line, as pip and conda read them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.installs.placed import OPAQUE, Placed, Source, Word
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
    source = Source.of(text)
    words = [word for word in map(_requirement_of, _lines(text)) if word]
    found = [requirement(manager, word, source) for word in words]
    return tuple(each for each in found if each)


def find_includes(text: str) -> tuple[RequirementFile, ...]:
    """Find the files that a pip requirements file names with `-r`; paths count from the file's own folder."""
    source = Source.of(text)
    included = ((line, _INCLUDE.match(line.text)) for line in _lines(text))
    return tuple(
        RequirementFile("pip", path[1], source.line(line.starts[path.start(1)]))
        for line, path in included
        if path
    )


def _lines(text: str) -> Iterator[Placed]:
    """The lines without comments, continuations joined as pip joins them."""
    pieces: list[tuple[int, int]] = []
    at = 1 if text.startswith("\ufeff") else 0
    for written in text[at:].splitlines(keepends=True):
        line = written.rstrip("\r\n")
        comment = line.lstrip().startswith("#")
        continued = line.endswith("\\") and not comment
        if not comment:
            pieces.append((at, at + len(line.rstrip("\\") if continued else line)))
        at += len(written)
        if not continued:
            yield _uncommented(Placed.of(text, pieces))
            pieces = []
    if pieces:
        yield _uncommented(Placed.of(text, pieces))


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
