"""stacks.lock: the root digests, and the refreshes, that a run is pinned to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pipeline.tomlfile import Document

FORMAT = 1
HEADER = "# written by stackbuild; commit it, so that every machine builds on the same roots\n"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Root:
    """A root image's digest, and what it stands in for ("" for the real thing)."""

    digest: str
    stand_in: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """Root images by reference as FROM names them, and by image the moment it was last taken as changed."""

    roots: Mapping[str, Root] = field(default_factory=dict)
    refreshed: Mapping[str, str] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each root."""
        return {reference: root.digest for reference, root in self.roots.items()}

    def with_roots(self, roots: Mapping[str, Root]) -> Lock:
        """The lock with these roots added or moved."""
        return replace(self, roots={**self.roots, **roots})

    def with_refreshed(self, images: Mapping[str, str]) -> Lock:
        """The lock with these images taken as changed at the moments given."""
        return replace(self, refreshed={**self.refreshed, **images})


def parse(text: str, path: str) -> Lock:
    """Check a lock file. Raises InputError with all problems at once."""
    document = Document(text, path)
    root = document.root
    if (version := root.take("format", int, FORMAT)) != FORMAT:
        root.problem(f"format {version} is not known here", "format", "a newer stackbuild wrote it: update")
    roots = {}
    for reference, table in root.tables("root"):
        pinned = table.need("digest", "run `stackbuild lock --update`")
        if pinned and not _DIGEST.match(pinned):
            table.problem(f"'{pinned}' is no digest", "digest", "run `stackbuild lock --update`")
        roots[reference] = Root(pinned, table.take("stand-in", str, ""))
        table.close()
    refreshed = dict(root.pairs("refreshed"))
    root.close("section")
    document.check()
    return Lock(roots, refreshed)


def render(lock: Lock) -> str:
    """The lock as TOML, sorted, so that a diff shows what moved."""
    lines = [HEADER, f"format = {FORMAT}"]
    for reference, root in sorted(lock.roots.items()):
        lines += ["", f"[root.{json.dumps(reference)}]", f"digest = {json.dumps(root.digest)}"]
        if root.stand_in:
            lines.append(f"stand-in = {json.dumps(root.stand_in)}")
    if lock.refreshed:
        lines += ["", "[refreshed]"]
        lines += [f"{json.dumps(name)} = {json.dumps(when)}" for name, when in sorted(lock.refreshed.items())]
    return "\n".join(lines) + "\n"
