"""Where buildx is, and how it is started."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.adapters import plugin


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a docker that is a program, and a configuration without plugins."""
    (tmp_path / "docker").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "configuration"))
    monkeypatch.setattr(plugin, "PLACES", (str(tmp_path / "system"),))
    plugin._found.cache_clear()
    return tmp_path


def placed(folder: Path) -> tuple[str, ...]:
    """A plugin in a folder, and how it is started."""
    folder.mkdir(parents=True)
    (folder / "docker-buildx").write_text("#!/bin/sh\n")
    (folder / "docker-buildx").chmod(0o755)
    plugin._found.cache_clear()
    return (str(folder / "docker-buildx"),)


def test_the_plugin_is_looked_for_where_docker_looks_for_it(home: Path) -> None:
    assert plugin.buildx() == ("docker", "buildx")
    assert placed(home / "system") == plugin.buildx()
    (home / "configuration").mkdir()
    extra = placed(home / "extra")
    text = json.dumps({"cliPluginsExtraDirs": [str(home / "extra")]})
    (home / "configuration/config.json").write_text(text)
    assert plugin.buildx() == extra
    assert placed(home / "configuration/cli-plugins") == plugin.buildx()


def test_a_docker_that_is_a_script_is_asked_itself(home: Path) -> None:
    placed(home / "system")
    (home / "docker").unlink()
    (home / "docker").write_text("#!/bin/sh\n")
    (home / "docker").chmod(0o755)
    assert plugin.buildx() == ("docker", "buildx")


@pytest.mark.parametrize("text", ["{", "[]", '{"cliPluginsExtraDirs": 1}'])
def test_a_configuration_that_makes_no_sense_is_dockers_to_complain_of(home: Path, text: str) -> None:
    found = placed(home / "system")
    (home / "configuration").mkdir()
    (home / "configuration/config.json").write_text(text)
    assert plugin.buildx() == found
