"""What the git repository around a folder held at another revision."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.adapters.gitrepo import export, git
from pipeline.errors import InputError, UnreachableError

SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit of the repository whose top folder is `top`; `name` is what it was called."""

    top: Path
    name: str
    commit: str


def find(folder: Path, name: str) -> Revision:
    """The revision of this name in the repository around a folder.

    Raises InputError where there is no repository or no such revision.
    """
    try:
        top = Path(git(["-C", str(folder), "rev-parse", "--show-toplevel"]))
    except UnreachableError as error:
        if "not a git repository" not in str(error):
            raise
        hint = f"'{name}' is taken for a revision of git, which alone knows what was there before"
        raise InputError.of(f"'{folder}' is in no git repository", hint=hint) from error
    here = ["-C", str(top)]
    try:
        if name.startswith("-"):
            raise UnreachableError.of("an option is no revision")
        return Revision(top, name, git([*here, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"]))
    except UnreachableError as error:
        hint = "give a branch, a tag or a commit; `git fetch` brings those of others"
        if git([*here, "rev-parse", "--is-shallow-repository"]) == "true":
            hint = "this clone is shallow: `git fetch --unshallow`, or let CI fetch all of the history"
        raise InputError.of(f"there is no revision '{name}' in '{top}'", hint=hint) from error


@contextmanager
def laid_out(revision: Revision) -> Iterator[Path]:
    """A folder, called like the repository's, with all files of a revision, those of its submodules included.

    The repository and its work tree stay as they are. A submodule that is not checked out stays empty, as it
    is now. Raises InputError for one that lacks the commit.
    """
    with tempfile.TemporaryDirectory(prefix="stackbuild-") as temporary:
        folder = Path(temporary) / (revision.top.name or "tree")
        folder.mkdir()
        _lay_out(revision, folder, "")
        yield folder


def _lay_out(revision: Revision, folder: Path, inside: str) -> None:
    here = ["-C", str(revision.top)]
    export(Path(git([*here, "rev-parse", "--absolute-git-dir"])), revision.commit, folder)
    for line in git([*here, "ls-tree", "-r", "-z", revision.commit]).split("\0"):
        facts, _, path = line.partition("\t")
        there = revision.top / path
        if not facts.startswith(SUBMODULE) or not os.path.lexists(there / ".git"):
            continue
        commit, name = facts.split()[2], f"{inside}{path}"
        try:
            git(["-C", str(there), "cat-file", "-e", f"{commit}^{{commit}}"])
        except UnreachableError as error:
            message = (
                f"the submodule '{name}' lacks the commit {commit[:12]} that '{revision.name}' has of it"
            )
            raise InputError.of(message, hint=f"git -C {name} fetch") from error
        _lay_out(replace(revision, top=there, commit=commit), folder / path, f"{name}/")
