"""Why an image would be built again, or would not: its record of then beside the one of now, part by part."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from pipeline.graph import Graph, Node
from pipeline.ignore import Walk
from pipeline.keys import FileState, KeyRecord, Part, difference

AROUND = 2
# in which two texts differ; beyond that a diff is slow
MOST_LINES = 2000
_HUNK = re.compile(r"\A@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@")

# a file's text by its content's digest; None where that is no text, too long, or not known any more
TextOf = Callable[[str], str | None]
RecordOf = Callable[[str], KeyRecord | None]


@dataclass(frozen=True, slots=True)
class Detail:
    """One part that differs: a unified diff of it without its heading, where there are texts, and words."""

    part: Part
    words: str = ""
    diff: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RootCause:
    """An ancestor whose own inputs differ; without parts, its earlier record is not known any more."""

    image: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Idle:
    """A file that was touched since, and why that does not count."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One image of one variant: its keys then ("" for never) and now, and all that lies between them.

    `same` are the kinds of inputs that were compared and do not differ; `since` says what then is. `again` is
    when it was built before as it is now, where that was not the last build; "" for never.
    """

    image: str
    then: str
    now: str
    since: str
    details: tuple[Detail, ...] = ()
    causes: tuple[RootCause, ...] = ()
    same: tuple[str, ...] = ()
    idle: tuple[Idle, ...] = ()
    again: str = ""

    @property
    def rebuilt(self) -> bool:
        """Whether it would be built again."""
        return self.then != self.now and not self.again


def explain(
    graph: Graph,
    records: Mapping[str, KeyRecord],
    image: str,
    known: tuple[KeyRecord | None, str, RecordOf, TextOf],
) -> Explanation:
    """An image explained: `known` are its record of then, what then is, other records by key, and texts."""
    then, since, record_of, text_of = known
    now = records[image]
    if then is None:
        return Explanation(image, "", now.key, since)
    parts = difference(then, now)
    causes = _causes(graph, records, (image, then), record_of)
    details = tuple(_detail(part, then, now, text_of) for part in parts)
    return Explanation(image, then.key, now.key, since, details, causes, _same(now, parts, causes))


def _causes(
    graph: Graph, records: Mapping[str, KeyRecord], start: tuple[str, KeyRecord], record_of: RecordOf
) -> tuple[RootCause, ...]:
    """The ancestors that differ themselves from the builds that the image, or its ancestors, stood on."""
    found: dict[str, RootCause] = {}
    seen: set[str] = set()
    pending = [start]
    while pending:
        name, old = pending.pop()
        before = dict(old.parents)
        for reference, parent in graph.nodes[name].parents:
            key = before.get(reference, "")
            if key in {"", records[parent].key} or key in seen:
                continue
            seen.add(key)
            record = record_of(key)
            if record is None:
                found.setdefault(parent, RootCause(parent, ()))
                continue
            if parts := difference(record, records[parent]):
                found[parent] = RootCause(parent, parts)
            pending.append((parent, record))
    return tuple(found[name] for name in graph.order if name in found)


def _detail(part: Part, then: KeyRecord, now: KeyRecord, text_of: TextOf) -> Detail:
    if part.kind == "instructions":
        before, after = ("\n".join(record.instructions) for record in (then, now))
        diff = _diff(before, after)
        return Detail(part, "" if diff else "in many lines", diff)
    if part.kind == "file":
        old, new = ({state.path: state for state in record.files}.get(part.name) for record in (then, now))
        return Detail(part, *_file(old, new, text_of))
    return Detail(part, _words(part))


def _words(part: Part) -> str:
    if part.kind in {"image", "target", "platform", "refreshed", "schema"}:
        return ""
    if part.old is None:
        return f"{part.new or 'unlocked'} (new)" if part.kind == "root" else f"{part.new!r} (new)"
    if part.new is None:
        return f"{part.old or 'unlocked'} (gone)" if part.kind == "root" else f"{part.old!r} (gone)"
    if part.kind == "root":
        return f"{part.old or 'unlocked'} → {part.new or 'unlocked'}"
    return f"{part.old!r} → {part.new!r}" if part.kind == "arg" else f"{part.old} → {part.new}"


def _file(old: FileState | None, new: FileState | None, text_of: TextOf) -> tuple[str, tuple[str, ...]]:
    if old is None or new is None:
        return ("new" if old is None else "gone"), ()
    if (old.kind, new.kind) != ("file", "file"):
        return f"{_kind(old)} → {_kind(new)}", ()
    words = ""
    if old.executable != new.executable:
        words = "executable now" if new.executable else "not executable any more"
    if old.content == new.content:
        return words, ()
    before, after = text_of(old.content), text_of(new.content)
    if before is None or after is None:
        unknown = "another content; no text of it was kept" if before is None else "another content; no text"
        return ", ".join(filter(None, (words, unknown))), ()
    diff = _diff(before, after)
    return ", ".join(filter(None, (words, "" if diff else "another content, in many lines"))), diff


def _kind(state: FileState) -> str:
    return str(state) if state.kind == "link" else state.kind


def _diff(before: str, after: str) -> tuple[str, ...]:
    """A unified diff without its heading; a missing newline at the end is told where only one lacks it.

    Nothing, where so many lines differ that it would take long, and nobody would read it.
    """
    mark = "" if before.endswith("\n") == after.endswith("\n") else " (no newline at the end)"
    old, new = _lines(before, mark), _lines(after, mark)
    first = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))))
    skipped = max(first - AROUND, 0)
    old, new = old[skipped:], new[skipped:]
    ends = zip(reversed(old), reversed(new), strict=False)
    last = len(list(takewhile(lambda pair: pair[0] == pair[1], ends)))
    last = max(min(last, len(old) - first + skipped, len(new) - first + skipped) - AROUND, 0)
    old, new = old[: len(old) - last], new[: len(new) - last]
    if max(len(old), len(new)) > MOST_LINES:
        return ()
    found = difflib.unified_diff(old, new, n=AROUND, lineterm="")
    return tuple(_HUNK.sub(lambda match: _moved(match, skipped), line) for line in found)[2:]


def _moved(match: re.Match[str], by: int) -> str:
    return f"@@ -{int(match[1]) + by}{match[2] or ''} +{int(match[3]) + by}{match[4] or ''} @@"


def _lines(text: str, mark: str) -> list[str]:
    """Lines as git counts them: only a newline ends one, never a form feed or U+2028."""
    *lines, last = text.split("\n")
    return [*lines, f"{last}{mark}"] if last else lines


def _same(now: KeyRecord, parts: Iterable[Part], causes: Collection[RootCause]) -> tuple[str, ...]:
    """The kinds of inputs that do not differ, with how many there are of each."""
    differing = {part.kind for part in parts}
    if causes:
        differing.add("parents")
    counts = {
        "instructions": (len(now.instructions), "instruction"),
        "arg": (len(now.args), "build arg"),
        "file": (len(now.files), "file"),
        "parents": (len(now.parents), "parent"),
        "root": (len(now.roots), "root"),
    }
    same = [
        f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
        for kind, (count, noun) in counts.items()
        if kind not in differing
    ]
    return (*same, *(kind for kind in ("target", "platform") if kind not in differing))


def idle(node: Node, touched: Iterable[str], found: Explanation) -> tuple[Idle, ...]:
    """Why files of an image's context that were touched do not count, but for those that do.

    `touched` are paths below the context; the Dockerfile's may lead out of it.
    """
    differing = {detail.part.name for detail in found.details if detail.part.kind == "file"}
    rewritten = any(detail.part.kind == "instructions" for detail in found.details)
    dockerfile = posixpath.relpath(node.image.path, node.image.context or ".")
    walk, read = Walk(node.image.ignore), set(node.files)
    told = []
    for path in touched:
        if path in differing or (path == dockerfile and rewritten):
            continue
        if path in read:
            told.append(Idle(path, "its content is the same"))
        elif path == dockerfile:
            told.append(Idle(path, "only comments, blank lines or line breaks"))
        elif walk.drops(path):
            told.append(Idle(path, "left out by .dockerignore"))
        else:
            told.append(Idle(path, "no instruction copies it"))
    return tuple(told)
