"""A generation: all names that belong together, what they point at, and why that may be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline import digest
from pipeline.publish.naming import repository

FORMAT = 1
REPOSITORY = "stackbuild-generations"
_TAG = re.compile(r"g-(\d{6,})-([0-9a-f]{8})\Z")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a probe said of the image, as far as a generation remembers it."""

    title: str
    result: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of one variant: its build, and the names that point at it, like `base:latest`.

    `parent` is the image of the tree that it is built on, "" for a root; `fields` are what
    was read from the image to make names of.
    """

    image: str
    variant: str
    key: str
    digest: str
    names: tuple[str, ...]
    parent: str = ""
    verdicts: tuple[Seen, ...] = ()
    unsmoked: bool = False
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def repository(self) -> str:
        """Where it is kept, below the registry's prefix."""
        return repository(self.image)[0]


@dataclass(frozen=True, slots=True)
class Kept:
    """An image that was held back, and the names that stay where an earlier generation put them."""

    image: str
    variant: str
    why: str
    names: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Generation:
    """What a publication moves, parents before children; `rollback` names the generation it goes back to.

    `at` is a moment (RFC 3339, UTC), `commit` and `lock` are short, "" where there is none.
    """

    number: int
    at: str
    entries: tuple[Entry, ...]
    kept: tuple[Kept, ...] = ()
    commit: str = ""
    lock: str = ""
    rollback: str = ""

    @property
    def tag(self) -> str:
        """The tag of its record: two publishers that take the same number do not take the same tag."""
        return f"g-{self.number:06d}-{digest.of_bytes(self.to_bytes())[:8]}"

    @property
    def name(self) -> str:
        """What people call it."""
        return called(self.tag)

    @property
    def targets(self) -> dict[str, str]:
        """The digest that each name must point at, in the order in which they move."""
        found = {name: entry.digest for entry in self.entries for name in entry.names}
        for kept in self.kept:
            for name, where in kept.names:
                found.setdefault(name, where)
        return found

    def standing(self, image: str, variant: str) -> tuple[tuple[str, str], ...]:
        """The names of an image and the digests they point at; none where it has none."""
        for entry in self.entries:
            if (entry.image, entry.variant) == (image, variant):
                return tuple((name, entry.digest) for name in entry.names)
        for kept in self.kept:
            if (kept.image, kept.variant) == (image, variant):
                return kept.names
        return ()

    def to_bytes(self) -> bytes:
        """The record as it is stored."""
        return digest.canonical({"format": FORMAT, **asdict(self)})

    @staticmethod
    def from_bytes(data: bytes) -> Generation:
        """The generation that `to_bytes` gave; raises KeyError, TypeError or ValueError for anything else."""
        value: Mapping[str, Any] = json.loads(data)
        if value["format"] != FORMAT:
            raise ValueError(f"format {value['format']} is not known here")
        return Generation(
            number=int(value["number"]),
            at=str(value["at"]),
            entries=tuple(_entry(entry) for entry in value["entries"]),
            kept=tuple(
                Kept(k["image"], k["variant"], k["why"], tuple((name, where) for name, where in k["names"]))
                for k in value["kept"]
            ),
            commit=str(value["commit"]),
            lock=str(value["lock"]),
            rollback=str(value["rollback"]),
        )


def _entry(value: Mapping[str, Any]) -> Entry:
    return Entry(
        image=str(value["image"]),
        variant=str(value["variant"]),
        key=str(value["key"]),
        digest=str(value["digest"]),
        names=tuple(map(str, value["names"])),
        parent=str(value["parent"]),
        verdicts=tuple(Seen(**seen) for seen in value["verdicts"]),
        unsmoked=bool(value["unsmoked"]),
        fields=tuple((name, text) for name, text in value["fields"]),
    )


def called(tag: str) -> str:
    """What people call the generation of a record's tag: `12-0a1b2c3d`."""
    match = _TAG.match(tag)
    return f"{int(match[1])}-{match[2]}" if match else tag


def in_order(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags of generations among a repository's tags, oldest first; every publisher orders them alike."""
    found = [(int(match[1]), match[2], tag) for tag in tags if (match := _TAG.match(tag))]
    return tuple(tag for _, _, tag in sorted(found))


def number_of(tag: str) -> int:
    """The number in a record's tag."""
    match = _TAG.match(tag)
    return int(match[1]) if match else 0


def meant(tags: Iterable[str], text: str) -> tuple[str, ...]:
    """The tags of the generations that a person may mean by `12`, `12-0a1b` or a whole tag."""
    number, _, rest = text.removeprefix("g-").partition("-")
    if not number.isdecimal():
        return ()
    return tuple(
        tag
        for tag in in_order(tags)
        if number_of(tag) == int(number) and tag.rpartition("-")[2].startswith(rest)
    )
