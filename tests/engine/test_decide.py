"""Plans and explanations of what a real engine holds."""

from __future__ import annotations

import pytest
from test_gitrepo import git

from engine.workshop import ROOT, Workshop

pytestmark = pytest.mark.engine


def test_a_change_is_explained_by_what_was_built_until_it_is_built_itself(workshop: Workshop) -> None:
    workshop.image("base", "FROM scratch\nCOPY who /base\n", {"who": "first\n"})
    workshop.image("child", "FROM jupyter/base\nCOPY who /child\n", {"who": "same\n"})
    workshop.run()
    workshop.image("base", "FROM scratch\nCOPY who /base\n", {"who": "second\n"})
    said = workshop.run("explain", "base").out
    assert "  file who\n    @@ -1 +1 @@\n    -first\n    +second\n" in said
    assert "stands on base, which is another: file who" in workshop.run("explain", "child").out
    workshop.run()
    assert "would not be rebuilt" in workshop.run("explain", "child").out


def test_the_state_alone_knows_what_was_built_and_the_engine_what_is_lost(workshop: Workshop) -> None:
    workshop.image("base", "FROM scratch\nCOPY who /base\n", {"who": "1"})
    workshop.run()
    workshop.forget()
    here = workshop.run("plan", "--format", "json").json()
    assert here["variants"]["default"]["images"]["base"]["why"] == [{"cause": "lost", "places": ["engine"]}]
    assert here["expected"]["known"] == 1
    there = workshop.run("plan", "--no-engine", "--format", "json").json()
    assert there["variants"]["default"]["images"]["base"]["action"] == "reuse"


def test_what_no_lock_pins_does_not_differ_from_a_revision(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\n")
    git(workshop.root, "init", "-q")
    git(workshop.root, "add", "-A")
    git(workshop.root, "commit", "-q", "-m", "all")
    since = ("plan", "--changed-since", "HEAD", "--format", "json")
    assert workshop.run(*since).json()["variants"]["default"]["images"] == {}
    workshop.run("lock")
    assert workshop.run(*since).json()["variants"]["default"]["images"] == {}


def test_a_build_that_is_locked_leaves_the_lock_as_it_is(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\n")
    workshop.run("--locked", code=2)
    workshop.run("lock")
    lock = workshop.root / "stacks.lock"
    extended = lock.read_text() + '[refreshed]\n"gone" = "then"\n'
    lock.write_text(extended)
    workshop.run("--locked")
    assert lock.read_text() == extended
