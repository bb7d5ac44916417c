"""`[[variant]]`: the Dockerfile of another folder, with its context, for the same image."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pipeline.overlay.model import Edit, Given, Taken
from pipeline.overlay.taking import common
from pipeline.tomlfile import Table, nearest
from pipeline.tree import PLAIN_NAMES, Image, Tree, dockerfile_at, is_dockerfile


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantEdit(Edit):
    """Take the Dockerfile of a folder of the image's own, or of the tree; its name and its args stay."""

    source: str
    kind: ClassVar[str] = "variant"

    def __str__(self) -> str:
        return f"variant {self.source}"

    def hits(self, image: Image, given: Given) -> Sequence[Taken]:
        """The image with the other Dockerfile."""
        path = _path(given.tree, image, self.source)
        if not path:
            return ()
        if path == image.path:
            return (Taken(image),)
        there = next(
            (one for one in given.tree.images.values() if (one.tree, one.path) == (image.tree, path)), None
        )
        if there is None:
            source = given.tree.sources[image.tree]
            there = dockerfile_at(
                source, image, path, lambda path: given.read(image.tree, path).content or b""
            )
        calls = tuple(call for call, one in given.tree.calls() if one is there)
        own = posixpath.dirname(image.path) or "."
        context = there.context if image.context == own else image.context
        return (
            Taken(
                replace(
                    image,
                    dockerfile=there.dockerfile,
                    path=there.path,
                    context=context,
                    ignore=there.ignore,
                    target=there.target or image.target,
                    refs=tuple(dict.fromkeys((*image.refs, *calls))),
                )
            ),
        )

    def nearest(self, images: Sequence[Image], given: Given) -> str:
        """The folders with a Dockerfile that the images have."""
        found = [folder for image in images for folder in folders(given.tree, image)]
        close = nearest(self.source, [posixpath.basename(folder) for folder in found])
        return close or (f"the folders there are: {', '.join(found[:3])}" if found else "")


def folders(tree: Tree, image: Image) -> list[str]:
    """The folders below an image's own that hold a further Dockerfile, relative to the tree."""
    own = posixpath.dirname(image.path)
    found = [
        posixpath.dirname(entry.path)
        for entry in tree.sources[image.tree].entries
        if entry.kind == "file"
        and posixpath.basename(entry.path) in PLAIN_NAMES
        and own
        and entry.path.startswith(f"{own}/")
        and posixpath.dirname(entry.path) != own
    ]
    return sorted(found)


def _path(tree: Tree, image: Image, source: str) -> str:
    """The Dockerfile that is meant: in the image's own folder first, then in the tree; else ""."""
    kinds = {entry.path: entry.kind for entry in tree.sources[image.tree].entries}
    for folder in (posixpath.dirname(image.path), ""):
        path = posixpath.normpath(posixpath.join(folder, source))
        if kinds.get(path) == "file" and is_dockerfile(posixpath.basename(path)):
            return path
        for name in PLAIN_NAMES:
            if kinds.get(f"{path}/{name}") == "file":
                return f"{path}/{name}"
    return ""


def read(table: Table) -> VariantEdit:
    """`[[variant]]`."""
    source = table.need("from", 'the folder with the other Dockerfile: from = "cuda"')
    if source.startswith("/") or ".." in source.split("/"):
        table.problem(f"'{source}' must stay inside the tree", "from", 'write it like from = "cuda"')
    edit = VariantEdit(source=source, **common(table, all_images=False))
    table.close()
    return edit
