"""Two runs on one project at the same time."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from engine.workshop import ROOT, Workshop, until

pytestmark = pytest.mark.engine

SLEEP = "sleep 303"


def slow(workshop: Workshop) -> None:
    """base > leaf, whose base takes as long as it is not let go on."""
    workshop.image("base", f"FROM {ROOT}\nRUN {SLEEP} || true # {workshop.nonce}\n")
    workshop.image("leaf", "FROM jupyter/base\nCOPY setup /leaf\n", {"setup": workshop.nonce})


def builds(workshop: Workshop) -> list[int]:
    """The processes that sleep in a build of this project."""
    found = []
    for shell in workshop.processes(SLEEP):
        with suppress(OSError):
            children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
            # not those of the engine, which has the command on its line, too
            found += [int(one) for one in children if Path(f"/proc/{one}/comm").read_text() == "sleep\n"]
    return found


def go_on(workshop: Workshop) -> None:
    """Let the base be finished."""
    for process in builds(workshop):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def test_each_image_is_built_by_one_of_two_runs_and_reused_by_the_other(workshop: Workshop) -> None:
    slow(workshop)
    first = workshop.start("--format", "json")
    until(lambda: builds(workshop), "the first one builds")
    second = workshop.start("--format", "json")
    waits = f"waiting base  it is built by process {first.process.pid}, since "
    until(lambda: waits in second.said(), "the second one waits")
    go_on(workshop)
    reports = []
    for run in (first, second):
        ran = run.wait()
        assert ran.code == 0, ran.err
        reports.append(json.loads(ran.out)["outcomes"])
    done = sorted((outcome["image"], outcome["kind"]) for report in reports for outcome in report)
    assert done == [("base", "built"), ("base", "reused"), ("leaf", "built"), ("leaf", "reused")]
    ids = {(o["image"], o["image_id"]) for report in reports for o in report}
    assert len(ids) == 2
    assert workshop.run("--format", "json").json()["outcomes"] == []


def test_what_another_run_builds_holds_nothing_else_up(workshop: Workshop) -> None:
    slow(workshop)
    workshop.image("other", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    first = workshop.start("base")
    until(lambda: builds(workshop), "the first one builds")
    second = workshop.start("--jobs", "1")
    until(lambda: "built other" in second.said(), "the second one builds what is left to it")
    assert "waiting base" in second.said()
    go_on(workshop)
    ran = second.wait()
    assert ran.code == 0
    assert "reused base" in ran.err
    assert "built leaf" in ran.err
    assert first.wait().code == 0


def test_who_waits_for_a_run_that_is_killed_builds_itself(workshop: Workshop) -> None:
    slow(workshop)
    first = workshop.start()
    until(lambda: builds(workshop), "the first one builds")
    second = workshop.start("--format", "json")
    until(lambda: "waiting base" in second.said(), "the second one waits")
    first.send(signal.SIGKILL)
    first.wait()
    until(lambda: "building base" in second.said(), "the second one builds")

    def is_over() -> bool:
        go_on(workshop)
        return second.process.poll() is not None

    until(is_over, "it is over")
    kinds = {o["image"]: o["kind"] for o in json.loads(second.wait().out)["outcomes"]}
    assert kinds == {"base": "built", "leaf": "built"}
