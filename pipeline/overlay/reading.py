"""An overlay file, checked: every problem of it at once, each with its line."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.errors import InputError, Problem
from pipeline.overlay import append, argument, environment, files, literal, package, root, variant
from pipeline.overlay.model import Edit, Overlay, ReadFile
from pipeline.tomlfile import Document, Table

READ: dict[str, Callable[[Table], Edit]] = {
    "root": root.read,
    "package": package.read,
    "arg": argument.read,
    "env": environment.read,
    "append": append.read,
    "replace": literal.read,
    "variant": variant.read,
}
KINDS = (*READ, "file")


def read_overlay(text: str, name: str, path: str, beside: ReadFile | None = None) -> Overlay:
    """Check an overlay file; `beside` reads the files next to it. Raises InputError with all problems."""
    document = Document(text, path)
    top = document.root
    description = top.take("description", str, "")
    edits: list[Edit] = []
    for kind, read in READ.items():
        edits += [read(table) for table in top.list(kind)]
    for table in top.list("file"):
        try:
            edits.append(files.read(table, beside))
        except InputError as error:
            document.problems += error.problems
    top.close("kind of edit")
    if not edits and not document.problems:
        hint = f"add one of {', '.join(f'[[{kind}]]' for kind in KINDS)}"
        document.problems.append(Problem("the overlay edits nothing", f"{path}:1", hint))
    document.check()
    # the order of the file, so that what two edits put at one place comes in it
    edits.sort(key=lambda edit: int(edit.where.rpartition(":")[2]))
    return Overlay(name, path, tuple(edits), description)
