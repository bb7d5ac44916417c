"""Overlays as values: edits, how often each must match, and the places where they do."""

from __future__ import annotations

import posixpath
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.naming import Find
from pipeline.tree import Image, Overlaid, Tree

# (tree, path below the tree's folder) → the file as it is now; raises InputError
ReadFile = Callable[[str, str], Overlaid]


@dataclass(frozen=True, slots=True)
class Expect:
    """How often an edit must match; with `most` None as often as it likes."""

    least: int
    most: int | None

    def allows(self, count: int) -> bool:
        """Whether an edit may match so often."""
        return count >= self.least and (self.most is None or count <= self.most)

    def __str__(self) -> str:
        if self.most is None:
            return "at least once" if self.least else "any number of times"
        return "once" if self.most == 1 else f"{self.most} times"


AT_LEAST_ONCE = Expect(1, None)
ANY = Expect(0, None)


@dataclass(frozen=True, slots=True)
class Given:
    """What edits see: the tree as it is upstream, the platform in use, how its files are read.

    `find` says which image of the tree a reference means, or "".
    """

    tree: Tree
    platform: str
    read: ReadFile
    find: Find

    @staticmethod
    def of(tree: Tree, platform: str, read: ReadFile) -> Given:
        """What edits see of a tree."""
        return Given(tree, platform, read, tree.naming())

    def file(self, image: Image, path: str) -> Overlaid:
        """A file of an image's context. Raises InputError."""
        if path in image.overlaid:
            return image.overlaid[path]
        return self.read(image.tree, posixpath.normpath(f"{image.context}/{path}"))


@dataclass(frozen=True, slots=True)
class Change:
    """`text` in place of `start:end` of the Dockerfile, or with `path` of that file of the context.

    `line` is the first one that it touches, from 1. Where nothing has to change, the text is what is there.
    """

    start: int
    end: int
    text: str
    line: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class Laid:
    """A whole file put into the context at `path`."""

    path: str
    file: Overlaid


@dataclass(frozen=True, slots=True)
class Taken:
    """Another Dockerfile, with its context, in place of the image's own."""

    image: Image


Hit = Change | Laid | Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit(ABC):
    """One edit: the images it is for, as globs on their names, and how often it must match in them all."""

    where: str
    images: tuple[str, ...] = ("*",)
    expect: Expect = AT_LEAST_ONCE
    kind: ClassVar[str]

    @abstractmethod
    def hits(self, image: Image, given: Given) -> Sequence[Hit]:
        """Where it matches in an image, in the order of the text. Raises InputError."""

    def nearest(self, images: Sequence[Image], given: Given) -> str:
        """What it may have meant where it missed, or ""."""
        del images, given
        return ""


@dataclass(frozen=True, slots=True)
class Overlay:
    """One file of `overlays/`."""

    name: str
    where: str
    edits: tuple[Edit, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """One place where an edit matched: the image, and the line of its Dockerfile or the file."""

    overlay: str
    edit: Edit
    image: str
    where: str
