"""What overlays change, as a diff, and where they matched."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.overlay import Edit, Match
from pipeline.tree import Overlaid, Tree

# what a tree from git is called in messages: NAME@COMMIT, then its folder in the repository
_PINNED = re.compile(r"[^/]+@[0-9a-f]{12}(?:/|\Z)")
_ODD = re.compile(r'["\\\0-\x1f\x7f]|[^\0-\x7f]')
_LETTERS = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file of an image's context as it is and as it is to be; `old` is None where there is none yet.

    `path` is relative to the tree.
    """

    path: str
    old: Overlaid | None
    new: Overlaid


Changed = Mapping[str, Sequence[FileChange]]


def differences(before: Tree, after: Tree, names: Iterable[str], files: Changed | None = None) -> str:
    """What overlays change, as a diff in git's format that `git apply` and `patch -p1` take; CRLF and all.

    `files` are the changed files of images' contexts. An image that another one has taken the folder of is
    left out.
    """
    parts: dict[str, None] = {}
    for name in names:
        if name not in after.images:
            continue
        image = before.images[name]
        root = _root(before.sources[image.tree].root)
        old, new = image.dockerfile.text, after.images[name].dockerfile.text
        if old != new:
            parts["".join(_file(posixpath.join(root, image.path), old, new))] = None
        for change in (files or {}).get(name, ()):
            parts["".join(_changed(posixpath.join(root, change.path), change))] = None
    return "".join(parts)


def _root(root: str) -> str:
    """The tree's folder from where `patch` is run: here, in a tree that lies elsewhere, or in a checkout."""
    if found := _PINNED.match(root):
        return root[found.end() :]
    return "" if root.startswith(("/", "..")) else root


def _changed(path: str, change: FileChange) -> Iterator[str]:
    new = (change.new.content or b"").decode("utf-8", "surrogateescape")
    if change.old is None:
        yield from _file(path, None, new, ("", _mode(change.new)))
        return
    old = (change.old.content or b"").decode("utf-8", "surrogateescape")
    if (old, change.old.executable) != (new, change.new.executable):
        yield from _file(path, old, new, (_mode(change.old), _mode(change.new)))


def _mode(file: Overlaid) -> str:
    return "100755" if file.executable else "100644"


def _file(path: str, old: str | None, new: str, modes: tuple[str, str] = ("", "")) -> Iterator[str]:
    """One file's part of the diff."""
    path = posixpath.normpath(path)
    yield f"diff --git {_quoted(f'a/{path}')} {_quoted(f'b/{path}')}\n"
    if old is None:
        yield f"new file mode {modes[1]}\n"
    elif modes[0] != modes[1]:
        yield f"old mode {modes[0]}\nnew mode {modes[1]}\n"
    source = "/dev/null" if old is None else _heading(f"a/{path}")
    lines = difflib.unified_diff(_lines(old or ""), _lines(new), source, _heading(f"b/{path}"))
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _name(path: str) -> str:
    """A path as git writes it: in quotes, with octal bytes, where it holds something odd."""
    return _quoted(path) if _ODD.search(path) else path


def _quoted(path: str) -> str:
    """A path in quotes, where it holds something odd or blanks, which `patch` would take for its end."""
    if not _ODD.search(path) and " " not in path:
        return path
    escaped = _ODD.sub(lambda found: _LETTERS.get(found[0]) or _octal(found[0]), path)
    return f'"{escaped}"'


def _heading(path: str) -> str:
    """A path in the lines of `---` and `+++`, where a tab ends one that has blanks in it."""
    name = _name(path)
    return f"{name}\t" if " " in name and not name.startswith('"') else name


def _octal(letter: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogateescape"))


def _lines(text: str) -> list[str]:
    """Lines as patch counts them: only a newline ends one, never a form feed or U+2028."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def matches_text(matches: Iterable[Match]) -> str:
    """What each edit matched, a line each."""
    by_edit: dict[tuple[str, Edit], list[str]] = {}
    for match in matches:
        by_edit.setdefault((match.overlay, match.edit), []).append(match.where)
    return "\n".join(
        f"{overlay}: {edit}  ({len(places)} times: {', '.join(places)})"
        if len(places) > 1
        else f"{overlay}: {edit}  ({places[0]})"
        for (overlay, edit), places in by_edit.items()
    )
