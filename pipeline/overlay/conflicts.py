"""Which edits are at odds: two that change the same place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from pipeline.errors import Problem
from pipeline.overlay.environment import EnvEdit
from pipeline.overlay.model import Change, Edit, Hit, Laid, Overlay, Taken
from pipeline.tree import Image

Placed = tuple[Overlay, Edit, Image, Hit]

HINT = "leave one of them out, or make one edit of them"


def conflicts(found: Sequence[Placed]) -> list[Problem]:
    """A problem for every two edits at one place, at the later one's line."""
    by_image: dict[str, list[Placed]] = {}
    for one in found:
        by_image.setdefault(one[2].name, []).append(one)
    return [problem for placed in by_image.values() for problem in _in_image(placed)]


def _in_image(placed: Sequence[Placed]) -> Iterator[Problem]:
    taken = [one for one in placed if isinstance(one[3], Taken)]
    for first, second in pairwise(taken):
        yield _problem(first, second, first[2].where)
    changes: dict[str, list[tuple[Change, Placed]]] = {}
    laid: dict[str, Placed] = {}
    for one in placed:
        hit = one[3]
        if isinstance(hit, Change):
            changes.setdefault(hit.path, []).append((hit, one))
        elif isinstance(hit, Laid):
            for path, other in laid.items():
                if (
                    path == hit.path
                    or f"{path}/".startswith(f"{hit.path}/")
                    or hit.path.startswith(f"{path}/")
                ):
                    yield _problem(other, one, f"{hit.path} of {one[2].name}'s context")
            laid[hit.path] = one
    for path, both in changes.items():
        yield from _in_text(path, both)
        yield from _set_twice(both)
        if path in laid:
            yield _problem(both[0][1], laid[path], f"{path} of {laid[path][2].name}'s context")


def _in_text(path: str, changes: list[tuple[Change, Placed]]) -> Iterator[Problem]:
    """Two changes that overlap, or two overlays that add at one place, in which order nobody knows."""
    ordered = sorted(changes, key=lambda pair: (pair[0].start, pair[0].end))
    widest = ordered[0] if ordered else None
    for change, placed in ordered[1:]:
        assert widest is not None
        other, other_placed = widest
        overlap = change.start < other.end or (change.start, change.end) == (other.start, other.end)
        added = change.start == change.end == other.start == other.end
        if overlap and not (added and placed[0] is other_placed[0]):
            image = placed[2]
            where = (
                f"{path}:{change.line} of {image.name}'s context" if path else f"{image.where}:{change.line}"
            )
            yield _problem(other_placed, placed, where)
        if change.end >= other.end:
            widest = (change, placed)


def _set_twice(changes: list[tuple[Change, Placed]]) -> Iterator[Problem]:
    """Two edits of one overlay that add one variable at one place: the first would count for nothing."""
    added: dict[tuple[int, str], Placed] = {}
    for change, placed in changes:
        edit = placed[1]
        if isinstance(edit, EnvEdit) and change.start == change.end:
            first = added.setdefault((change.start, edit.name), placed)
            if first is not placed and first[0] is placed[0]:
                yield _problem(first, placed, f"{placed[2].where}:{change.line}")


def _problem(one: Placed, other: Placed, where: str) -> Problem:
    first, second = sorted((one[1], other[1]), key=lambda edit: _place(edit.where))
    message = f"{second}: edits {where}, and so does {first} at {first.where}"
    return Problem(message, second.where, HINT)


def _place(where: str) -> tuple[str, int]:
    file, _, line = where.rpartition(":")
    return file, int(line)
