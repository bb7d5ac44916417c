"""Builds: what comes of them, how they fail, and how they are stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from programs import program
from test_adapters_buildx import whole
from test_adapters_context import states

from pipeline.adapters import clients
from pipeline.adapters.builds import BuildFailedError, Builds
from pipeline.adapters.buildx import Buildx
from pipeline.adapters.engine import Engine
from pipeline.errors import FailedError, InterruptedRunError, UnreachableError
from pipeline.ports import Product


class NoEngine:
    """An engine that can only be reached through `docker`, and whose images are made up."""

    builder = "default"
    address = "tcp://engine.example:2376"
    silence = 120.0

    def __init__(self, found: list[str]) -> None:
        self._found = found

    def product(self, tag: str) -> Product:
        self._found.append(tag)
        return Product("sha256:1", 42)

    def has(self, name: str) -> bool:
        return bool(name)


def builds(found: list[str] | None = None) -> Builds:
    """Builds through a `docker` that a test has written."""
    engine = cast("Engine", NoEngine([] if found is None else found))
    return Builds(engine, Path(tempfile.gettempdir()) / "stackbuild-contexts")


def test_a_build_gives_what_it_has_tagged_and_keeps_its_output(docker: Path, tmp_path: Path) -> None:
    got = tmp_path / "got"
    program(docker, f"cat > {got}; echo said >&2; echo not this")
    tags: list[str] = []
    what = whole(tmp_path / "context")
    assert builds(tags).build(what, lambda _: None) == Product("sha256:1", 42)
    assert tags == ["stackbuild.local/one:k-0"]
    assert Path(what.log).read_text() == "said\n"
    assert b".stackbuild.Dockerfile" in got.read_bytes()


def test_a_build_that_fails_says_why_and_where(docker: Path, tmp_path: Path) -> None:
    program(docker, "cat > /dev/null; echo Dockerfile:3 >&2; echo 'ERROR: the reason' >&2; exit 1")
    with pytest.raises(BuildFailedError) as caught:
        builds().build(whole(tmp_path / "context"), lambda _: None)
    assert str(caught.value) == "the reason"
    assert caught.value.line == 3
    program(docker, "exit 1")
    with pytest.raises(BuildFailedError, match="without a word"):
        builds().build(whole(tmp_path / "context"), lambda _: None)


@pytest.mark.parametrize(
    "words", ["Cannot connect to the Docker daemon at unix:///x", "error during connect: EOF"]
)
def test_an_engine_that_goes_away_is_no_failed_build(docker: Path, tmp_path: Path, words: str) -> None:
    program(docker, f"echo 'ERROR: {words}' >&2; exit 1")
    with pytest.raises(UnreachableError, match="the engine is gone"):
        builds().build(whole(tmp_path / "context"), lambda _: None)


def test_a_build_that_ends_before_it_has_its_context_says_why_itself(docker: Path, tmp_path: Path) -> None:
    program(docker, "exec 0<&-; sleep 0.2; echo 'ERROR: no patience' >&2; exit 1")
    folder = tmp_path / "context"
    (folder / "big").write_bytes(b"x" * 3_000_000)
    what = replace(whole(folder), files=states(folder, "big"))
    with pytest.raises(BuildFailedError, match="no patience"):
        builds().build(what, lambda _: None)


def test_a_file_that_has_changed_ends_the_build_at_once(docker: Path, tmp_path: Path) -> None:
    program(docker, "cat > /dev/null; sleep 30")
    folder = tmp_path / "context"
    (folder / "a").write_text("1")
    what = replace(whole(folder), files=states(folder, "a"))
    (folder / "a").write_text("2")
    began = time.monotonic()
    with pytest.raises(FailedError, match="changed while it was being built"):
        builds().build(what, lambda _: None)
    assert time.monotonic() - began < 5


def test_a_log_that_cannot_be_written_ends_the_build_and_says_where(docker: Path, tmp_path: Path) -> None:
    program(docker, "cat > /dev/null; while echo a rather long line of output >&2; do :; done")
    what = replace(whole(tmp_path / "context"), log="/dev/full")
    with pytest.raises(FailedError, match="/dev/full: cannot be written: No space left on device"):
        builds().build(what, lambda _: None)


def test_without_docker_there_is_an_error_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="docker"):
        builds().build(whole(tmp_path), lambda _: None)


def stopped(docker: Path, tmp_path: Path, script: str, *, kill: bool) -> float:
    """How long it takes to stop a build that runs."""
    # it says that it runs only once its trap is set
    trap, rest = script.rsplit(" INT; ", 1)
    program(docker, f"{trap} INT; touch {tmp_path}/runs; {rest}")
    running = builds()
    raised: list[BaseException] = []

    def build() -> None:
        try:
            running.build(whole(tmp_path / "context"), lambda _: None)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    while not (tmp_path / "runs").exists():
        time.sleep(0.01)
    began = time.monotonic()
    running.stop(kill=kill)
    thread.join()
    assert isinstance(raised[0], InterruptedRunError)
    with pytest.raises(InterruptedRunError):
        running.build(whole(tmp_path / "context"), lambda _: None)
    return time.monotonic() - began


def test_a_build_is_asked_to_stop_and_may_tidy_up(docker: Path, tmp_path: Path) -> None:
    script = f"trap 'touch {tmp_path}/tidy; exit 1' INT; while :; do sleep 0.05; done"
    assert stopped(docker, tmp_path, script, kill=False) < 5
    assert (tmp_path / "tidy").exists()


def test_a_build_that_will_not_stop_is_killed_after_a_while(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "GRACE", 0.3)
    assert 0.3 <= stopped(docker, tmp_path, "trap '' INT; sleep 31; sleep 32", kill=False) < 5


def test_a_killed_build_takes_all_that_it_has_started_with_it(docker: Path, tmp_path: Path) -> None:
    assert stopped(docker, tmp_path, "trap '' INT; sleep 33; sleep 34", kill=True) < 3
    assert not [
        line
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal() and (folder / "cmdline").exists()
        for line in [(folder / "cmdline").read_bytes()]
        if line in {b"sleep\x0033\x00", b"sleep\x0034\x00"}
    ]


def test_what_a_killed_run_left_of_its_contexts_is_removed_and_nobody_elses(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f"{gone.pid}-x", f"{os.getpid()}-x", "note", "notes-of-mine"):
        (tmp_path / name).mkdir()
    Buildx("default", tmp_path, 120.0)
    assert {path.name for path in tmp_path.iterdir()} == {f"{os.getpid()}-x", "note", "notes-of-mine"}


def runs(process: int) -> bool:
    """Whether it is there, and not only left for somebody to look at how it has ended."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv")
def test_a_client_does_not_outlive_a_run_that_is_killed() -> None:
    code = (
        "import sys, time; from pipeline.adapters.clients import Clients\n"
        "print(Clients().start(['sleep', '60']).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        client = int(run.stdout.readline())
        assert runs(client)
        run.kill()
    until = time.monotonic() + 10
    while runs(client) and time.monotonic() < until:
        time.sleep(0.01)
    assert not runs(client)
