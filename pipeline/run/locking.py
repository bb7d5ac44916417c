"""`lock`: the pins of trees and roots, looked up and written."""

from __future__ import annotations

import dataclasses

from pipeline import lock as locking
from pipeline.adapters import disk
from pipeline.adapters.engine import Engine
from pipeline.lock import Lock
from pipeline.run.decide import resolve_roots, roots_of
from pipeline.run.project import open_project, views


def run_lock(file: str, tree: str, *, update: bool, write: bool) -> dict[str, tuple[str, str]]:
    """Pin the trees and roots of all variants; gives what moved, each with its old and new pin."""
    project = open_project(file, tree, update=update)
    wanted = roots_of(views(project, ()))
    old = project.lock
    look = {ref: where for ref, where in wanted.items() if update or ref not in old.roots}
    found = resolve_roots(look, Engine()) if look else {}
    kept = {reference: root for reference, root in old.roots.items() if reference in wanted}
    new = dataclasses.replace(old, trees=dict(project.pins), roots={**kept, **found})
    if write and new != old:
        disk.write_text(project.lock_path, locking.render(new))
    before, after = _pins(old), _pins(new)
    return {name: (before.get(name, ""), pin) for name, pin in after.items() if before.get(name) != pin}


def _pins(lock: Lock) -> dict[str, str]:
    return {**{f"tree {name}": pin.commit for name, pin in lock.trees.items()}, **lock.digests}
