"""stacks.lock: the commits of trees, the digests of roots and the refreshes that a run is pinned to."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from pipeline import refs
from pipeline.errors import InputError
from pipeline.tomlfile import Document

FORMAT = 1
HEADER = "# written by stackbuild; commit it, so that every machine builds on the same roots\n"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_ANEW = "restore it from git, or remove it: `stackbuild lock` writes a new one"
_AGAIN = "remove this section: `stackbuild lock` looks it up again"


@dataclass(frozen=True, slots=True)
class Root:
    """A root image's digest, and what it stands in for ("" for the real thing)."""

    digest: str
    stand_in: str = ""


@dataclass(frozen=True, slots=True)
class Pin:
    """The commit that a tree's ref stood for, in the repository of this address."""

    git: str
    ref: str
    commit: str


@dataclass(frozen=True, slots=True)
class Lock:
    """Trees by name, roots by reference as FROM names them, and when images were last taken as changed."""

    trees: Mapping[str, Pin] = field(default_factory=dict)
    roots: Mapping[str, Root] = field(default_factory=dict)
    refreshed: Mapping[str, str] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each root."""
        return {reference: root.digest for reference, root in self.roots.items()}

    def with_roots(self, roots: Mapping[str, Root]) -> Lock:
        """The lock with these roots added or moved."""
        return replace(self, roots={**self.roots, **roots})

    def with_trees(self, trees: Mapping[str, Pin]) -> Lock:
        """The lock with these trees pinned, and no others."""
        return replace(self, trees=dict(trees))

    def with_refreshed(self, images: Mapping[str, str]) -> Lock:
        """The lock with these images taken as changed at the moments given."""
        return replace(self, refreshed={**self.refreshed, **images})


@dataclass(frozen=True, slots=True)
class Move:
    """One pin that two locks differ in; None stands for no pin, and "" for one that nobody has looked up.

    `kind` is "tree", "root" or "refreshed".
    """

    kind: str
    name: str
    old: str | None
    new: str | None


def moves(old: Lock, new: Lock) -> tuple[Move, ...]:
    """All that two locks differ in, sorted."""
    before, after = _pins(old), _pins(new)
    return tuple(
        Move(*pin, before.get(pin), after.get(pin))
        for pin in sorted(before.keys() | after.keys())
        if before.get(pin) != after.get(pin)
    )


def fits(lock: Lock, roots: Collection[str], trees: Mapping[str, Pin]) -> bool:
    """Whether a lock pins anything of what is used; one without pins fits everything."""
    pins = [reference in roots for reference in lock.roots]
    pins += [trees.get(name) == pin for name, pin in lock.trees.items()]
    return any(pins) or not pins


def _pins(lock: Lock) -> dict[tuple[str, str], str]:
    return {
        **{
            ("tree", name): f"{pin.commit} ({pin.ref or 'HEAD'} of {pin.git})"
            for name, pin in lock.trees.items()
        },
        **{
            ("root", name): f"{root.digest} (stands in: {root.stand_in})" if root.stand_in else root.digest
            for name, root in lock.roots.items()
        },
        **{("refreshed", name): when for name, when in lock.refreshed.items()},
    }


def parse(text: str, path: str) -> Lock:
    """Check a lock file. Raises InputError with all problems at once."""
    if conflict := next((n for n, line in enumerate(text.split("\n"), 1) if line.startswith("<<<<<<< ")), 0):
        hint = "keep the lines of one side, then run `stackbuild lock`"
        raise InputError.of("is in the middle of a merge", f"{path}:{conflict}", hint)
    try:
        document = Document(text, path)
    except InputError as error:
        raise InputError(*(replace(problem, hint=_ANEW) for problem in error.problems)) from error
    root = document.root
    if (version := root.take("format", int, FORMAT)) != FORMAT:
        root.problem(f"format {version} is not known here", "format", "a newer stackbuild wrote it: update")
    trees = {}
    for name, table in root.tables("tree"):
        trees[name] = Pin(table.need("git"), table.take("ref", str, ""), table.need("commit"))
        if trees[name].commit and not _COMMIT.match(trees[name].commit):
            table.problem(f"'{trees[name].commit}' is no commit", "commit", _AGAIN)
        table.close()
    roots = {}
    for reference, table in root.tables("root"):
        pinned = table.need("digest", _AGAIN)
        if pinned and not _DIGEST.match(pinned):
            table.problem(f"'{pinned}' is no digest", "digest", _AGAIN)
        try:
            refs.parse(reference)
        except ValueError as error:
            table.problem(f"'{reference}' {error}", hint=_AGAIN)
        roots[reference] = Root(pinned, table.take("stand-in", str, ""))
        table.close()
    refreshed = dict(root.pairs("refreshed"))
    root.close("section")
    document.check()
    return Lock(trees, roots, refreshed)


def render(lock: Lock) -> str:
    """The lock as TOML, sorted, so that a diff shows what moved."""
    lines = [HEADER, f"format = {FORMAT}"]
    for name, pin in sorted(lock.trees.items()):
        lines += ["", f"[tree.{_quoted(name)}]", f"git = {_quoted(pin.git)}"]
        lines += [f"ref = {_quoted(pin.ref)}"] if pin.ref else []
        lines.append(f"commit = {_quoted(pin.commit)}")
    for reference, root in sorted(lock.roots.items()):
        lines += ["", f"[root.{_quoted(reference)}]", f"digest = {_quoted(root.digest)}"]
        if root.stand_in:
            lines.append(f"stand-in = {_quoted(root.stand_in)}")
    if lock.refreshed:
        lines += ["", "[refreshed]"]
        lines += [f"{_quoted(name)} = {_quoted(when)}" for name, when in sorted(lock.refreshed.items())]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML string: as JSON writes it, but for DEL and for surrogate pairs, which TOML does not know."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
