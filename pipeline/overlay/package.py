"""`[[package]]`: another package in the commands that install it, and in the requirement files they read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pipeline.installs import (
    MANAGERS,
    Requirement,
    find_installs,
    find_requirements,
    matching,
    nearest,
    replacement,
    valid_name,
)
from pipeline.overlay import required
from pipeline.overlay.model import Change, Edit, Given
from pipeline.overlay.taking import common
from pipeline.overlay.texts import instructions, span, stages_there
from pipeline.overlay.variant import folders
from pipeline.tomlfile import Table
from pipeline.tomlfile import nearest as did_you_mean
from pipeline.tree import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageEdit(Edit):
    """Swap a package's name inside install commands; version, extras, quotes and comments stay."""

    manager: str
    source: str
    to: str
    stage: str = ""
    kind: ClassVar[str] = "package"

    def __str__(self) -> str:
        return f"{self.manager} package {self.source} → {self.to}"

    def hits(self, image: Image, given: Given) -> Sequence[Change]:
        """Every requirement in a RUN, then every one in the files that those name."""
        found = [
            self._change(image.dockerfile.text, one)
            for one in matching(_requirements(image, self.stage), self.manager, self.source)
        ]
        for path, text in required.files(image, given, self.manager, self.stage):
            there = matching(find_requirements(text, manager=self.manager), self.manager, self.source)
            found += [self._change(text, replace(one, line=one.line + 1), path) for one in there]
        return found

    def _change(self, text: str, found: Requirement, path: str = "") -> Change:
        start, end, new = replacement(text, found, self.to)
        return Change(start, end, new, found.line, path)

    def nearest(self, images: Sequence[Image], given: Given) -> str:
        """The requirements that it may have meant, at most three, and what else would reach them."""
        if missing := stages_there(list(images), self.stage):
            return missing
        near = [
            (image, one, place)
            for image in images
            for one, place in self._requirements(image, given)
            if nearest([one], self.manager, self.source)
        ]
        best = nearest([one for _, one, _ in near], self.manager, self.source)
        near.sort(key=lambda found: best.index(found[1]))
        told = [self._told(image, one, place, given) for image, one, place in near[:3]]
        return f"nearest: {' · '.join(told)}" if told else ""

    def _requirements(self, image: Image, given: Given) -> Iterator[tuple[Requirement, str]]:
        for one in _requirements(image, self.stage):
            yield one, f"{image.where}:{one.line}"
        for path, text in required.files(image, given, self.manager, self.stage):
            for one in find_requirements(text, manager=self.manager):
                yield one, f"{path}:{one.line + 1} of {image.name}'s context"

    def _told(self, image: Image, found: Requirement, place: str, given: Given) -> str:
        """A requirement, where it is, and why the edit does not reach it."""
        where = f"{found.word} ({found.manager}) in {place}"
        if found.dynamic:
            others = folders(given.tree, image)
            instead = f"the variant folder '{others[0]}' or [[replace]]" if others else "[[replace]]"
            why = "written in pieces or with an address" if found.name else "built from a variable"
            return f"{where} is {why}; use {instead}"
        if found.manager != self.manager:
            return f'{where} is for manager = "{found.manager}"'
        return where


def _requirements(image: Image, stage: str) -> tuple[Requirement, ...]:
    """Every requirement of every install command, with offsets and lines, from 1, of the whole file."""
    dockerfile = image.dockerfile
    found: list[Requirement] = []
    for instruction in instructions(image, stage):
        if (instruction.inner or instruction).keyword == "RUN":
            start, end = span(dockerfile, instruction)
            found += [
                replace(one, start=one.start + start, end=one.end + start, line=one.line + instruction.line)
                for one in find_installs(dockerfile.text[start:end], escape=dockerfile.escape).requirements
            ]
    return tuple(found)


def read(table: Table) -> PackageEdit:
    """`[[package]]`."""
    manager = table.need("manager", f"one of {', '.join(MANAGERS)}")
    manager = "conda" if manager == "mamba" else manager
    if manager and manager not in MANAGERS:
        hint = did_you_mean(manager, MANAGERS) or f"one of {', '.join(MANAGERS)}"
        table.problem(f"no package manager '{manager}'", "manager", hint)
    source = table.need("from", "the package to take out, without its version")
    to = table.need("to", "the package to put in; the version is kept")
    for key, name in (("from", source), ("to", to)):
        if name and manager in MANAGERS and not valid_name(manager, name, extras=key == "to"):
            table.problem(
                f"'{name}' is not a name of a {manager} package",
                key,
                "a name alone: versions and extras are kept as they are",
            )
    stage = table.take("stage", str, "")
    edit = PackageEdit(manager=manager, source=source, to=to, stage=stage, **common(table))
    table.close()
    return edit
