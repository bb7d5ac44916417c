"""Two runs on one project at the same time."""

from __future__ import annotations

import json
import signal

import pytest

from engine.workshop import ROOT, Workshop, until

pytestmark = pytest.mark.engine


def slow(workshop: Workshop, seconds: int) -> None:
    """base > leaf, whose base takes a while."""
    workshop.image("base", f"FROM {ROOT}\nRUN sleep {seconds} # {workshop.nonce}\n")
    workshop.image("leaf", "FROM jupyter/base\nCOPY setup /leaf\n", {"setup": workshop.nonce})


def test_each_image_is_built_by_one_of_two_runs_and_reused_by_the_other(workshop: Workshop) -> None:
    slow(workshop, 2)
    first = workshop.start("--format", "json")
    until(lambda: workshop.processes("sleep 2"), "the first one builds")
    second = workshop.start("--format", "json")
    reports = []
    for run in (first, second):
        ran = run.wait()
        assert ran.code == 0, ran.err
        reports.append(json.loads(ran.out)["outcomes"])
    assert f"waiting base  it is built by process {first.process.pid}, since " in second.said()
    done = sorted((outcome["image"], outcome["kind"]) for report in reports for outcome in report)
    assert done == [("base", "built"), ("base", "reused"), ("leaf", "built"), ("leaf", "reused")]
    ids = {(o["image"], o["image_id"]) for report in reports for o in report}
    assert len(ids) == 2
    assert workshop.run("--format", "json").json()["outcomes"] == []


def test_who_waits_for_a_run_that_is_killed_builds_itself(workshop: Workshop) -> None:
    slow(workshop, 3)
    first = workshop.start()
    until(lambda: workshop.processes("sleep 3"), "the first one builds")
    second = workshop.start("--format", "json")
    until(lambda: "waiting base" in second.said(), "the second one waits")
    first.send(signal.SIGKILL)
    first.wait()
    kinds = {o["image"]: o["kind"] for o in json.loads(second.wait().out)["outcomes"]}
    assert kinds == {"base": "built", "leaf": "built"}
