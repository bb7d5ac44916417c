"""`[[file]]`: a file put into an image's context, or in the place of one that is there."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.errors import InputError
from pipeline.overlay.model import Edit, Given, Laid, ReadFile
from pipeline.overlay.taking import common
from pipeline.overlay.texts import encoded
from pipeline.tomlfile import Table, nearest
from pipeline.tree import Image, Overlaid


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdit(Edit):
    """Put a file into the context; with `replace` one that must be there, else one that must not."""

    path: str
    content: bytes
    executable: bool = False
    replace: bool = False
    kind: ClassVar[str] = "file"

    def __str__(self) -> str:
        return f"file {self.path}"

    def hits(self, image: Image, given: Given) -> Sequence[Laid]:
        """The file in the image's context."""
        kinds = {entry.path: entry.kind for entry in given.tree.context(image)}
        own = posixpath.relpath(image.path, image.context or ".")
        if self.path == own:
            hint = "the other kinds of edits are for that; [[variant]] takes a whole other one"
            raise InputError.of(f"{self}: this is the Dockerfile of '{image.name}'", self.where, hint)
        folder = self.path
        while folder := posixpath.dirname(folder):
            if kinds.get(folder, "dir") != "dir":
                raise InputError.of(f"{self}: '{folder}' is no folder in {image.where}'s context", self.where)
        kind = kinds.get(self.path, "")
        laid = Laid(self.path, Overlaid(self.content, self.executable))
        if kind not in {"", "file"}:
            raise InputError.of(f"{self}: a {kind} lies there in {image.where}'s context", self.where)
        if bool(kind) == self.replace:
            return (laid,)
        if kind and laid.file == given.file(image, self.path):
            return (laid,)
        return ()

    def nearest(self, images: Sequence[Image], given: Given) -> str:
        """That it is there already, or what is there in its place."""
        if not self.replace:
            places = ", ".join(image.name for image in images[:3])
            return f"upstream has such a file ({places}): replace = true takes its place"
        paths = {
            entry.path for image in images for entry in given.tree.context(image) if entry.kind == "file"
        }
        hint = nearest(self.path, paths)
        return hint or "there is no such file: without 'replace' one is added"


def read(table: Table, beside: ReadFile | None) -> FileEdit:
    """`[[file]]`; raises InputError where its `source` cannot be read."""
    path = table.need("path", 'where in the context it lies: path = "etc/pip.conf"')
    if path and (path != posixpath.normpath(path) or path.startswith(("/", "../")) or path in {".", ".."}):
        table.problem(f"'{path}' must stay inside the context", "path", "write it like etc/pip.conf")
    if not path.isprintable():
        table.problem("'path' holds what cannot be shown", "path")
    source = table.take("source", str, "")
    content = _encoded(table)
    if table.has("source") == table.has("content"):
        table.problem(
            "either 'content' or 'source' must say what is in it",
            hint='source = "pip.conf" is a file beside the overlay',
        )
    executable = table.take("executable", bool, False)
    edit = FileEdit(
        path=path,
        content=_source(table, source, beside) if source else content,
        executable=executable,
        replace=table.take("replace", bool, False),
        **common(table, all_images=False),
    )
    table.close()
    return edit


def _encoded(table: Table) -> bytes:
    return encoded(table.take("content", str, ""))


def _source(table: Table, source: str, beside: ReadFile | None) -> bytes:
    if source.startswith("/") or ".." in source.split("/"):
        table.problem(f"'{source}' must lie beside the overlay or below", "source")
        return b""
    if beside is None:
        table.problem(f"'{source}' cannot be read here", "source", "give its 'content'")
        return b""
    try:
        return beside("", source).content or b""
    except InputError as error:
        table.problem(f"'{source}' {error.problems[0].message}", "source")
        return b""
