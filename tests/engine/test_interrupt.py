"""A run that is told to stop, at any moment and in any way: it ends, leaves nothing behind, and can go on."""

from __future__ import annotations

import signal
import sqlite3
import time
from pathlib import Path

import pytest

from engine.faulty import faulty
from engine.upstream import registry
from engine.workshop import ROOT, Running, Workshop, until

pytestmark = pytest.mark.engine

PROBE = """
[[smoke]]
images = ["done"]
run = ["sh", "-c", "echo started; sleep 301 # {}"]
timeout = "300s"
"""


def ends_as_interrupted(workshop: Workshop, running: Running, within: float = 8) -> None:
    """It ends soon, says so, and nothing of it goes on, neither a process nor a container."""
    ran = running.wait(within)
    assert ran.code == 130, ran.err
    assert "interrupted" in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    until(lambda: not workshop.processes(), "what a RUN or probe had started is gone", 10)
    assert workshop.containers() == []


def building(workshop: Workshop) -> Running:
    """A run that has built `done` and is now in the middle of `slow`."""
    workshop.image("done", f"FROM {ROOT}\nCOPY setup /setup\n", {"setup": workshop.nonce})
    workshop.image("slow", f"FROM jupyter/done\nRUN sleep 300 # {workshop.nonce}\n")
    running = workshop.start()
    until(lambda: workshop.processes("sleep 300"), "the RUN runs")
    return running


def test_what_has_failed_before_an_interrupt_is_told_with_its_log(workshop: Workshop) -> None:
    workshop.image("broken", f"FROM {ROOT}\nRUN echo the reason && false # {workshop.nonce}\n")
    running = building(workshop)
    until(lambda: "failed broken" in running.said(), "it has failed")
    running.send(signal.SIGINT)
    ends_as_interrupted(workshop, running)
    said = running.wait(1).err
    assert "  │ the reason\n" in said
    assert "  again: stackbuild build broken\n" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_build_is_stopped_and_what_was_finished_is_kept(workshop: Workshop, number: signal.Signals) -> None:
    running = building(workshop)
    running.send(number)
    ends_as_interrupted(workshop, running)
    assert "\n1 built in " in running.wait(1).err
    assert workshop.actions() == {"done": "reuse", "slow": "build"}
    dockerfile = workshop.images / "slow/Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("sleep 300", "sleep 0"))
    assert [o["image"] for o in workshop.run("--format", "json").json()["outcomes"]] == ["slow"]


def test_machines_are_told_what_an_interrupted_run_has_come_to(workshop: Workshop) -> None:
    workshop.image("done", f"FROM {ROOT}\nCOPY setup /setup\n", {"setup": workshop.nonce})
    workshop.image("slow", f"FROM jupyter/done\nRUN sleep 300 # {workshop.nonce}\n")
    running = workshop.start("--format", "json")
    until(lambda: workshop.processes("sleep 300"), "the RUN runs")
    running.send(signal.SIGTERM)
    told = running.wait(8).json()
    assert [(one["kind"], one["image"]) for one in told["outcomes"]] == [("built", "done")]
    assert told["exit_code"] == 130


@pytest.mark.parametrize("why", ["an interrupt", "an error"])
def test_what_cuts_a_publication_short_does_not_cost_what_was_built_before(
    workshop: Workshop, tmp_path: Path, why: str
) -> None:
    workshop.image("done", "FROM scratch\nCOPY setup /setup\n", {"setup": workshop.nonce})
    held: list[str] = []

    def behave(method: str, path: str) -> int | None:
        if method != "PUT" or "/stackbuild-generations/" not in path:
            return 200
        held.append(path)
        return None if why == "an interrupt" else 403

    with registry(tmp_path) as upstream, faulty(behave, upstream) as proxy:
        address = f"{proxy.address}/x"
        running = workshop.start("--registry", address, "--publish", "--allow-unsmoked", "--format", "json")
        until(lambda: held, "names are about to move")
        running.send(signal.SIGINT if why == "an interrupt" else signal.SIGCONT)
        ran = running.wait(8)
    assert [one["kind"] for one in ran.json()["outcomes"]] == ["built", "pushed"]
    assert ran.code == ran.json()["exit_code"] == (130 if why == "an interrupt" else 3)
    assert "\n1 built, 1 pushed in " in ran.err
    assert ran.err.rpartition("\nerror: ")[2].count("hint: ") == 1


def test_a_second_interrupt_kills_at_once(workshop: Workshop) -> None:
    programs = workshop.root.parent / "bin"
    programs.mkdir()
    docker = programs / "docker"
    # a build that does not want to be stopped
    docker.write_text(
        '#!/bin/sh\n[ "$2" = version ] && echo 0.13.1 && exit\n'
        f"trap '' INT\nsh -c 'sleep 302; : {workshop.nonce}'\n"
    )
    docker.chmod(0o755)
    # a context that must lie apart from its Dockerfile is given by a client
    workshop.image("one", "FROM scratch\nCOPY . /\n", {".dockerignore": "Dockerfile\n"})
    running = workshop.start(env={"PATH": f"{programs}:/usr/bin:/bin"})
    until(lambda: workshop.processes("sleep 302"), "the build runs")
    running.send(signal.SIGINT)
    time.sleep(1)
    assert running.process.poll() is None
    running.send(signal.SIGINT)
    ends_as_interrupted(workshop, running, 4)


def probing(workshop: Workshop) -> Running:
    """A run in the middle of a probe."""
    workshop.image("done", f"FROM {ROOT}\nCOPY setup /setup\n", {"setup": workshop.nonce})
    workshop.more(PROBE.format(workshop.nonce))
    running = workshop.start()
    until(lambda: workshop.processes("sleep 301"), "the probe runs")
    return running


def test_a_probe_is_stopped_and_gives_no_verdict(workshop: Workshop) -> None:
    running = probing(workshop)
    running.send(signal.SIGINT)
    ends_as_interrupted(workshop, running)
    with sqlite3.connect(workshop.root / ".stackbuild/state.db") as database:
        assert database.execute("select count(*) from judged").fetchone() == (0,)
    assert workshop.actions() == {"done": "reuse"}


def test_a_push_to_a_registry_that_hangs_is_given_up(workshop: Workshop) -> None:
    workshop.image("done", "FROM scratch\nCOPY setup /setup\n", {"setup": workshop.nonce})
    with faulty(lambda method, _: 404 if method in {"GET", "HEAD"} else None) as registry:
        running = workshop.start("--registry", registry.address)
        until(lambda: any(asked.startswith("POST") for asked in registry.asked), "the push has begun")
        running.send(signal.SIGINT)
        ends_as_interrupted(workshop, running)
    assert workshop.actions() == {"done": "reuse"}


def test_a_look_up_in_a_registry_that_hangs_is_given_up(workshop: Workshop) -> None:
    workshop.image("done", "FROM scratch\nCOPY setup /setup\n", {"setup": workshop.nonce})
    with faulty(lambda _method, _path: None) as registry:
        running = workshop.start("plan", "--registry", registry.address)
        until(lambda: registry.asked, "the registry is asked")
        running.send(signal.SIGINT)
        ends_as_interrupted(workshop, running)


def test_after_a_kill_the_next_run_goes_on_from_a_valid_state(workshop: Workshop) -> None:
    running = building(workshop)
    running.send(signal.SIGKILL)
    running.wait()
    until(lambda: not workshop.processes("sleep 300"), "the engine cancels what nobody waits for")
    with sqlite3.connect(workshop.root / ".stackbuild/state.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("select image from builds").fetchall() == [("done",)]
    dockerfile = workshop.images / "slow/Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("sleep 300", "sleep 0"))
    assert [o["image"] for o in workshop.run("--format", "json").json()["outcomes"]] == ["slow"]


def test_the_probe_of_a_killed_run_is_removed_by_the_next_one_and_no_other(workshop: Workshop) -> None:
    running = probing(workshop)
    (left,) = workshop.containers()
    other = workshop.start()
    until(lambda: len(workshop.containers()) == 2, "another run probes as well")
    assert left in workshop.containers()
    running.send(signal.SIGKILL)
    running.wait()
    assert left in workshop.containers()
    (alive,) = set(workshop.containers()) - {left}
    third = workshop.start()
    until(lambda: "removed 1 probe container" in third.said(), "what was left behind is removed")
    assert left not in workshop.containers()
    assert alive in workshop.containers()
    for run in (other, third):
        run.send(signal.SIGINT)
        assert run.wait().code == 130
    assert workshop.containers() == []
