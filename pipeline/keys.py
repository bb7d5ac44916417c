"""Everything that decides an image, as a record; the record's digest is the image's key."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import digest
from pipeline.dockerfile import normal_form
from pipeline.graph import Graph, Node

# raised whenever builds of the same record would come out differently
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FileState:
    """What of a context file counts: its content or link target, and whether it is executable."""

    path: str
    kind: str
    content: str = ""
    executable: bool = False


# (tree, context folder, paths below it) → the state of each
ReadStates = Callable[[str, str, Sequence[str]], tuple[FileState, ...]]


@dataclass(frozen=True, slots=True)
class KeyRecord:
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
        return digest.of_value(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return dataclasses.asdict(self)

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
        files=states(image.tree, image.context, node.files),
        parents=tuple((reference, keys[name]) for reference, name in node.parents),
        roots=tuple((reference, world.roots.get(reference, "")) for reference in node.roots),
        target=image.target,
        platform=world.platform,
        refreshed=world.refreshed.get(image.name, ""),
    )


def difference(old: KeyRecord, new: KeyRecord) -> tuple[str, ...]:
    """What differs, in words that fit behind "changed": `file matplotlibrc`, `arg NB_UID`.

    Parents are left out: a parent's change has a cause of its own.
    """
    parts: list[str] = []
    if old.schema != new.schema:
        parts.append("stackbuild's own format")
    if old.instructions != new.instructions:
        parts.append("instructions")
    parts += [f"arg {name}" for name in _changed(dict(old.args), dict(new.args))]
    before, after = ({state.path: state for state in record.files} for record in (old, new))
    parts += [f"file {path}" for path in _changed(before, after)]
    parts += [f"root {reference}" for reference in _changed(dict(old.roots), dict(new.roots))]
    if sorted(dict(old.parents)) != sorted(dict(new.parents)):
        parts.append("parents")
    parts += [
        f"{field} {was or '(none)'} → {now or '(none)'}"
        for field in ("image", "target", "platform")
        if (was := getattr(old, field)) != (now := getattr(new, field))
    ]
    if old.refreshed != new.refreshed:
        parts.append("taken as changed")
    return tuple(parts)


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
