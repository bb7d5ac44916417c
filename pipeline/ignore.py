"""Which files of a context a build can touch: `.dockerignore`, and the sources of COPY, ADD and bind mounts."""

from __future__ import annotations

import re
import warnings
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.dockerfile import Read
from pipeline.dockerfile.words import SPACE
from pipeline.errors import InputError, Problem

_MOST_LINKS = 255
_LONGEST_LINE = 65_535
# Go's regular expressions and Python's agree on these escapes; others are refused there, or are not worth having.
_SHARED_ESCAPES = "dDwWsSbBafnrtvA"
_GLOB = re.compile(r"[*?\[\\]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a context: `path` below it with slashes, `kind` "file", "dir", "link" or "other".

    `target` is what a link says.
    """

    path: str
    kind: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file: `keeps` if it began with `!`."""

    text: str
    keeps: bool
    line: int = 0


@dataclass(frozen=True, slots=True)
class Ignore:
    """The patterns of an ignore file, in order; the last that matches decides."""

    patterns: tuple[Pattern, ...] = ()

    def excludes(self, path: str) -> bool:
        """Whether `path` is left out of the context."""
        return _Walk(self.patterns).drops(path)


NOTHING = Ignore()


def parse_ignore(data: bytes, path: str) -> Ignore:
    """Read a `.dockerignore`; `path` is for messages. Raises InputError for what BuildKit refuses."""
    patterns = []
    problems = []
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), 1):
        if line[:1] == "#":
            continue
        pattern = line.strip(SPACE)
        keeps = pattern[:1] == "!"
        if keeps:
            pattern = pattern[1:].strip(SPACE)
        if not pattern and not keeps:
            continue
        cleaned = _clean(pattern) if pattern else ""
        if len(cleaned) > 1:
            cleaned = cleaned.removeprefix("/")
        found = Pattern(cleaned, keeps, number)
        reason = "the line is too long" if len(line) > _LONGEST_LINE else _refused(found)
        if reason:
            problems.append(
                Problem(f"'{pattern[:80]}': {reason}", f"{path}:{number}", "correct or remove this line")
            )
        patterns.append(found)
    if problems:
        raise InputError(*problems[:10])
    return Ignore(tuple(patterns))


def _refused(pattern: Pattern) -> str:
    if not pattern.text:
        return "a '!' needs a pattern behind it"
    try:
        glob_regex(pattern.text)
        _matcher(pattern.text)
    except ValueError as problem:
        return str(problem)
    return ""


def _clean(path: str) -> str:
    """Go's filepath.Clean."""
    rooted = path[:1] == "/"
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif (part == ".." and not rooted) or part not in {"", ".", ".."}:
            parts.append(part)
    return "/" * rooted + "/".join(parts) or "."


@lru_cache(maxsize=4096)
def _matcher(pattern: str) -> Callable[[str], object]:
    """moby/patternmatcher's idea of a pattern. Raises ValueError."""
    if not _GLOB.search(pattern) and "]" not in pattern:
        return pattern.__eq__
    if pattern[:2] == "**" and not _GLOB.search(pattern, 2) and "]" not in pattern:
        suffix = pattern[2:]
        if not suffix:
            return lambda _path: True
        return lambda path: path.endswith(suffix) or (suffix[0] == "/" and path == suffix[1:])
    if pattern[-2:] == "**" and not _GLOB.search(pattern[:-2]) and "]" not in pattern:
        prefix = pattern[:-2]
        return lambda path: path.startswith(prefix)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about sets in sets, which mean here what they mean in Go
        try:
            return re.compile(_regex(pattern), re.ASCII).fullmatch
        except re.error as problem:
            raise ValueError(f"not a pattern: {problem}") from None


def _regex(pattern: str) -> str:
    out = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*" and pattern[at : at + 1] == "*":
            at += 1
            at += pattern[at : at + 1] == "/"
            out.append(".*" if at >= len(pattern) else "(?:.*/)?")
        elif char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "\\":
            escaped = pattern[at : at + 1]
            at += 1
            if escaped.isalnum() and escaped not in _SHARED_ESCAPES:
                raise ValueError(f"the escape '\\{escaped}' cannot be used")
            out.append("\\" + (escaped or "\\"))
        elif char in ".+()|{}$":
            out.append("\\" + char)
        else:
            out.append(char)
    return "".join(out)


@dataclass(frozen=True, slots=True)
class _Visit:
    """What a walk knows of a folder: which patterns match it, whether it is dropped, and whether all in it is."""

    matched: tuple[bool, ...]
    dropped: bool
    pruned: bool


class _Walk:
    """One walk over a context, as BuildKit's client does it: a folder is judged before what is in it."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = [(_matcher(one.text), one.keeps) for one in patterns]
        self.kept = [_without_trailing_glob(one.text) + "/" for one in patterns if one.keeps]
        # BuildKit looks into a dropped folder only for an exception that may lie there.
        self.prunes = not any(re.search(r"[*\[\]?^\\]", one[:-1]) for one in self.kept)
        self.visits: dict[str, _Visit] = {"": _Visit((), False, False)}

    def drops(self, path: str) -> bool:
        above, _, _ = path.rpartition("/")
        visit = self._visit(above)
        return visit.pruned or self._judge(path, visit)[1]

    def _visit(self, folder: str) -> _Visit:
        missing = []
        while folder not in self.visits:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        visit = self.visits[folder]
        for path in reversed(missing):
            if visit.pruned:
                self.visits[path] = visit
                continue
            matched, dropped = self._judge(path, visit)
            slashed = path + "/"
            pruned = dropped and self.prunes and not any(one.startswith(slashed) for one in self.kept)
            visit = self.visits[path] = _Visit(matched, dropped, pruned)
        return visit

    def _judge(self, path: str, above: _Visit) -> tuple[tuple[bool, ...], bool]:
        dropped = False
        matched = []
        for index, (matches, keeps) in enumerate(self.patterns):
            hit = bool(above.matched) and above.matched[index]
            if not hit and keeps == dropped:
                hit = bool(matches(path))
            if hit:
                dropped = not keeps
            matched.append(hit)
        return tuple(matched), dropped


def _without_trailing_glob(pattern: str) -> str:
    return pattern.removesuffix("/**").removesuffix("/*")


@lru_cache(maxsize=4096)
def glob_regex(pattern: str) -> re.Pattern[str]:
    """Go's filepath.Match, to be used with fullmatch; a `**` between slashes is any depth. Raises ValueError."""
    out = []
    at = 0
    stars = 0
    while at < len(pattern):
        char = pattern[at]
        if (at == 0 or pattern[at - 1] == "/") and pattern[at : at + 3] == "**/":
            out.append("(?:.*/)?")
            at += 3
            continue
        at += 1
        if char == "*":
            while pattern[at : at + 1] == "*":
                at += 1
            # What stands between two stars is taken where it first fits, as Go does: no way back, no slow match.
            ahead = _next_star(pattern, at)
            deep = pattern[at - 2 : at] == "**"
            any_text = ".*" if deep else "[^/]*"
            if ahead >= 0 and not deep:
                out.append(f"(?>{any_text}?")
                stars += 1
                rest, at = _literal(pattern, at, ahead)
                out += [*rest, ")"]
            else:
                out.append(any_text)
            continue
        rest, at = _literal(pattern, at - 1, at)
        out += rest
    return re.compile("".join(out), re.DOTALL)


def _next_star(pattern: str, at: int) -> int:
    """Where the next star is that is no escape, no class and no `**/`; -1 if there is none."""
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            return at if pattern[at : at + 2] != "**" else -1
        at = _class_end(pattern, at) if char == "[" else at + 2 if char == "\\" else at + 1
    return -1


def _class_end(pattern: str, at: int) -> int:
    return _class(pattern, at)[1]


def _literal(pattern: str, at: int, end: int) -> tuple[list[str], int]:
    """The regular expression of at least `pattern[at:end]`, which holds no star, and where it stopped."""
    out = []
    while at < end:
        char = pattern[at]
        if char == "?":
            out.append("[^/]")
            at += 1
        elif char == "[":
            text, at = _class(pattern, at)
            out.append(text)
        elif char == "\\":
            if at + 1 >= len(pattern):
                raise ValueError("a backslash at the end escapes nothing")
            out.append(re.escape(pattern[at + 1]))
            at += 2
        else:
            out.append(re.escape(char))
            at += 1
    return out, at


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A `[...]` that starts at `at`, as a regular expression, and where it ends."""
    at += 1
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges = []
    while not (pattern[at : at + 1] == "]" and ranges):
        low, at = _class_character(pattern, at)
        high = low
        if pattern[at] == "-":
            high, at = _class_character(pattern, at + 1)
        ranges.append((low, high))
    inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges if low <= high)
    if not inside:  # nothing is in it
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{inside}]", at + 1


def _class_character(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at : at + 1]
    if char == "\\":
        at += 1
        char = pattern[at : at + 1]
    elif char in {"-", "]"}:
        char = ""
    if not char or at + 1 >= len(pattern):
        raise ValueError("a '[' is not closed, or closed wrongly")
    return char, at + 1


def select(entries: Iterable[Entry], reads: Iterable[Read], ignore: Ignore) -> tuple[str, ...]:
    """The sorted paths of the context that `reads` can touch after `ignore`, folders included.

    A source that is a link, or passes through one, reads the link and what it points to. Raises InputError for such
    a link that leaves the context, or leads nowhere in a ring; links inside a folder that is read are only links.
    """
    reads = tuple(reads)
    if not reads:
        return ()
    context = _Context(
        {entry.path: entry for entry in entries}, _Walk(ignore.patterns) if ignore.patterns else None
    )
    for read in reads:
        if read.whole or not read.pattern:
            context.take_folder("", read.exclude)
        else:
            context.take(read)
    if context.walk is None:
        return tuple(sorted(context.taken))
    return tuple(sorted(path for path in context.taken if not context.walk.drops(path)))


class _Context:
    """The entries of a context, and those of them taken so far."""

    def __init__(self, entries: dict[str, Entry], walk: _Walk | None) -> None:
        self.entries = entries
        self.walk = walk
        self.ordered = sorted(entries)
        self.taken: set[str] = set()

    def beneath(self, folder: str) -> list[str]:
        if not folder:
            return self.ordered
        start = bisect_left(self.ordered, folder + "/")
        return self.ordered[start : bisect_left(self.ordered, folder + "0", start)]

    def take_folder(self, folder: str, exclude: Sequence[str] = ()) -> None:
        paths = self.beneath(folder)
        patterns = [_exclusion(text) for text in exclude if text.strip(SPACE)]
        if patterns:
            skip = len(folder) + 1 if folder else 0
            walk = _Walk(patterns)
            paths = [path for path in paths if not walk.drops(path[skip:])]
        self.taken.update(paths)

    def take(self, read: Read) -> None:
        parts = read.pattern.split("/")
        plain = next((at for at, part in enumerate(parts) if _GLOB.search(part)), len(parts))
        folder = self.follow(parts[:plain], read)
        if plain == len(parts) or folder is None:
            return
        glob = "/".join(parts[plain:])
        if any("**" in part and part != "**" for part in parts):
            self.take_folder(folder)
            return
        try:
            matches = glob_regex(glob).fullmatch
        except ValueError:  # BuildKit finds nothing with it; it costs little to read more
            self.take_folder(folder)
            return
        skip = len(folder) + 1 if folder else 0
        for path in self.beneath(folder):
            if matches(path[skip:]):
                self.follow(path.split("/"), read)

    def follow(self, parts: list[str], read: Read) -> str | None:
        """Take what `parts` leads to, links on the way included; where it leads to, None if nowhere."""
        waiting = parts[::-1]
        here: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                here.pop()
                continue
            here.append(part)
            path = "/".join(here)
            entry = self.entries.get(path)
            if entry is None or entry.kind != "link":
                continue
            if self.walk is not None and self.walk.drops(path):
                return None
            self.taken.add(path)
            links += 1
            if links > _MOST_LINKS:
                raise _link_error(read, entry, "leads around in a ring")
            here.pop()
            here = self._jump(entry, here, read)
            waiting += [step for step in reversed(entry.target.split("/")) if step not in {"", "."}]
            if self._leaves(here, waiting):
                raise _link_error(read, entry, "leaves the context")
        path = "/".join(here)
        if path in self.entries:
            self.taken.add(path)
        return path

    def _jump(self, entry: Entry, here: list[str], read: Read) -> list[str]:
        if not entry.target.startswith("/"):
            return here
        first = next((step for step in entry.target.split("/") if step not in {"", "."}), "")
        if first and first not in self.entries and not self.beneath(first):
            raise _link_error(read, entry, "leaves the context")
        return []

    @staticmethod
    def _leaves(here: list[str], waiting: list[str]) -> bool:
        depth = len(here)
        for step in reversed(waiting):
            depth += -1 if step == ".." else 1
            if depth < 0:
                return True
        return False


def _exclusion(text: str) -> Pattern:
    text = _clean(text.strip(SPACE))
    return Pattern(text.removeprefix("!"), text.startswith("!"))


def _link_error(read: Read, entry: Entry, what: str) -> InputError:
    message = f"the source '{read.pattern}' follows the link '{entry.path}' to '{entry.target}', which {what}"
    hint = "put what the build needs into the context, and link or copy it from there"
    return InputError.of(message, f"line {read.line}", hint)
