"""What overlays change, as a diff, and where they matched."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pipeline.overlay import Match
from pipeline.tree import Tree


def differences(before: Tree, after: Tree, names: Iterable[str]) -> str:
    """What overlays change, as a unified diff that `git apply` and `patch -p1` take; CRLF and all."""
    parts = []
    for name in names:
        old, new = before.images[name].dockerfile, after.images[name].dockerfile
        if old.text == new.text:
            continue
        path = _diff_path(before, name)
        lines = difflib.unified_diff(_lines(old.text), _lines(new.text), f"a/{path}", f"b/{path}")
        parts.append(f"diff --git a/{path} b/{path}\n")
        parts += (
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )
    return "".join(parts)


def _diff_path(tree: Tree, name: str) -> str:
    """The Dockerfile's path from where `patch` is run: here, or in a tree that lies elsewhere."""
    image = tree.images[name]
    root = tree.sources[image.tree].root
    return image.path if root.startswith(("/", "..")) else image.dockerfile.path


def _lines(text: str) -> list[str]:
    """Lines as patch counts them: only a newline ends one, never a form feed or U+2028."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def matches_text(matches: Iterable[Match]) -> str:
    """What each edit matched, a line each."""
    return "\n".join(f"{match.overlay}: {match.edit}  ({match.where})" for match in matches)
