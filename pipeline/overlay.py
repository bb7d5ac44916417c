"""Typed edits of somebody else's Dockerfiles: a tree in, a tree out, and every match accounted for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from pipeline import refs
from pipeline.config import DEFAULT_PLATFORM
from pipeline.dockerfile import Dockerfile, base_spot, facts, parse
from pipeline.errors import InputError, Problem
from pipeline.installs import (
    MANAGERS,
    Requirement,
    candidates,
    find_installs,
    matching,
    swap,
    valid_name,
)
from pipeline.tomlfile import Document, Table, nearest
from pipeline.tree import Image, Tree


@dataclass(frozen=True, slots=True)
class RootEdit:
    """Swap a root wherever the chain of an image's final stage stands on it."""

    source: str
    to: str
    where: str
    images: tuple[str, ...] = ("*",)
    expect: int | None = None

    def __str__(self) -> str:
        return f"root {self.source} → {self.to}"


@dataclass(frozen=True, slots=True)
class PackageEdit:
    """Swap a package's name inside install commands; version, extras, quotes and comments stay."""

    manager: str
    source: str
    to: str
    where: str
    images: tuple[str, ...] = ("*",)
    expect: int | None = None

    def __str__(self) -> str:
        return f"{self.manager} package {self.source} → {self.to}"


Edit = RootEdit | PackageEdit


@dataclass(frozen=True, slots=True)
class Overlay:
    """One file of `overlays/`."""

    name: str
    where: str
    edits: tuple[Edit, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """One place that an edit changed: the image and the line of its Dockerfile."""

    overlay: str
    edit: Edit
    image: str
    where: str


def read_overlay(text: str, name: str, path: str) -> Overlay:
    """Check an overlay file. Raises InputError with all problems at once."""
    document = Document(text, path)
    root = document.root
    description = root.take("description", str, "")
    edits: list[Edit] = [_root_edit(table) for table in root.list("root")]
    edits += [_package_edit(table) for table in root.list("package")]
    root.close("kind of edit")
    if not edits and not document.problems:
        document.problems.append(
            Problem("the overlay edits nothing", f"{path}:1", "add [[root]] or [[package]]")
        )
    document.check()
    return Overlay(name, path, tuple(edits), description)


def _expect(table: Table) -> int | None:
    if not table.has("expect"):
        table.take("expect", int, 0)
        return None
    count = table.take("expect", int, 1)
    if count < 0:
        table.problem(f"'expect' must not be below 0, but is {count}", "expect")
    return count


def _root_edit(table: Table) -> RootEdit:
    source = table.need("from", 'the root to take out: from = "ubuntu:*"')
    to = table.need("to", 'the root to put in: to = "nvidia/cuda:12.5.1-cudnn-runtime-ubuntu22.04"')
    try:
        if to:
            refs.parse(to)
    except ValueError as error:
        table.problem(f"'{to}' {error}", "to", "write an image reference like registry/name:tag")
    edit = RootEdit(source, to, table.where, table.one_or_more("image", "*"), _expect(table))
    table.close()
    return edit


def _package_edit(table: Table) -> PackageEdit:
    manager = table.need("manager", f"one of {', '.join(MANAGERS)}")
    manager = "conda" if manager == "mamba" else manager
    if manager and manager not in MANAGERS:
        hint = nearest(manager, MANAGERS) or f"one of {', '.join(MANAGERS)}"
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
    images = table.one_or_more("image", "*")
    edit = PackageEdit(manager, source, to, table.where, images, _expect(table))
    table.close()
    return edit


def apply(
    overlays: Iterable[Overlay], tree: Tree, *, platform: str = DEFAULT_PLATFORM
) -> tuple[Tree, tuple[Match, ...]]:
    """The tree with all edits made, and where. The tree that came in is left as it was.

    Raises InputError when any edit matches less or more than it expects, for all edits together.
    """
    matches: list[Match] = []
    problems: list[Problem] = []
    for overlay in overlays:
        for edit in overlay.edits:
            try:
                edited, places = _swap(edit, tree, platform)
            except InputError as error:
                problems.extend(error.problems)
                continue
            matches += [Match(overlay.name, edit, image, where) for image, where in places]
            tree = tree.with_images(edited)
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return tree, tuple(matches)


Places = list[tuple[str, str]]


def _swap(edit: Edit, tree: Tree, platform: str) -> tuple[list[Image], Places]:
    """The images that an edit changes, and where; raises InputError where it does not match as it expects."""
    found = {glob: [i for i in tree.images.values() if fnmatchcase(i.name, glob)] for glob in edit.images}
    missed = [_no_image(edit, glob, tree) for glob, images in found.items() if not images]
    if missed:
        raise InputError(*missed)
    chosen = list({image.name: image for images in found.values() for image in images}.values())
    edited, places = (
        _swap_root(edit, tree, chosen, platform)
        if isinstance(edit, RootEdit)
        else _swap_package(edit, chosen)
    )
    if drift := _drift(edit, places, (tree, platform), chosen):
        raise InputError(drift)
    return edited, places


def _swap_root(edit: RootEdit, tree: Tree, chosen: list[Image], platform: str) -> tuple[list[Image], Places]:
    in_tree = tree.naming()
    edited, places = [], []
    for image in chosen:
        reference = _root_of(image, platform)
        if not reference or in_tree(reference, image.name) or not _matches(reference, edit.source):
            continue
        spot = base_spot(image.dockerfile, dict(image.args), target=image.target, platform=platform)
        text = image.dockerfile.text[: spot.start] + edit.to + image.dockerfile.text[spot.end :]
        swapped = replace(image, dockerfile=_reparse(text, image.dockerfile))
        if _root_of(swapped, platform) != edit.to:
            hint = "a build arg in stacks.toml may override it: swap the root there, or drop the arg"
            raise InputError.of(
                f"{edit}: {image.where}:{spot.line} does not decide the root", edit.where, hint
            )
        edited.append(swapped)
        places.append((image.name, f"{image.where}:{spot.line}"))
    return edited, places


def _root_of(image: Image, platform: str) -> str:
    found = facts(image.dockerfile, dict(image.args), target=image.target, platform=platform)
    return next((use.reference for use in found.uses if use.base), "")


def _matches(reference: str, glob: str) -> bool:
    try:
        return refs.parse(reference).matches(glob)
    except ValueError:
        return False


def _swap_package(edit: PackageEdit, chosen: list[Image]) -> tuple[list[Image], Places]:
    edited, places = [], []
    for image in chosen:
        text = image.dockerfile.text
        found = matching(_requirements(image.dockerfile), edit.manager, edit.source)
        if found:
            edited.append(replace(image, dockerfile=_reparse(swap(text, found, edit.to), image.dockerfile)))
            places += [(image.name, f"{image.where}:{requirement.line}") for requirement in found]
    return edited, places


def _runs(dockerfile: Dockerfile) -> Iterable[tuple[int, int, str]]:
    """Each RUN, be it a trigger's, as it stands in the file: its offset, its first line, its text."""
    lines = dockerfile.text.split("\n")
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    for instruction in dockerfile.instructions:
        if (instruction.inner or instruction).keyword == "RUN":
            start, end = offsets[instruction.line - 1], offsets[instruction.end_line]
            yield start, instruction.line, dockerfile.text[start : end - 1]


def _requirements(dockerfile: Dockerfile) -> tuple[Requirement, ...]:
    """Every requirement of every install command, with offsets and 1-based lines of the whole file."""
    return tuple(
        replace(r, start=r.start + offset, end=r.end + offset, line=r.line + line)
        for offset, line, text in _runs(dockerfile)
        for r in find_installs(text, escape=dockerfile.escape).requirements
    )


def _reparse(text: str, before: Dockerfile) -> Dockerfile:
    return parse(text.encode("utf-8", "surrogateescape"), before.path)


def _no_image(edit: Edit, glob: str, tree: Tree) -> Problem:
    hint = nearest(glob, tree.images) or f"there are: {', '.join(sorted(tree.images)[:12])}"
    return Problem(f"{edit}: no image is called '{glob}'", edit.where, hint)


def _drift(edit: Edit, places: Places, at: tuple[Tree, str], chosen: list[Image]) -> Problem | None:
    if (edit.expect is None and places) or edit.expect == len(places):
        return None
    expected = "at least once" if edit.expect is None else _times(edit.expect)
    found = (
        "nowhere" if not places else f"{_times(len(places))}, in {', '.join(where for _, where in places)}"
    )
    return Problem(f"{edit}: expected {expected}, found {found}", edit.where, _candidates(edit, at, chosen))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _candidates(edit: Edit, at: tuple[Tree, str], chosen: list[Image]) -> str:
    """What an edit that missed may have meant, at most three places."""
    if isinstance(edit, RootEdit):
        tree, platform = at
        in_tree = tree.naming()
        roots = {
            f"{reference} in {image.where}"
            for image in chosen
            if (reference := _root_of(image, platform)) and not in_tree(reference, image.name)
        }
        return f"the roots there are: {'; '.join(sorted(roots)[:3])}" if roots else ""
    near = [
        f"{r.word} ({r.manager}{_why_not(r)}) in {image.where}:{r.line + line}"
        for image in chosen
        for _, line, text in _runs(image.dockerfile)
        for r in candidates(text, edit.manager, edit.source)
    ]
    return f"nearest: {'; '.join(near[:3])}" if near else ""


def _why_not(requirement: Requirement) -> str:
    """Why a requirement that looks right cannot be edited, or ""."""
    if not requirement.dynamic:
        return ""
    return ", written in pieces or with an address" if requirement.name else ", from a variable"
