"""Which files of a context a build can touch, after `.dockerignore`."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from pipeline.dockerfile import Read
from pipeline.dockerfile.globs import Matches, ignore_matcher, is_glob, match
from pipeline.dockerfile.words import SPACE
from pipeline.errors import InputError, Problem

_MOST_LINKS = 255
_LONGEST_LINE = 65_535
_MOST_PROBLEMS = 10
# What keeps BuildKit from seeing at a glance where an exception may apply.
_NOT_A_PREFIX = re.compile(r"[*\[\]?^\\]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a context: its path below it with slashes, and its kind.

    `kind` is "file", "dir", "link", "closed" (a folder that nobody can look into) or "other". `target` is
    what a link says, and of a closed folder why.
    """

    path: str
    kind: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file, cleaned; `keeps` if it began with `!`."""

    text: str
    keeps: bool


@dataclass(frozen=True, slots=True)
class Ignore:
    """The patterns of an ignore file, in order; the last that matches decides."""

    patterns: tuple[Pattern, ...] = ()

    def excludes(self, path: str) -> bool:
        """Whether `path` is left out of the context; for many paths, ask one Walk."""
        return Walk(self).drops(path)


NOTHING = Ignore()


def parse_ignore(data: bytes, path: str) -> Ignore:
    """Read a `.dockerignore`; `path` is for messages. Raises InputError for what BuildKit refuses."""
    patterns = []
    problems: list[Problem] = []
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), 1):
        found = None if line.startswith("#") else _pattern(line)
        if found is None:
            continue
        reason = "the line is too long" if len(line) > _LONGEST_LINE else _refusal(found)
        if reason and len(problems) < _MOST_PROBLEMS:
            message = f"'{line.strip()[:80]}': {reason}"
            problems.append(Problem(message, f"{path}:{number}", "correct or remove this line"))
        patterns.append(found)
    if problems:
        raise InputError(*problems)
    return Ignore(tuple(patterns))


def _pattern(line: str) -> Pattern | None:
    """A line, cleaned twice: by what reads the file, and by what matches."""
    text = line.strip(SPACE)
    mark = text[:1] if text.startswith("!") else ""
    text = text.removeprefix("!").strip(SPACE)
    if text:
        text = _clean(text)
        text = text.removeprefix("/") or text
    text = f"{mark}{text}".strip(SPACE)
    if not text:
        return None
    text = _clean(text)
    return Pattern(text.removeprefix("!"), text.startswith("!"))


def _refusal(pattern: Pattern) -> str:
    if not pattern.text:
        return "a '!' needs a pattern behind it"
    try:
        ignore_matcher(pattern.text)
    except ValueError as problem:
        return str(problem)
    return ""


def _clean(path: str) -> str:
    """Go's filepath.Clean."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif (part == ".." and not rooted) or part not in {"", ".", ".."}:
            parts.append(part)
    return "/" * rooted + "/".join(parts) or "."


@dataclass(frozen=True, slots=True)
class _Visit:
    """What a walk knows of a folder: the patterns that match it, and whether everything in it is dropped."""

    matched: tuple[bool, ...]
    pruned: bool


class Walk:
    """One walk over a context, as BuildKit's client does it: a folder is judged before what is in it."""

    def __init__(self, ignore: Ignore) -> None:
        self._patterns = [(ignore_matcher(one.text), one.keeps) for one in ignore.patterns]
        kept = [one.text.removesuffix("/**").removesuffix("/*") for one in ignore.patterns if one.keeps]
        self._exceptions = [one + "/" for one in kept]
        self._prunes = not any(_NOT_A_PREFIX.search(one) for one in kept)
        self._visits = {"": _Visit((), False)}

    def drops(self, path: str) -> bool:
        """Whether `path` is left out."""
        if not self._patterns:
            return False
        above = self._visit(path.rpartition("/")[0])
        return above.pruned or self._judge(path, above)[1]

    def prunes(self, folder: str) -> bool:
        """Whether everything in `folder` is left out, so that nobody has to look."""
        return bool(self._patterns) and self._visit(folder).pruned

    def _visit(self, folder: str) -> _Visit:
        missing = []
        while folder not in self._visits:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        visit = self._visits[folder]
        for path in reversed(missing):
            if not visit.pruned:
                matched, dropped = self._judge(path, visit)
                # BuildKit looks into a dropped folder only for an exception that may lie there.
                pruned = (
                    dropped
                    and self._prunes
                    and not any(one.startswith(path + "/") for one in self._exceptions)
                )
                visit = _Visit(matched, pruned)
            self._visits[path] = visit
        return visit

    def _judge(self, path: str, above: _Visit) -> tuple[tuple[bool, ...], bool]:
        """Which patterns match `path` or a folder above it, and whether it is dropped."""
        dropped = False
        matched = []
        for index, (matches, keeps) in enumerate(self._patterns):
            hit = bool(above.matched) and above.matched[index]
            # BuildKit does not try a pattern that could change nothing: below, it counts as no match.
            if not hit and keeps == dropped:
                hit = bool(matches(path))
            if hit:
                dropped = not keeps
            matched.append(hit)
        return tuple(matched), dropped


def select(
    entries: Iterable[Entry], reads: Iterable[Read], ignore: Ignore, *, path: str = "Dockerfile"
) -> tuple[str, ...]:
    """The sorted paths of the context that `reads` can touch after `ignore`, folders included.

    A source that is a link, or passes through one, reads the link and what it leads to; links inside a folder
    that is read are only links. `path` is the Dockerfile's, for messages. Raises InputError for a source that
    follows a link out of the context, or around in a ring.
    """
    reads = tuple(reads)
    if not reads:
        return ()
    walk = Walk(ignore)
    context = _Context(entries, walk, path)
    for read in reads:
        if read.whole:
            context.take_beneath("", ())
        else:
            context.take(read)
    return tuple(sorted([path for path in context.taken if not walk.drops(path)]))


class _Context:
    """The entries of a context, and those of them taken so far."""

    def __init__(self, entries: Iterable[Entry], walk: Walk, dockerfile: str) -> None:
        self.entries = {entry.path: entry for entry in entries}
        self.ordered = sorted(self.entries)
        self.walk = walk
        self.dockerfile = dockerfile
        self.taken: set[str] = set()

    def beneath(self, folder: str) -> list[str]:
        if not folder:
            return self.ordered
        start = bisect_left(self.ordered, f"{folder}/")
        return self.ordered[start : bisect_left(self.ordered, f"{folder}0", start)]  # 0 comes right after /

    def take_beneath(self, folder: str, exclude: Sequence[str]) -> None:
        paths = self.beneath(folder)
        patterns = tuple(found for found in map(_exclusion, exclude) if found is not None)
        if patterns:
            walk = Walk(Ignore(patterns))
            skip = len(folder) + 1 if folder else 0
            paths = [path for path in paths if not walk.drops(path[skip:])]
        self.taken.update(paths)

    def take(self, read: Read) -> None:
        parts = read.pattern.split("/") if read.pattern not in {"", "."} else []
        plain = next((at for at, part in enumerate(parts) if is_glob(part)), len(parts))
        if plain == len(parts):
            self.take_source(parts, read)
            return
        folder = self.follow(parts[:plain], read)
        if folder is None:
            return
        if (
            folder in self.entries
        ):  # a source in a folder that is not there is an error, even if nothing matches
            self.taken.add(folder)
        glob = "/".join(parts[plain:])
        skip = len(folder) + bool(folder)
        found: set[str] = set()
        for matches in _source_matchers(glob):
            # BuildKit finds nothing with a bad pattern.
            with suppress(ValueError):
                found.update(path for path in self.beneath(folder) if matches(path[skip:]))
        for path in sorted(found):
            self.take_source(path.split("/"), read)

    def take_source(self, parts: list[str], read: Read) -> None:
        source = self.follow(parts, read)
        if source is None:
            return
        if source in self.entries:
            self.taken.add(source)
        self.take_beneath(source, read.exclude)

    def follow(self, parts: list[str], read: Read) -> str | None:
        """Where `parts` leads to, None if a link on the way is ignored; the links on the way are taken."""
        waiting = parts[::-1]
        here: list[str] = []
        links: list[Entry] = []
        while waiting:
            part = waiting.pop()
            if part == "..":
                if not here:
                    raise self._bad_link(read, links[-1], "leaves the context")
                here.pop()
                continue
            here.append(part)
            entry = self.entries.get("/".join(here))
            if entry is None or entry.kind != "link":
                continue
            if self.walk.drops(entry.path):
                return None
            self.taken.add(entry.path)
            links.append(entry)
            if len(links) > _MOST_LINKS:
                raise self._bad_link(read, entry, "leads around in a ring")
            here.pop()
            if entry.target.startswith("/"):  # BuildKit takes the context for the root
                here.clear()
            waiting += [step for step in reversed(entry.target.split("/")) if step not in {"", "."}]
        path = "/".join(here)
        absolute = next((entry for entry in links if entry.target.startswith("/")), None)
        if absolute and path and path not in self.entries and not self.beneath(path):
            raise self._bad_link(read, absolute, "leaves the context")
        return path

    def _bad_link(self, read: Read, link: Entry, what: str) -> InputError:
        message = (
            f"the source '{read.pattern}' follows the link '{link.path}' to '{link.target}', which {what}"
        )
        hint = "put what the build needs into the context, and copy it from there"
        return InputError.of(message, f"{self.dockerfile}:{read.line}", hint)


def _source_matchers(glob: str) -> list[Matches]:
    """How COPY and ADD look for sources, and how they do with --parents, the only one to know `**`."""
    found: list[Matches] = [partial(match, glob)]
    if "**" in glob:
        with suppress(ValueError):
            found.append(ignore_matcher(glob))
    return found


def _exclusion(text: str) -> Pattern | None:
    """A `--exclude`; unlike a line of an ignore file it may begin with a slash, and then matches nothing."""
    text = text.strip(SPACE)
    if not text:
        return None
    text = _clean(text)
    found = Pattern(text.removeprefix("!"), text.startswith("!"))
    return None if _refusal(found) else found
