"""`stackbuild changes`, as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Project

from pipeline.manifest import Manifest, sets_to_json


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project", capsys, monkeypatch)


def written(project: Project, name: str, build: str, version: str) -> str:
    one = Manifest("base", build, f"sha256:{build}", 1000, (), {"apt": {"tini": version}})
    project.write(name, json.dumps(sets_to_json({"cpu": {"base": one}})))
    return name


def test_two_files_of_manifests_are_compared(project: Project) -> None:
    old, new = written(project, "old.json", "1", "0.19"), written(project, "new.json", "2", "0.20")
    said = project.run("changes", old, new)
    assert said.out.splitlines() == [
        "variant cpu:",
        "base  rebuilt  ±0 B  1 package",
        "",
        "apt   tini  0.19 → 0.20  base",
    ]
    found = json.loads(project.run("changes", old, new, "--format", "json").out)
    assert found["variants"]["cpu"]["images"]["base"]["packages"] == [
        {"manager": "apt", "name": "tini", "old": "0.19", "new": "0.20"}
    ]
    assert project.run("changes", new, new).out == "variant cpu:\nnothing changed\n"


def test_what_is_no_file_of_manifests_is_told(project: Project) -> None:
    old = written(project, "old.json", "1", "0.19")
    project.write("other.json", "{}")
    project.write("broken.json", "{")
    assert "no file 'gone.json'" in project.run("changes", old, "gone.json", code=2).err
    for name in ("other.json", "broken.json"):
        assert f"{name}: is no file of manifests" in project.run("changes", old, name, code=2).err
