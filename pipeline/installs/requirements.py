"""Requirements where they stand in a text, and how another name is put in their place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

from pipeline.installs.names import find_name, same_name, split_extras, valid_name
from pipeline.installs.placed import Placed, Source, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OPENING_BRACKET: Final = re.compile(r"""[\s"'\\]*+\[""")
_NO_SHELL: Final = re.compile(r"[\w.,=~+@:-]*", re.ASCII)
_LITERAL: Final = re.compile(r"[\w.-]+", re.ASCII)
_CLOSE: Final = 0.75  # difflib's ratio above which a name may be a slip of the other
_LONGEST: Final = 100  # longer names are nobody's slip, and comparing them takes quadratic time


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that an install command asks for; `start:end` is its name alone."""

    manager: str
    """`pip`, `conda` or `apt`."""
    name: str
    """As written; empty where only the shell knows it."""
    rest: str
    """What follows the name, without quotes: extras, version, marker, build, suite."""
    start: int
    end: int
    line: int
    """0 is the text's first line."""
    word: str
    """The whole word as written, with its quotes."""
    dynamic: bool = False
    """The name cannot be replaced: a variable, a URL behind it, or quotes and breaks inside it."""
    quote: str = ""
    """The quote that new brackets need around them here; empty where they need none."""


@dataclass(frozen=True, slots=True)
class RequirementFile:
    """A file of requirements that an install command, or another such file, names. `path` is as written."""

    manager: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Installs:
    """What the install commands of one instruction ask for, in the order of the text."""

    requirements: tuple[Requirement, ...]
    files: tuple[RequirementFile, ...]


def requirement(manager: str, word: Word, source: Source, *, quotes: str | None = None) -> Requirement | None:
    """Read one word of an install command; None where it names no package to install.

    `quotes` are the quotes that may still be put around something at this place: none where scripts are
    nested too deeply, None where no shell reads the word.
    """
    named = find_name(manager, word.text)
    if named is None:
        return None
    content = word.content
    name = content.text[named.start : named.end]
    start, end = _extent(content[named.start : named.end] if name else content)
    rest = content[named.end :].written(source)
    # Where what is written is not what the shell reads, something stands inside the name.
    plain = source.text[start:end] == name and (
        not rest.lstrip().startswith("[") or _OPENING_BRACKET.match(source.text, end) is not None
    )
    unquoted = start == word.start and bool(name)
    return Requirement(
        manager,
        name,
        rest,
        start,
        end,
        source.line(start),
        source.text[word.start : word.end],
        dynamic=not (named.fixed and plain) or quotes == "",
        quote=quotes[0] if quotes and unquoted else "",
    )


def _extent(content: Placed) -> tuple[int, int]:
    return content.starts[0], content.ends[-1]


def matching(requirements: Iterable[Requirement], manager: str, name: str) -> tuple[Requirement, ...]:
    """Give the requirements of this package whose name can be replaced."""
    return tuple(
        found
        for found in requirements
        if found.manager == manager and not found.dynamic and same_name(manager, found.name, name)
    )


def nearest(requirements: Iterable[Requirement], manager: str, name: str) -> tuple[Requirement, ...]:
    """Give those that an edit of this package may have meant, and cannot replace, most likely first.

    First the same package where its name cannot be replaced, then names that a variable ends, then
    the package from another manager, then names that begin or are spelt alike.
    """
    ranked = [(_distance(found, manager, name), found) for found in requirements]
    return tuple(found for rank, found in sorted(ranked, key=lambda pair: pair[0]) if 0 < rank < _FAR)


_FAR: Final = 9.0


def _distance(found: Requirement, manager: str, name: str) -> float:
    """0 for a match, `_FAR` for what has nothing to do with the package."""
    same = same_name(found.manager, found.name, name) or same_name(manager, found.name, name)
    distance = _FAR
    if found.manager != manager:
        distance = 3.0 if same else _FAR
    elif same:
        distance = 1.0 if found.dynamic else 0.0
    elif not found.name:
        begun = _LITERAL.match(found.rest.lower())
        may_be = begun and (name.lower().startswith(begun[0]) or begun[0].startswith(name.lower()))
        distance = 2.0 if may_be else _FAR
    elif len(found.name) <= _LONGEST:
        alike = SequenceMatcher(None, found.name.lower(), name.lower()).ratio()
        begins = found.name.lower().startswith(name.lower())
        distance = 5.0 - alike if begins or alike >= _CLOSE else _FAR
    return distance


def swap(text: str, requirements: Iterable[Requirement], to: str) -> str:
    """Put another name in the place of the requirements' names; every other character stays.

    Versions and markers stay, and so do extras. Extras of `to` join those that are there, each once; where
    there are none, the brackets come with quotes if a shell would read them as a pattern:
    `tensorflow==2.16` becomes `'tensorflow[and-cuda]==2.16'`.

    Raises ValueError for a requirement that is dynamic or not of this text, and for an invalid `to`.
    """
    edits = {edit for found in requirements for edit in _edits(text, found, to)}
    return _spliced(text, edits, 0, len(text))


def replacement(text: str, found: Requirement, to: str) -> tuple[int, int, str]:
    """The one place that `swap` would change for a requirement: its start, its end, what is to stand there.

    Raises ValueError as `swap` does.
    """
    edits = set(_edits(text, found, to))
    start, end = min(edit[0] for edit in edits), max(edit[1] for edit in edits)
    return start, end, _spliced(text, edits, start, end)


def _spliced(text: str, edits: Iterable[tuple[int, int, str]], start: int, end: int) -> str:
    pieces: list[str] = []
    for first, last, new in sorted(edits):
        pieces += text[start:first], new
        start = last
    return "".join([*pieces, text[start:end]])


def _edits(text: str, found: Requirement, to: str) -> Iterator[tuple[int, int, str]]:
    if found.dynamic or text[found.start : found.end] != found.name:
        raise ValueError(f"{found.word} cannot be replaced in this text")
    if not valid_name(found.manager, to):
        raise ValueError(f'"{to}" is not a valid {found.manager} name')
    name, extras = split_extras(to)
    bracket = _OPENING_BRACKET.match(text, found.end) if found.rest.lstrip().startswith("[") else None
    if bracket:
        there = [extra.strip() for extra in found.rest.partition("[")[2].partition("]")[0].split(",")]
        missing = [extra for extra in extras if not any(same_name("pip", extra, other) for other in there)]
        yield found.start, found.end, name
        if missing:
            yield bracket.end(), bracket.end(), ",".join(missing) + ("," if any(there) else "")
        return
    quote = found.quote if extras else ""
    if quote and _NO_SHELL.fullmatch(found.word):
        word_end = found.start + len(found.word)
        yield found.start, found.end, quote + to
        yield word_end, word_end, quote
    else:
        yield found.start, found.end, quote + to + quote
