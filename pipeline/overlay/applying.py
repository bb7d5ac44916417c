"""Overlays put to a tree: what their edits find, all drift and all conflicts together, and the result."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import groupby

from pipeline.config import DEFAULT_PLATFORM
from pipeline.dockerfile import parse
from pipeline.errors import InputError, Problem
from pipeline.overlay.conflicts import conflicts
from pipeline.overlay.files import FileEdit
from pipeline.overlay.model import Change, Edit, Given, Hit, Laid, Match, Overlay, ReadFile, Taken
from pipeline.overlay.texts import decoded, encoded
from pipeline.overlay.variant import VariantEdit
from pipeline.tomlfile import among
from pipeline.tree import Image, Overlaid, Tree


@dataclass(frozen=True, slots=True)
class Found:
    """One hit of an edit in an image."""

    overlay: Overlay
    edit: Edit
    image: Image
    hit: Hit

    def match(self) -> Match:
        """The place, for people."""
        hit, where = self.hit, self.image.where
        if isinstance(hit, Taken):
            where = hit.image.where
        elif isinstance(hit, Laid):
            where = f"{hit.path} of {self.image.name}'s context"
        elif hit.path:
            where = f"{hit.path}:{hit.line} of {self.image.name}'s context"
        else:
            where = f"{where}:{hit.line}"
        return Match(self.overlay.name, self.edit, self.image.name, where)


def unreadable(tree: str, path: str) -> Overlaid:
    """What reads files where there is no disk."""
    raise InputError.of("cannot be read here", f"{tree}/{path}")


def apply(
    overlays: Iterable[Overlay],
    tree: Tree,
    *,
    platform: str = DEFAULT_PLATFORM,
    read: ReadFile = unreadable,
) -> tuple[Tree, tuple[Match, ...]]:
    """The tree with all edits made, and where. The tree that came in is left as it was.

    Every edit sees the tree as it is upstream, save that other Dockerfiles are taken first: so the order of
    overlays does not matter, nor that of edits, save where several of one overlay add at the same place.
    Raises InputError with every edit that matches less or more than it expects, and every two at odds.
    """
    chosen = list(overlays)
    problems = _twice(chosen)
    given = Given.of(tree, platform, read)
    taken = list(_find(chosen, given, problems, variants=True))
    problems += conflicts([(one.overlay, one.edit, one.image, one.hit) for one in taken])
    moved = _with_taken(tree, taken)
    given = given if moved is tree else Given.of(moved, platform, read)
    found = list(_find(chosen, given, problems, variants=False))
    problems += conflicts([(one.overlay, one.edit, one.image, one.hit) for one in found])
    if problems:
        raise InputError(*dict.fromkeys(problems))
    edited = []
    for name, mine in _by_image(found).items():
        try:
            image = _edited(moved.images[name], mine, given)
        except InputError as error:
            problems += [_blamed(problem, [one.edit for one in mine]) for problem in error.problems]
            continue
        if image is not moved.images[name]:
            edited.append(image)
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return moved.with_images(edited) if edited else moved, tuple(one.match() for one in (*taken, *found))


def blamed(problems: Iterable[Problem], tree: Tree, matches: Iterable[Match]) -> list[Problem]:
    """The problems of a tree after its edits; the line that one names is that of the edited Dockerfile."""
    edits: dict[str, list[Edit]] = {}
    for match in matches:
        if not isinstance(match.edit, VariantEdit | FileEdit):
            edits.setdefault(tree.images[match.image].where, []).append(match.edit)
    return [
        _blamed(problem, edits[place]) if (place := problem.where.rpartition(":")[0]) in edits else problem
        for problem in problems
    ]


def _blamed(problem: Problem, edits: Iterable[Edit]) -> Problem:
    places = ", ".join(dict.fromkeys(edit.where for edit in edits))
    hint = f"{problem.hint}; " if problem.hint else ""
    return replace(problem, hint=f"{hint}the file is as {places} left it")


def _twice(overlays: Sequence[Overlay]) -> list[Problem]:
    places = [overlay.where for overlay in overlays]
    return [
        Problem(
            f"the overlay '{overlay.name}' is given twice", overlay.where, "once is enough: leave one out"
        )
        for at, overlay in enumerate(overlays)
        if overlay.where in places[:at]
    ]


def _find(
    overlays: Sequence[Overlay], given: Given, problems: list[Problem], *, variants: bool
) -> Iterator[Found]:
    """What edits find in their images; drift, and what else keeps them from it, joins the problems."""
    for overlay in dict.fromkeys(overlays):
        for edit in overlay.edits:
            if isinstance(edit, VariantEdit) is not variants:
                continue
            try:
                yield from _found_by(overlay, edit, given)
            except InputError as error:
                problems += error.problems


def _found_by(overlay: Overlay, edit: Edit, given: Given) -> list[Found]:
    images = given.tree.images
    chosen = {glob: [one for one in images.values() if fnmatchcase(one.name, glob)] for glob in edit.images}
    if missed := [_no_image(edit, glob, given.tree) for glob, found in chosen.items() if not found]:
        raise InputError(*missed)
    named = list({image.name: image for found in chosen.values() for image in found}.values())
    hits: list[Found] = []
    problems: list[Problem] = []
    for image in named:
        try:
            hits += [Found(overlay, edit, image, hit) for hit in edit.hits(image, given)]
        except InputError as error:
            problems += error.problems
    if not problems and not edit.expect.allows(len(hits)):
        problems.append(_drift(edit, hits, edit.nearest(named, given)))
    if problems:
        raise InputError(*problems)
    return hits


def _no_image(edit: Edit, glob: str, tree: Tree) -> Problem:
    hint = among(glob, tree.images)
    return Problem(f"{edit}: no image is called '{glob}'", edit.where, hint)


def _drift(edit: Edit, hits: Sequence[Found], hint: str) -> Problem:
    places = ", ".join(hit.match().where for hit in hits)
    count = "once" if len(hits) == 1 else f"{len(hits)} times"
    found = f"found {count}, in {places}" if hits else "found nowhere"
    return Problem(f"{edit}: expected {edit.expect}, {found}", edit.where, hint)


def _with_taken(tree: Tree, taken: Sequence[Found]) -> Tree:
    """The tree with other Dockerfiles in place; an image that was one of these is none of its own then."""
    images = {one.image.name: one.hit.image for one in taken if isinstance(one.hit, Taken)}
    changed = {name: image for name, image in images.items() if image is not tree.images[name]}
    if not changed:
        return tree
    moved = {(image.tree, image.path) for image in changed.values()}
    kept = {
        name: image
        for name, image in tree.images.items()
        if name in changed or (image.tree, image.path) not in moved
    }
    return replace(tree, images=kept).with_images(changed.values())


def _by_image(found: Sequence[Found]) -> Mapping[str, list[Found]]:
    by: dict[str, list[Found]] = {}
    for one in found:
        by.setdefault(one.image.name, []).append(one)
    return by


def _edited(image: Image, found: Sequence[Found], given: Given) -> Image:
    """An image with all its changes made; itself where they change nothing."""
    overlaid = dict(image.overlaid)
    by_file: dict[str, list[Change]] = {}
    for one in found:
        if isinstance(one.hit, Laid):
            overlaid[one.hit.path] = one.hit.file
        elif isinstance(one.hit, Change):
            by_file.setdefault(one.hit.path, []).append(one.hit)
    text = image.dockerfile.text
    new_text = _spliced(text, by_file.pop("", []))
    for path, changes in by_file.items():
        before = given.file(image, path)
        content = encoded(_spliced(decoded(before.content or b""), changes))
        if content != before.content:
            overlaid[path] = replace(before, content=content)
    if text == new_text and overlaid == dict(image.overlaid):
        return image
    there = {entry.path for entry in given.tree.context(image)}
    for path in list(overlaid):
        folder = path
        while (folder := posixpath.dirname(folder)) and folder not in there:
            overlaid[folder] = Overlaid(None)
    dockerfile = image.dockerfile
    if text != new_text:
        dockerfile = parse(encoded(new_text), dockerfile.path)
    return given.tree.with_ignore(replace(image, dockerfile=dockerfile, overlaid=overlaid))


def _spliced(text: str, changes: Sequence[Change]) -> str:
    """The text with its changes; what stands right before a place already is not added there again."""
    pieces: list[str] = []
    at = 0
    for (start, end), group in groupby(sorted(changes, key=_place), key=lambda one: (one.start, one.end)):
        new = "".join(change.text for change in group)
        if start == end and text[:start].endswith(new):
            new = ""
        pieces += text[at:start], new
        at = end
    return "".join([*pieces, text[at:]])


def _place(change: Change) -> tuple[int, int, bool]:
    """Where a change comes; of what is added at one place, variables come first."""
    return change.start, change.end, not change.text.lstrip().startswith("ENV ")


def unread(matches: Iterable[Match], files: Mapping[str, frozenset[str]]) -> list[Problem]:
    """The files that overlays add and no instruction reads; `files` are those that each image can read."""
    return [
        Problem(
            f"{match.edit}: no instruction of '{match.image}' reads it",
            match.edit.where,
            "add the COPY with [[append]]; or .dockerignore leaves it out",
        )
        for match in matches
        if isinstance(match.edit, FileEdit)
        and match.edit.expect.least
        and match.edit.path not in files[match.image]
        and not match.edit.path.endswith(".dockerignore")
    ]
