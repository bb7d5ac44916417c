"""A project whose state is lost: what the engine holds is known again, and nothing is built twice."""

from __future__ import annotations

import shutil

import pytest

from engine.workshop import Workshop

pytestmark = pytest.mark.engine


def built(workshop: Workshop) -> None:
    """base > leaf, built."""
    workshop.image("base", "FROM scratch\nCOPY setup /base\n", {"setup": workshop.nonce})
    workshop.image("leaf", "FROM jupyter/base\nCOPY setup /leaf\n", {"setup": "1"})
    workshop.run()


def is_known_again(workshop: Workshop) -> None:
    """The next change is told by what it changes, as if nothing had been lost."""
    (workshop.images / "leaf/setup").write_text("2")
    leaf = workshop.plan()["default"]["images"]["leaf"]
    assert leaf["action"] == "build"
    assert "setup" in str(leaf["reasons"])
    assert "never" not in str(leaf["reasons"])


def test_a_state_that_is_removed_is_made_again_from_the_engine(workshop: Workshop) -> None:
    built(workshop)
    shutil.rmtree(workshop.root / ".stackbuild")
    assert workshop.run("--format", "json").json()["outcomes"] == []
    is_known_again(workshop)


def test_a_state_that_is_no_state_is_set_aside_told_and_made_again(workshop: Workshop) -> None:
    built(workshop)
    state = workshop.root / ".stackbuild/state.db"
    for path in state.parent.glob("state.db-*"):
        path.unlink()
    state.write_bytes(b"nonsense" * 1000)
    ran = workshop.run("--format", "json")
    assert ran.json()["outcomes"] == []
    (aside,) = state.parent.glob("state.db.broken-*")
    assert f"warning: the state was unreadable; set aside as {aside}" in ran.err
    assert aside.read_bytes() == b"nonsense" * 1000
    is_known_again(workshop)
