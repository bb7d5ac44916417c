"""Stacks as on paper (`base > scipy, scipy > tensorflow`), made in memory through the real scan."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from pipeline import keys
from pipeline.config import TreeConfig
from pipeline.graph import Graph, derive
from pipeline.ignore import Entry
from pipeline.keys import FileState, KeyRecord, World
from pipeline.plan import Known
from pipeline.tree import Tree, merge, scan

PLATFORM = "linux/amd64"
ROOT = "debian:bookworm"
PIN = "sha256:" + "0" * 64


def entries_of(paths: Sequence[str]) -> tuple[Entry, ...]:
    """The entries of a folder that holds these files; `path -> target` is a link."""
    found = {}
    for written in paths:
        path, arrow, target = written.partition(" -> ")
        found[path] = Entry(path, "link" if arrow else "file", target)
        while path := posixpath.dirname(path):
            found[path] = Entry(path, "dir", "")
    return tuple(sorted(found.values(), key=lambda entry: entry.path))


def tree_of(files: Mapping[str, str | bytes], **settings: Any) -> Tree:
    """A tree in the folder `images` out of files by path; `settings` are those of `[tree.notebooks]`."""
    declared = TreeConfig(**{"name": "notebooks", "where": "stacks.toml:1", "path": "images", **settings})

    def read(path: str) -> bytes:
        data = files[path]
        return data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape")

    return merge([scan(declared, entries_of(tuple(files)), read)])


def files_of(arrows: str) -> dict[str, str]:
    """The files of a stack: what stands left of `>` is the parent, or a root if it has a colon.

    The first parent is the one that FROM names, the others are copied from. Each image copies a file `setup`.
    """
    parents: dict[str, list[str]] = {}
    for chain in arrows.split(","):
        names = [name.strip() for name in chain.split(">")]
        for name in names:
            if ":" not in name:
                parents.setdefault(name, [])
        for above, name in pairwise(names):
            parents[name].append(above)
    files = {}
    for name, parent_names in parents.items():
        base, *more = parent_names or [ROOT]
        lines = [f"FROM {base}", "COPY setup /", *(f"COPY --from={other} /setup /{other}" for other in more)]
        files[f"{name}/Dockerfile"] = "\n".join([*lines, ""])
        files[f"{name}/setup"] = ""
    return files


@cache
def stack(arrows: str) -> Tree:
    """The tree that the arrows draw."""
    return tree_of(files_of(arrows))


@cache
def graph(arrows: str) -> Graph:
    """The graph that the arrows draw."""
    return derive(stack(arrows), PLATFORM)


def graph_of(files: Mapping[str, str | bytes], **settings: Any) -> Graph:
    """The graph of a tree of these files."""
    return derive(tree_of(files, **settings), PLATFORM)


def records(
    of: Graph,
    touched: Mapping[str, str] | None = None,
    refreshed: Mapping[str, str] | None = None,
    pins: Mapping[str, str] | None = None,
) -> dict[str, KeyRecord]:
    """Every image's record; `touched` gives the content of all files of an image ("" for the others)."""
    contents = touched or {}

    def states(tree: str, context: str, paths: Sequence[str]) -> tuple[FileState, ...]:
        del tree
        return tuple(FileState(path, "file", contents.get(context, "")) for path in paths)

    pinned = {reference: PIN for node in of for reference in node.roots}
    return keys.compute(of, World({**pinned, **(pins or {})}, refreshed or {}, PLATFORM), states)


def after_building(found: Mapping[str, KeyRecord], *names: str) -> Known:
    """What is known once these images (none: all) have been built from these records."""
    built = {name: found[name] for name in names or found}
    return Known(engine=frozenset(record.key for record in built.values()), last=built)


def keys_of(found: Mapping[str, KeyRecord], *names: str) -> frozenset[str]:
    """The keys of these images (none: all)."""
    return frozenset(found[name].key for name in names or found)


@st.composite
def stacks(draw: st.DrawFn, most: int = 7) -> str:
    """Any stack of a few images, as arrows."""
    names = "abcdefghij"[: draw(st.integers(1, most))]
    arrows = [names[0]]
    for number, name in enumerate(names[1:], 1):
        above = draw(st.lists(st.sampled_from(names[:number]), max_size=3, unique=True))
        arrows += [f"{parent} > {name}" for parent in above] or [name]
    return ", ".join(arrows)


def subsets(of: Graph, least: int = 0) -> st.SearchStrategy[frozenset[str]]:
    """Any of a graph's images, at least so many."""
    return st.frozensets(st.sampled_from(of.order), min_size=least)
