"""Everything that decides an image, as a record; the record's digest is the image's key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import digest
from pipeline.dockerfile import normal_form
from pipeline.graph import Graph, Node
from pipeline.tree import Overlaid

# raised whenever builds of the same record would come out differently
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FileState:
    """What of a context file counts: its content or link target, and whether it is executable."""

    path: str
    kind: str
    content: str = ""
    executable: bool = False

    def __str__(self) -> str:
        """All that counts of it, in a line."""
        if self.kind == "link":
            return f"link to {self.content}"
        words = [self.kind, self.content, "executable" if self.executable else ""]
        return " ".join(word for word in words if word)


# (tree, context folder, paths below it) → the state of each
ReadStates = Callable[[str, str, Sequence[str]], tuple[FileState, ...]]


class _Keyed:
    """Room for the key of a record, which is asked for many times and takes a while to compute."""

    __slots__ = ("_key",)
    _key: str


@dataclass(frozen=True, slots=True)
class KeyRecord(_Keyed):
    """All inputs of one image's build. Nothing else may reach the builder."""

    schema: int
    image: str
    instructions: tuple[str, ...]
    args: tuple[tuple[str, str], ...]
    files: tuple[FileState, ...]
    parents: tuple[tuple[str, str], ...]
    roots: tuple[tuple[str, str], ...]
    target: str
    platform: str
    refreshed: str = ""

    @property
    def key(self) -> str:
        """The content key, 64 hex digits."""
        try:
            return self._key
        except AttributeError:
            object.__setattr__(self, "_key", digest.of_value(self.to_json()))
            return self._key

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        # `asdict` copies every word of it
        return {**_shallow(self), "files": [_shallow(state) for state in self.files]}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> KeyRecord:
        """The record that `to_json` gave; raises KeyError, TypeError or ValueError for anything else."""
        return KeyRecord(
            schema=value["schema"],
            image=value["image"],
            instructions=tuple(value["instructions"]),
            args=tuple((name, text) for name, text in value["args"]),
            files=tuple(FileState(**state) for state in value["files"]),
            parents=tuple((reference, key) for reference, key in value["parents"]),
            roots=tuple((reference, pin) for reference, pin in value["roots"]),
            target=value["target"],
            platform=value["platform"],
            refreshed=value["refreshed"],
        )


def _shallow(value: KeyRecord | FileState) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


@dataclass(frozen=True, slots=True)
class World:
    """What a key depends on beside the graph: root digests by reference, and when images were refreshed."""

    roots: Mapping[str, str]
    refreshed: Mapping[str, str]
    platform: str


def compute(graph: Graph, world: World, states: ReadStates) -> dict[str, KeyRecord]:
    """The record of every image, parents first."""
    records: dict[str, KeyRecord] = {}
    keys: dict[str, str] = {}
    for node in graph:
        record = _record(node, keys, world, states)
        records[record.image] = record
        keys[record.image] = record.key
    return records


def _record(node: Node, keys: Mapping[str, str], world: World, states: ReadStates) -> KeyRecord:
    image = node.image
    declared = set(node.facts.declared)
    return KeyRecord(
        schema=SCHEMA,
        image=image.name,
        instructions=normal_form(image.dockerfile),
        args=tuple((name, value) for name, value in image.args if name in declared),
        files=_files(node, states),
        parents=tuple((reference, keys[name]) for reference, name in node.parents),
        roots=tuple((reference, world.roots.get(reference, "")) for reference in node.roots),
        target=image.target,
        platform=world.platform,
        refreshed=world.refreshed.get(image.name, ""),
    )


def _files(node: Node, states: ReadStates) -> tuple[FileState, ...]:
    """The state of every file that the build can read: of those that overlays hold, and of those on disk."""
    image = node.image
    if not image.overlaid:
        return states(image.tree, image.context, node.files)
    on_disk = [path for path in node.files if path not in image.overlaid]
    found = {state.path: state for state in states(image.tree, image.context, on_disk)}
    for path in node.files:
        if overlaid := image.overlaid.get(path):
            found[path] = _overlaid_state(path, overlaid)
    return tuple(found[path] for path in node.files)


def _overlaid_state(path: str, overlaid: Overlaid) -> FileState:
    if overlaid.content is None:
        return FileState(path, "dir")
    return FileState(path, "file", digest.of_bytes(overlaid.content), overlaid.executable)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that two records differ in: its `kind`, its name among its kind, and what it was and is.

    `kind` is "schema", "image", "instructions", "arg", "file", "parents", "root", "target", "platform" or
    "refreshed". `old` and `new` fit into a line; they are None for what is not there, and for a root ""
    where it is not locked.
    """

    kind: str
    name: str = ""
    old: str | None = None
    new: str | None = None

    @property
    def newer(self) -> bool:
        """Whether it is a later refresh: a lock that was put back, or lost, means an earlier one or none."""
        return self.kind == "refreshed" and (self.new or "") > (self.old or "")

    def __str__(self) -> str:
        """Words that fit behind "changed": `file matplotlibrc`, `arg NB_UID`."""
        match self.kind:
            case "schema":
                return "stackbuild's own format"
            case "refreshed":
                return "taken as changed" if self.newer else "an earlier refresh is meant"
            case "image" | "target" | "platform":
                return f"{self.kind} {self.old or '(none)'} → {self.new or '(none)'}"
        return f"{self.kind} {self.name}".rstrip()


def difference(old: KeyRecord, new: KeyRecord) -> tuple[Part, ...]:
    """What differs, sorted within its kind. Another build of the same parents has causes of its own."""
    parts: list[Part] = []
    if old.schema != new.schema:
        parts.append(Part("schema", "", str(old.schema), str(new.schema)))
    if old.instructions != new.instructions:
        counts = (f"{len(record.instructions)} instructions" for record in (old, new))
        parts.append(Part("instructions", "", *counts))
    parts += _changed("arg", dict(old.args), dict(new.args))
    parts += _changed("file", _described(old), _described(new))
    parts += _changed("root", dict(old.roots), dict(new.roots))
    before, after = (sorted(dict(record.parents)) for record in (old, new))
    if before != after:
        parts.append(Part("parents", "", ", ".join(before), ", ".join(after)))
    parts += [
        Part(field, "", was, now)
        for field in ("image", "target", "platform", "refreshed")
        if (was := getattr(old, field)) != (now := getattr(new, field))
    ]
    return tuple(parts)


def differing_from(before: Mapping[str, KeyRecord], now: Mapping[str, KeyRecord]) -> frozenset[str]:
    """The images that are new, or whose own inputs differ: a parent's other build alone is no difference.

    What git keeps in a context is not compared, since no revision holds it.
    """
    return frozenset(
        name
        for name, record in now.items()
        if name not in before
        or any(not (part.kind == "file" and _is_gits(part.name)) for part in difference(before[name], record))
    )


def _is_gits(path: str) -> bool:
    return ".git" in path.split("/")


def _described(record: KeyRecord) -> dict[str, str]:
    return {state.path: str(state) for state in record.files}


def _changed(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[Part]:
    return [
        Part(kind, name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
