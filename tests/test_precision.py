"""What changes a key on a real disk, and what does not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command import TOML, Project

PIN = "sha256:" + "0" * 64
DOCKERFILE = """\
FROM jupyter/base
ARG DECLARED=1
COPY folder /folder
COPY *.sh link /
RUN echo a && \\
    echo b
RUN <<END
echo c
END
"""
Edit = Callable[[Path], object]


@pytest.fixture
def tree(project: Project) -> Project:
    """One image, `child`, that reads a folder, a glob and a link, on a base that stands on a locked root."""
    project.write("stacks.lock", f'[root."debian:bookworm"]\ndigest = "{PIN}"\n')
    project.image("child", DOCKERFILE)
    for path in ("folder/inner/file", "one.sh", "two.txt"):
        project.write(f"images/child/{path}", "1\n")
    (project.root / "images/child/link").symlink_to("one.sh")
    return project


def keys(project: Project) -> dict[str, str]:
    text = project.run("plan", "--no-engine", "--format", "json").out
    return {name: step["key"] for name, step in json.loads(text)["variants"]["default"]["images"].items()}


def swap(path: str, old: str, new: str) -> Edit:
    """Replace a text in a file, where it must be."""

    def edit(root: Path) -> None:
        text = (root / path).read_text()
        assert old in text
        (root / path).write_text(text.replace(old, new))

    return edit


def linked(target: str) -> Edit:
    def edit(root: Path) -> None:
        (root / "images/child/link").unlink()
        (root / "images/child/link").symlink_to(target)

    return edit


def settings(args: str) -> Edit:
    return lambda root: (root / "stacks.toml").write_text(f"{TOML}args = {{ {args} }}\n")


CHILD = "images/child/Dockerfile"
IDLE: dict[str, Edit] = {
    "a file that no instruction copies": lambda root: (root / "images/child/README.md").write_text("hello"),
    "a file that no glob matches": swap("images/child/two.txt", "1", "2"),
    "a comment": swap(CHILD, "COPY folder", "# why\nCOPY folder"),
    "a blank line": swap(CHILD, "COPY folder", "\nCOPY folder"),
    "a RUN that is wrapped elsewhere": swap(CHILD, "echo a && \\\n", "echo a \\\n && "),
    "the case of a keyword": swap(CHILD, "COPY folder", "copy folder"),
    "a time": lambda root: os.utime(root / "images/child/one.sh", (1, 1)),
    "a permission that is not the executable bit": lambda root: (root / "images/child/one.sh").chmod(0o600),
    "a build arg that is not declared": settings('OTHER = "1"'),
    "a root that is locked for nobody": lambda root: (
        (root / "stacks.lock").open("a").write(f'[root."ubuntu:20.04"]\ndigest = "{PIN}"\n')
    ),
}
# and which images it reaches
COUNTING: dict[str, tuple[Edit, set[str]]] = {
    "an executable bit": (lambda root: (root / "images/child/one.sh").chmod(0o755), {"child"}),
    "a link's target": (linked("folder"), {"child"}),
    "a file under a copied folder": (swap("images/child/folder/inner/file", "1", "2"), {"child"}),
    "a new empty folder in a copied one": (
        lambda root: (root / "images/child/folder/empty").mkdir(),
        {"child"},
    ),
    "a file that a glob now matches, too": (
        lambda root: (root / "images/child/two.sh").write_text(""),
        {"child"},
    ),
    "a file that is renamed": (
        lambda root: (root / "images/child/one.sh").rename(root / "images/child/1.sh"),
        {"child"},
    ),
    "a build arg that is declared": (settings('DECLARED = "2"'), {"child"}),
    "a heredoc's body": (swap(CHILD, "echo c", "echo d"), {"child"}),
    "a comment in a heredoc": (swap(CHILD, "echo c\n", "# why\necho c\n"), {"child"}),
    "a word of a command": (swap(CHILD, "echo b", "echo B"), {"child"}),
    "a locked digest": (swap("stacks.lock", PIN, PIN.replace("0", "1")), {"base", "child"}),
    "a refreshed parent": (
        lambda root: (root / "stacks.lock").open("a").write('[refreshed]\nbase = "now"\n'),
        {"base", "child"},
    ),
    "an instruction of the parent": (
        lambda root: (root / "images/base/Dockerfile").open("a").write("RUN true\n"),
        {"base", "child"},
    ),
}


@pytest.mark.parametrize("what", COUNTING)
def test_what_a_build_can_see_changes_its_key_and_those_below_it(what: str, tree: Project) -> None:
    edit, reached = COUNTING[what]
    before = keys(tree)
    edit(tree.root)
    after = keys(tree)
    assert {name for name in before if before[name] != after[name]} == reached


def test_what_no_build_can_see_changes_no_key(tree: Project) -> None:
    before = keys(tree)
    for what, edit in IDLE.items():
        edit(tree.root)
        assert keys(tree) == before, what
