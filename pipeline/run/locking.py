"""`lock`: the pins of trees and roots, looked up and written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from pipeline import lock as locking
from pipeline.adapters import disk
from pipeline.adapters.engine import Engine
from pipeline.errors import InputError, Problem
from pipeline.lock import Move, Root
from pipeline.run.decide import resolve_roots, roots_of
from pipeline.run.project import Opening, Project, open_project, views
from pipeline.tomlfile import nearest

EVERYTHING = ("*",)


def run_lock(file: str, tree: str, update: tuple[str, ...], *, check: bool) -> tuple[Move, ...]:
    """Pin the trees and roots of all variants, and forget what is used no more; gives what moved.

    `update` are globs for what is looked up anew. With `check` nothing is written, and what has no pin yet is
    not looked up either.
    """
    project = open_project(file, tree, Opening(update))
    wanted = roots_of(views(project, ()))
    _check_names(update, project, wanted)
    old = project.lock
    moving = {ref: where for ref, where in wanted.items() if _matches(ref, update)}
    absent = {ref: where for ref, where in wanted.items() if ref not in old.roots and ref not in moving}
    found = dict.fromkeys(absent, Root("")) if check else {}
    look = moving if check else moving | absent
    # commits alone need no engine
    found |= resolve_roots(look, Engine()) if look else {}
    kept = {reference: root for reference, root in old.roots.items() if reference in wanted}
    new = dataclasses.replace(
        old,
        trees=dict(project.pins),
        roots={**kept, **found},
        refreshed={image: when for image, when in old.refreshed.items() if image in project.tree.images},
    )
    if not check and (new != old or not project.lock_path.exists()):
        disk.write_text(project.lock_path, locking.render(new))
    return locking.moves(old, new)


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(name == glob or fnmatchcase(name, glob) for glob in globs)


def _check_names(globs: Iterable[str], project: Project, wanted: Mapping[str, str]) -> None:
    names = [*wanted, *project.pins]
    problems = [
        Problem(
            f"no root image and no tree from git is called '{glob}'",
            hint=nearest(glob, names) or (f"there are: {', '.join(sorted(names))}" if names else ""),
        )
        for glob in globs
        if glob not in EVERYTHING and not any(_matches(name, [glob]) for name in names)
    ]
    if problems:
        raise InputError(*problems)
