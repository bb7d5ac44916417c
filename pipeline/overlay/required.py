"""The requirement files of a context that install commands read."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from pipeline.dockerfile import facts
from pipeline.ignore import select
from pipeline.installs import RequirementFile, find_includes, find_installs
from pipeline.overlay.model import Given
from pipeline.overlay.texts import decoded, instructions, span
from pipeline.tree import Image


def files(image: Image, given: Given, manager: str, stage: str) -> Iterator[tuple[str, str]]:
    """The path in the context, and the text, of every file of this manager's requirements.

    An install command names a file by its path in the image, where a COPY or a mount puts it: it is one of
    those that the build reads, the one whose path ends most like it. What it includes with `-r` counts too.
    """
    wanted = [found.path for found in _named(image, stage) if found.manager == manager]
    if not wanted:
        return
    readable = _readable(image, given)
    waiting = sorted({path for name in wanted for path in _fitting(name, readable)})
    seen: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        text = decoded(given.file(image, path).content or b"")
        yield path, text
        folder = posixpath.dirname(path)
        for included in find_includes(text) if manager == "pip" else ():
            inner = posixpath.normpath(posixpath.join(folder, included.path))
            if inner in readable:
                waiting.append(inner)


def _named(image: Image, stage: str) -> Iterator[RequirementFile]:
    dockerfile = image.dockerfile
    for instruction in instructions(image, stage):
        if (instruction.inner or instruction).keyword == "RUN":
            start, end = span(dockerfile, instruction)
            yield from find_installs(dockerfile.text[start:end], escape=dockerfile.escape).files


def _readable(image: Image, given: Given) -> list[str]:
    """The files of the context that the build can read."""
    reads = facts(image.dockerfile, dict(image.args), target=image.target, platform=given.platform).reads
    entries = given.tree.context(image)
    plain = {entry.path for entry in entries if entry.kind == "file"}
    return [path for path in select(entries, reads, image.ignore, path=image.where) if path in plain]


def _fitting(name: str, readable: list[str]) -> list[str]:
    """The files whose paths have the most last parts in common with a name: at least the file's own."""
    parts = [part for part in name.split("/") if part not in {"", ".", ".."}]

    def common(path: str) -> int:
        count = 0
        for mine, other in zip(reversed(path.split("/")), reversed(parts), strict=False):
            if mine != other:
                break
            count += 1
        return count

    best = max(map(common, readable), default=0)
    return [path for path in readable if best and common(path) == best]
