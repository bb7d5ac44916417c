"""Killed at random moments, again and again: nothing finished is lost, nothing is left behind."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from engine.workshop import ROOT, Workshop, until

pytestmark = pytest.mark.engine

# as many as can be afforded here; the whole test is STACKBUILD_KILLS=50
KILLS = int(os.environ.get("STACKBUILD_KILLS", "4"))
COUNT = 12


def stack(workshop: Workshop) -> None:
    """Twelve images, three children each, that take a moment each."""
    for number in range(COUNT):
        parent = f"jupyter/i{(number - 1) // 3:02}" if number else ROOT
        files = {"who": f"{workshop.nonce} {number}"}
        # a COPY of everything takes the way through a folder
        copy = "COPY . /all/" if number % 3 == 1 else "COPY who /who"
        run = f"RUN sleep 0.3; true {workshop.nonce}"
        workshop.image(f"i{number:02}", f"FROM {parent}\n{copy}\n{run}\n", files)


def left(workshop: Workshop, scratch: Path) -> list[str]:
    """What has been left behind in temporary folders, and beside what is written."""
    contexts = workshop.root / ".stackbuild/contexts"
    beside = workshop.root.glob(".stacks.lock.*")
    return [str(path) for path in [*scratch.iterdir(), *contexts.glob("*"), *beside]]


def finished(workshop: Workshop) -> dict[str, str]:
    """The image ids by their names in the engine."""
    found = {}
    for image in workshop.client.images.list(filters={"label": f"io.stackbuild.test={workshop.nonce}"}):
        for tag in image.tags:
            found[tag] = str(image.id)
    return found


def test_a_run_that_is_killed_time_and_again_loses_nothing(workshop: Workshop) -> None:
    stack(workshop)
    workshop.more('[[smoke]]\nrun = ["sh", "-c", "sleep 0.2; test -f /etc/hostname"]')
    scratch = workshop.root.parent / "scratch"
    scratch.mkdir()
    env = {"TMPDIR": str(scratch)}
    chance = random.Random(os.environ.get("STACKBUILD_SEED", "1"))
    state = workshop.root / ".stackbuild/state.db"
    known: dict[str, str] = {}
    for number in range(KILLS):
        running = workshop.start("--jobs", "3", env=env)
        time.sleep(chance.uniform(0.05, 3.0))
        running.send(signal.SIGKILL)
        running.process.wait()
        now = finished(workshop)
        assert {tag: now.get(tag) for tag in known} == known, f"kill {number} lost a finished image"
        known = now
        if state.exists():
            with sqlite3.connect(state) as database:
                assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    ran = workshop.run("--jobs", "3", "--format", "json", env=env).json()
    kinds = Counter(outcome["kind"] for outcome in ran["outcomes"])
    assert kinds["failed"] == kinds["blocked"] == 0
    now = finished(workshop)
    assert {tag: now.get(tag) for tag in known} == known, "the last run built again what was finished"
    assert len(now) == COUNT
    assert workshop.run("--format", "json").json()["outcomes"] == []
    until(lambda: not workshop.processes(), "no build goes on", 20)
    assert workshop.containers() == []
    assert left(workshop, scratch) == []
    mine = {"label": f"io.stackbuild.test={workshop.nonce}", "dangling": True}
    untagged = workshop.client.images.list(filters=mine)
    assert not [image for image in untagged if image.labels.get("io.stackbuild.image")]
