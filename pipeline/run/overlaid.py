"""What overlays make of a project's trees: the files that they change, and whether they still fit."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable
from dataclasses import replace

from pipeline import overlay as overlays
from pipeline.adapters import disk
from pipeline.config import Variant
from pipeline.errors import InputError, Problem
from pipeline.overlay import Overlay
from pipeline.run.project import (
    Project,
    View,
    overlay_folder,
    overlay_path,
    read_overlay,
    reading,
    shown,
    view,
)
from pipeline.show import Checked, FileChange, starter


def changed_files(project: Project, found: View) -> dict[str, list[FileChange]]:
    """The files of each image's context that overlays change.

    For an image that has taken another folder's Dockerfile, these are also the files that it reads there.
    """
    return {
        name: changes
        for name, image in found.tree.images.items()
        if (image.overlaid or image.context != project.tree.images[name].context)
        and (changes := _changed_files(project, found, name))
    }


def _changed_files(project: Project, found: View, name: str) -> list[FileChange]:
    before, after = project.tree.images[name], found.tree.images[name]
    read = reading(project)
    there = {entry.path for entry in project.tree.context(before) if entry.kind == "file"}
    paths = {path for path, file in after.overlaid.items() if file.content is not None}
    if after.context != before.context:
        plain = {entry.path for entry in found.tree.context(after) if entry.kind == "file"}
        paths |= plain & set(found.graph.nodes[name].files)
    changes = []
    for path in sorted(paths):
        place = posixpath.normpath(f"{before.context}/{path}")
        if place == before.path:
            continue
        old = read(before.tree, place) if path in there else None
        new = after.overlaid.get(path) or read(after.tree, posixpath.normpath(f"{after.context}/{path}"))
        changes.append(FileChange(place, old, new))
    return changes


def check(project: Project, names: Iterable[str]) -> tuple[Checked, ...]:
    """Try overlays on the project's trees: the named ones each alone, else those of every variant together.

    Those that no variant uses may be for another tree, and are only read. Raises InputError with everything
    that is wrong with any of them.
    """
    problems: list[Problem] = []
    found: list[Checked] = []
    for name in dict.fromkeys(names):
        found += _tried(project, Variant(name), (name,), problems)
    if not found and not problems:
        for variant in project.config.variants:
            found += _tried(project, variant, (), problems)
        used = {name for variant in project.config.variants for name in variant.overlays}
        for name in sorted(path.stem for path in overlay_folder(project).glob("*.toml")):
            if name not in used:
                overlay = _read(project, name, problems)
                found += [Checked(name, "", len(overlay.edits), None)] if overlay else []
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return tuple(found)


def _read(project: Project, name: str, problems: list[Problem]) -> Overlay | None:
    try:
        return read_overlay(project, name)
    except InputError as error:
        problems += error.problems
        return None


def _tried(
    project: Project, variant: Variant, alone: tuple[str, ...], problems: list[Problem]
) -> list[Checked]:
    try:
        seen = view(project, replace(variant, overlays=alone or variant.overlays))
    except InputError as error:
        problems += error.problems
        return []
    shown_as = "" if alone else variant.name
    read = [(name, read_overlay(project, name)) for name in alone or variant.overlays]
    return [
        Checked(
            name,
            shown_as,
            len(overlay.edits),
            sum(match.overlay == overlay.name for match in seen.matches),
        )
        for name, overlay in read
    ]


def new(project: Project, name: str) -> str:
    """Write an overlay to begin with, and give its path. Raises InputError where there is one already."""
    path = overlay_path(project, name)
    if path.parent != overlay_folder(project) or not re.fullmatch(r"\w[\w.-]*", name):
        hint = "a name alone, like cuda-12"
        raise InputError.of(f"'{name}' is no name of an overlay", hint=hint)
    if os.path.lexists(path):
        raise InputError.of(f"{shown(path)} is there already", hint="choose another name, or edit it")
    text = starter(project.tree, project.config.platform)
    overlays.read_overlay(text, name, shown(path))
    disk.write_text(path, text)
    return shown(path)
