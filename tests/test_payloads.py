"""What probes bring along out of a project, and what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import Project

from pipeline.config import Smoke
from pipeline.errors import InputError
from pipeline.run import payloads
from pipeline.run.project import open_project


def brought(project: Project, smoke: Smoke) -> dict[str, bytes]:
    """The files by their place."""
    found = payloads.read(open_project(str(project.root / "stacks.toml")), [smoke])
    return {file.path: file.content for payload in found.values() for file in payload.files}


def files(*paths: str) -> Smoke:
    return Smoke(("true",), "stacks.toml:9", files=paths)


def test_files_folders_and_tests_are_brought_along(project: Project) -> None:
    for path in ("a", "probes/b", "probes/deep/c", "images/d", "probes/__pycache__/e.pyc"):
        project.write(path, path)
    (project.root / "probes/link").symlink_to("b")
    assert brought(project, files("a", "probes", "notebooks:d")) == {
        "files/a": b"a",
        "files/probes/b": b"probes/b",
        "files/probes/deep/c": b"probes/deep/c",
        "files/probes/link": b"probes/b",
        "files/d": b"images/d",
    }
    assert brought(project, Smoke((), "stacks.toml:9", tests="probes/deep")) == {"tests/c": b"probes/deep/c"}
    assert brought(project, Smoke(("true",), "stacks.toml:9")) == {}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("link", "'ROOT/link' leads out of its tree"),
        ("folder-link", "'ROOT/folder-link' leads out of its tree"),
        ("deep", "'ROOT/deep/link' leads out of its tree"),
        ("nowhere", "'ROOT/nowhere' cannot be read: no such file or directory"),
        ("fifo", "'ROOT/fifo' is not a regular file"),
        ("elsewhere:x", "no tree 'elsewhere', in 'elsewhere:x'"),
        ("notebooks:link", "'ROOT/images/link' leads out of its tree"),
    ],
)
def test_nothing_from_outside_is_brought_along(
    project: Project, tmp_path: Path, path: str, message: str
) -> None:
    import os  # noqa: PLC0415

    (tmp_path / "secret").write_text("secret")
    (tmp_path / "outside").mkdir()
    (project.root / "link").symlink_to(tmp_path / "secret")
    (project.root / "folder-link").symlink_to(tmp_path / "outside")
    (project.root / "deep").mkdir()
    (project.root / "deep/link").symlink_to("../../secret")
    (project.root / "images/link").symlink_to("../stacks.toml")
    os.mkfifo(project.root / "fifo")
    with pytest.raises(InputError) as caught:
        brought(project, files(path))
    (problem,) = caught.value.problems
    assert problem.where == "stacks.toml:9"
    said = problem.message.replace(str(project.root), "ROOT")
    assert said.replace("'./", "'ROOT/").replace("'images/link", "'ROOT/images/link") == message


def test_what_is_missing_is_said_by_every_command_that_would_need_it(project: Project) -> None:
    project.write(
        "stacks.toml", project.root.joinpath("stacks.toml").read_text() + '[[smoke]]\ntests = "t"\n'
    )
    with pytest.raises(InputError) as caught:
        brought(project, Smoke((), "stacks.toml:7", tests="t"))
    assert "cannot be read" in caught.value.problems[0].message
