"""A project opened from wherever a person stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.run.project import open_project


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("tree", ["loop", "file"])
def test_a_tree_that_is_no_folder_is_an_error(here: Path, tree: str) -> None:
    (here / "loop").symlink_to("loop")
    (here / "file").touch()
    with pytest.raises(InputError, match=f"the tree '{tree}' is not a folder"):
        open_project(tree=tree)


def test_a_name_that_is_too_long_is_an_error() -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_project(tree="x" * 5000)
    with pytest.raises(InputError, match="no file 'xxx"):
        open_project("x" * 5000)


def test_a_tree_with_as_long_a_name_as_can_be_is_read(here: Path) -> None:
    folder = here / ("x" * 255)
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM debian:bookworm\n")
    assert list(open_project(tree=folder.name).tree.images) == [folder.name]


def test_a_current_folder_that_is_gone_is_an_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "gone").mkdir()
    monkeypatch.chdir(here / "gone")
    (here / "gone").rmdir()
    with pytest.raises(InputError, match="the current folder is not there"):
        open_project(tree=".")
    monkeypatch.chdir(here)


def test_a_nul_in_a_path_is_an_error_at_its_line(here: Path) -> None:
    (here / "stacks.toml").write_text('[tree.t]\ngit = "./up"\npath = "a\\u0000b"\n')
    with pytest.raises(InputError, match=r"stacks\.toml:3: 'path' holds a NUL"):
        open_project()
