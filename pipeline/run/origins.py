"""Where each tree comes from, asked of git once and only when something is built."""

from __future__ import annotations

import threading

from pipeline.adapters import gitrepo
from pipeline.labels import Origin
from pipeline.run.project import Project, address


class Origins:
    """The origin of each tree of a project, for builds in several threads."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, Origin] = {}
        self._lock = threading.Lock()

    def of(self, tree: str) -> Origin:
        """The origin of a tree."""
        with self._lock:
            if tree not in self._known:
                self._known[tree] = self._look(tree)
            return self._known[tree]

    def _look(self, tree: str) -> Origin:
        if pin := self._project.pins.get(tree):
            declared = next(one for one in self._project.config.trees if one.name == tree)
            at = gitrepo.committed_at(address(declared, self._project.root), pin.commit)
            return Origin(gitrepo.without_secrets(pin.git), pin.commit, at)
        found = gitrepo.describe(self._project.folders[tree])
        if found is None:
            return Origin()
        return Origin(found.remote, f"{found.commit}-dirty" if found.dirty else found.commit, found.at)
