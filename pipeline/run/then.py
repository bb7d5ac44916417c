"""The project as another revision of its git repository has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import keys
from pipeline.adapters import disk, revisions
from pipeline.adapters.disk import Digests
from pipeline.adapters.revisions import Revision
from pipeline.errors import InputError
from pipeline.keys import KeyRecord
from pipeline.lock import Lock
from pipeline.run.project import FILE, Opening, Project, View, open_project, overlay_path, view


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project is, as the command line says it, and the further overlays that were asked for."""

    file: str = ""
    tree: str = ""
    overlays: tuple[str, ...] = ()
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Then:
    """A project as it was; None where the revision does not have it, and then it has no views either.

    Its files are there for as long as the context of `at` is.
    """

    revision: Revision
    now: Project
    project: Project | None = None
    views: tuple[View, ...] = ()

    def records(self, lock: Lock) -> dict[str, dict[str, KeyRecord]]:
        """The records of each variant; `lock` is the one of now, with everything that was looked up since."""
        if self.project is None:
            return {}
        then = self.project.lock if self.project.lock_path.exists() else self.now.lock
        # what neither lock knows has the digest of now, or it would seem to have changed
        looked_up = {ref: root for ref, root in lock.digests.items() if ref not in self.now.lock.roots}
        inputs = keys.World({**looked_up, **then.digests}, then.refreshed, self.project.config.platform)
        digests = Digests(dict(self.project.folders), {})
        return {found.variant.name: keys.compute(found.graph, inputs, digests.states) for found in self.views}


@contextmanager
def at(project: Project, place: Place, name: str) -> Iterator[Then]:
    """The project at a revision, laid out in a folder of its own.

    Raises InputError for an unknown revision, and for what was wrong with the project then.
    """
    start = project.folders[project.config.trees[0].name] if place.tree else project.root
    revision = revisions.find(start, name)
    top = Path(os.path.realpath(revision.top))
    inside = _inside(project, place, top)
    with revisions.laid_out(revision) as folder:
        there = folder / inside
        if not os.path.lexists(there):
            yield Then(revision, project)
            return
        if not place.tree:
            _lend_lock(project, there.parent)
        try:
            found = _opened(project, place, there)
        except InputError as error:
            raise _relabelled(error, folder, name) from error
        yield Then(revision, project, *found)


def _inside(project: Project, place: Place, top: Path) -> Path:
    """Where in the repository the tree or the stacks.toml is; all folders of the project must be in it."""
    for tree in project.config.trees:
        if not tree.git and not _real(project.folders[tree.name]).is_relative_to(top):
            message = f"the tree '{tree.name}' lies outside the git repository '{top}'"
            raise InputError.of(message, tree.where, "what was there before is not known")
    if place.tree:
        return _real(project.folders[project.config.trees[0].name]).relative_to(top)
    return (_real(project.root) / (Path(place.file).name or FILE)).relative_to(top)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _lend_lock(project: Project, folder: Path) -> None:
    """A lock that git does not keep is the same then as now."""
    lock = project.lock_path
    if lock.exists() and not os.path.lexists(folder / lock.name):
        disk.write_text(folder / lock.name, disk.read_text(lock, lock.name))


def _opened(project: Project, place: Place, there: Path) -> tuple[Project, tuple[View, ...]]:
    how = Opening(locked=place.locked, home=str(project.root))
    file, tree = ("", str(there)) if place.tree else (str(there), "")
    then = open_project(file, tree, how)
    variants = [one for one in then.config.variants if one.name in project.config.variant_names]
    more = [name for name in place.overlays if _is_there(then, name)]
    return then, tuple(view(then, variant, more) for variant in variants)


def _is_there(then: Project, overlay: str) -> bool:
    """Whether an overlay asked for by name existed then; one that did not has edited nothing."""
    return "/" in overlay or overlay.endswith(".toml") or disk.is_file(overlay_path(then, overlay))


def _relabelled(error: InputError, folder: Path, name: str) -> InputError:
    """What was wrong then, said of the revision and not of the folder it was laid out in."""
    places = (f"{folder}/", f"{os.path.relpath(folder)}/")

    def said(text: str) -> str:
        for place in places:
            text = text.replace(place, f"{name}:")
        return text

    return InputError(
        *(
            replace(
                problem, message=said(problem.message), where=said(problem.where), hint=said(problem.hint)
            )
            for problem in error.problems
        )
    )
