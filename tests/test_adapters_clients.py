"""Clients of buildx: how they are started, ahead of time too, and that none is left behind."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.adapters import clients, plugin
from pipeline.adapters.clients import Client, Clients
from pipeline.errors import InterruptedRunError, UnreachableError

# says something once it has its input
ECHO = [sys.executable, "-c", "import sys; sys.stderr.write(sys.stdin.read())"]


def waiting(made: Clients) -> list[Client]:
    """The clients that wait."""
    return [one.client for one in made._waiting.values()]


def said(client: Client, text: str) -> str:
    """What a client says to its input."""
    assert client.stdin
    assert client.stderr
    client.stdin.write(text.encode())
    client.stdin.close()
    return client.stderr.read().decode()


def test_a_client_that_was_expected_is_the_one_that_builds() -> None:
    made = Clients()
    made.expect([ECHO])
    (ahead,) = waiting(made)
    client = made.start(ECHO)
    assert client is ahead
    assert said(client, "it works") == "it works"
    made.ended(client)
    assert client.returncode == 0
    assert not waiting(made)


def test_a_client_is_started_once_however_often_it_is_expected() -> None:
    made = Clients()
    made.expect([ECHO])
    before = waiting(made)
    made.expect([ECHO])
    assert waiting(made) == before
    made.expect(())


def test_what_is_no_longer_expected_is_ended() -> None:
    made = Clients()
    made.expect([ECHO])
    (ahead,) = waiting(made)
    made.expect([[*ECHO, "another"]])
    assert ahead.returncode is not None
    assert len(waiting(made)) == 1
    made.expect(())
    assert not waiting(made)


def test_another_command_line_is_another_client() -> None:
    made = Clients()
    made.expect([ECHO])
    client = made.start([*ECHO, "another"])
    assert client not in waiting(made)
    made.ended(client)
    made.expect(())


def test_a_client_that_has_ended_while_it_waited_is_started_again() -> None:
    made = Clients()
    made.expect([ECHO])
    (ahead,) = waiting(made)
    ahead.kill()
    ahead.wait()
    client = made.start(ECHO)
    assert client is not ahead
    assert said(client, "again") == "again"
    made.ended(client)


def test_a_client_that_has_waited_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Clients()
    made.expect([ECHO])
    (ahead,) = waiting(made)
    monkeypatch.setattr(clients, "STALE", 0.0)
    client = made.start(ECHO)
    assert client is not ahead
    assert ahead.returncode is not None
    made.ended(client)


def test_builds_that_could_begin_together_do_so_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "APART", 0.05)
    made = Clients()
    before = time.monotonic()
    for _ in range(3):
        made.ended(made.start(["true"]))
    # however busy the machine is, the last of three cannot begin any sooner
    assert time.monotonic() - before > 0.09


def test_a_build_that_waits_for_its_turn_ends_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "APART", 3600.0)
    made = Clients()
    made.ended(made.start(["true"]))
    with ThreadPoolExecutor(1) as executor:
        second = executor.submit(made.start, ["true"])
        made.stop()
        with pytest.raises(InterruptedRunError):
            second.result()


def test_after_a_stop_nothing_waits_and_nothing_is_started() -> None:
    made = Clients()
    made.expect([ECHO])
    (ahead,) = waiting(made)
    made.stop()
    assert ahead.returncode is not None
    made.expect([ECHO])
    assert not waiting(made)
    with pytest.raises(InterruptedRunError):
        made.start(ECHO)


def test_a_program_that_is_not_there_is_an_error_only_when_it_is_needed() -> None:
    made = Clients()
    made.expect([["/no/such/program"]])
    with pytest.raises(UnreachableError, match="/no/such/program"):
        made.start(["/no/such/program"])


# where buildx is


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
