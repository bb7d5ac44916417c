"""What cannot be read, or goes away while it is read: it stops what needs it, and nothing else."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Project

from pipeline.adapters import disk
from pipeline.errors import InputError

Close = Callable[..., None]


@pytest.fixture
def close(project: Project, monkeypatch: pytest.MonkeyPatch) -> Close:
    """Let folders of the project fail to be listed; who runs as root could list any real one."""
    really = os.scandir
    closed: dict[Path, type[OSError]] = {}

    def scandir(path: Any) -> Any:
        if error := closed.get(Path(path)):
            raise error(1, "Permission denied")
        return really(path)

    def shut(path: str, error: type[OSError] = PermissionError) -> None:
        folder = project.root / "images" / path
        folder.mkdir(parents=True, exist_ok=True)
        closed[folder] = error

    monkeypatch.setattr(os, "scandir", scandir)
    return shut


def planned(project: Project) -> set[str]:
    text = project.run("plan", "--no-engine", "--format", "json").out
    return set(json.loads(text)["variants"]["default"]["images"])


@pytest.mark.parametrize("folder", ["tests/secret", ".cache", "lost+found", "child/data/deep"])
def test_an_unreadable_folder_that_is_left_out_stops_nothing(
    folder: str, project: Project, close: Close
) -> None:
    """By habit, by 'exclude', or by .dockerignore."""
    toml = (project.root / "stacks.toml").read_text()
    project.write("stacks.toml", f'{toml}exclude = ["lost+found"]\n')
    project.write("images/child/.dockerignore", "data/deep\n")
    project.image("child", "FROM jupyter/base\nCOPY . /\n")
    close(folder)
    assert planned(project) == {"base", "child"}


def test_an_unreadable_folder_that_may_hide_an_image_is_an_error(project: Project, close: Close) -> None:
    close("child/data")
    close("other")
    said = project.run("plan", "--no-engine", code=2)
    assert said.errors == [
        "error: images/child/data: cannot be read: permission denied",
        "error: images/other: cannot be read: permission denied",
    ]
    assert "leave it out with 'exclude' or in .dockerignore" in said.err


@pytest.mark.parametrize("source", ["tests", "tests/inner", "tests/inner/", "tests/inner/file", "t*s", "."])
def test_an_unreadable_folder_that_an_instruction_reads_is_an_error_at_its_line(
    source: str, project: Project, close: Close
) -> None:
    project.image("child", f"FROM jupyter/base\nCOPY {source} /\n")
    close("child/tests/inner")
    (error,) = project.run("plan", "--no-engine", code=2).errors
    assert error == ("error: images/child/Dockerfile:2: 'tests/inner' cannot be read: permission denied")


@pytest.mark.parametrize("gone", [FileNotFoundError, NotADirectoryError])
def test_a_folder_that_goes_away_while_it_is_listed_is_no_part_of_the_tree(
    gone: type[OSError], project: Project, close: Close
) -> None:
    project.image("child", "FROM jupyter/base\nCOPY . /\n")
    close("child/data", gone)
    assert "child/data" not in {entry.path for entry in disk.walk(project.root / "images", "images")}
    assert planned(project) == {"base", "child"}


def test_a_link_that_goes_away_while_it_is_listed_is_no_part_of_the_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("x")
    (tmp_path / "file").touch()

    def readlink(path: object) -> str:
        raise FileNotFoundError(2, "No such file", path)

    monkeypatch.setattr(os, "readlink", readlink)
    assert [entry.path for entry in disk.walk(tmp_path, "t")] == ["file"]


def test_a_tree_that_goes_away_is_an_error(project: Project, close: Close) -> None:
    close(".", FileNotFoundError)
    with pytest.raises(InputError, match="images: cannot be read"):
        disk.walk(project.root / "images", "images")


def test_files_that_go_away_before_they_are_hashed_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        disk.Digests({"t": tmp_path}, {}).states("t", ".", ["one", "two"])
    assert [problem.message for problem in caught.value.problems] == ["went away while it was being read"] * 2
    assert {problem.hint for problem in caught.value.problems} == {"run again"}


def test_fifos_and_sockets_stop_only_what_reads_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(project.root / "images/child/pipe")
    monkeypatch.chdir(project.root / "images/child")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
    assert planned(project) == {"base", "child"}
    project.image("child", "FROM jupyter/base\nCOPY . /\n")
    said = project.run("plan", "--no-engine", code=2)
    assert [error.rpartition("/")[2] for error in said.errors] == [
        "pipe: is no file, folder or link: it cannot be sent to a build",
        "socket: is no file, folder or link: it cannot be sent to a build",
    ]
    project.write("images/child/.dockerignore", "pipe\nsocket\n")
    assert planned(project) == {"base", "child"}
