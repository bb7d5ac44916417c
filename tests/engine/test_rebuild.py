"""What is built, in which order, and what is left alone."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from engine.workshop import MOUNTS, ROOT, Workshop, fingerprint, until

pytestmark = pytest.mark.engine


def now(workshop: Workshop, path: str) -> str:
    """A RUN that says when it really ran; no cache of an earlier test knows it."""
    return f"RUN date +%s%N > {path} # {workshop.nonce}"


def stack(workshop: Workshop) -> None:
    """base > mid > leaf, base > side, without a root; mid has a README that nothing reads."""
    workshop.image("base", "FROM scratch\nCOPY setup /base\n", {"setup": workshop.nonce})
    workshop.image("mid", "FROM jupyter/base\nCOPY setup /mid\n", {"setup": "1", "README.md": "read me"})
    workshop.image("leaf", "FROM jupyter/mid\nCOPY setup /leaf\n", {"setup": "1"})
    workshop.image("side", "FROM jupyter/base\nCOPY setup /side\n", {"setup": "1"})


def test_everything_is_built_once_parents_first(workshop: Workshop) -> None:
    stack(workshop)
    before = fingerprint(workshop.images)
    report = workshop.run("--format", "json").json()
    built = [outcome["image"] for outcome in report["outcomes"]]
    assert sorted(built) == ["base", "leaf", "mid", "side"]
    assert built[0] == "base"
    assert built.index("mid") < built.index("leaf")
    assert report["exit_code"] == 0
    assert workshop.text("leaf", "/base") == workshop.nonce

    again = workshop.run("--format", "json").json()
    assert again["outcomes"] == []
    assert again["exit_code"] == 0
    assert set(workshop.actions().values()) == {"reuse"}
    assert fingerprint(workshop.images) == before


def times(workshop: Workshop, *options: str) -> list[tuple[int, int]]:
    """When the RUN of each of two siblings began and ended, the first one first."""
    workshop.image("base", f"FROM {ROOT}\n")
    for name in ("one", "two"):
        command = f"date +%s%N > /from; sleep 1; date +%s%N > /to # {name} {workshop.nonce}"
        workshop.image(name, f"FROM jupyter/base\nRUN {command}\n")
    workshop.run(*options)
    return sorted(
        (int(workshop.text(name, "/from")), int(workshop.text(name, "/to"))) for name in ("one", "two")
    )


def test_siblings_are_built_at_the_same_time(workshop: Workshop) -> None:
    (_, first_end), (second_began, _) = times(workshop, "--jobs", "2")
    assert second_began < first_end


def test_with_one_job_nothing_runs_beside_anything(workshop: Workshop) -> None:
    (_, first_end), (second_began, _) = times(workshop, "--jobs", "1")
    assert first_end <= second_began


def test_a_touched_file_rebuilds_what_copies_it_and_what_stands_on_that(workshop: Workshop) -> None:
    stack(workshop)
    workshop.run()
    ids = workshop.ids()
    (workshop.images / "mid/setup").write_text("2")
    assert workshop.actions() == {"base": "reuse", "mid": "build", "leaf": "build", "side": "reuse"}
    workshop.run()
    after = workshop.ids()
    assert {name for name in ids if ids[name] != after[name]} == {"mid", "leaf"}
    assert workshop.text("leaf", "/mid") == "2"


def test_what_nothing_copies_rebuilds_nothing(workshop: Workshop) -> None:
    stack(workshop)
    workshop.run()
    (workshop.images / "mid/README.md").write_text("read me again")
    (workshop.images / "mid/NEW").write_text("new")
    os.utime(workshop.images / "mid/setup")
    dockerfile = workshop.images / "base/Dockerfile"
    dockerfile.write_text(f"# a comment\n{dockerfile.read_text()}")
    assert set(workshop.actions().values()) == {"reuse"}
    assert workshop.run("--format", "json").json()["outcomes"] == []


def test_changed_rebuilds_an_image_and_its_descendants_and_really_runs_them_again(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\n{now(workshop, '/base')}\n")
    workshop.image("mid", f"FROM jupyter/base\n{now(workshop, '/mid')}\n")
    workshop.image("leaf", f"FROM jupyter/mid\n{now(workshop, '/leaf')}\n")
    workshop.image("side", "FROM jupyter/base\n")
    workshop.run()
    ids = workshop.ids()
    before = {name: workshop.text("leaf", f"/{name}") for name in ("base", "mid", "leaf")}
    workshop.run("--changed", "mid")
    after = workshop.ids()
    assert {name for name in ids if ids[name] != after[name]} == {"mid", "leaf"}
    ran = {name: workshop.text("leaf", f"/{name}") for name in before}
    assert {name for name in before if before[name] != ran[name]} == {"mid", "leaf"}
    assert set(workshop.actions().values()) == {"reuse"}
    assert workshop.run("--format", "json").json()["outcomes"] == []


def test_a_killed_changed_run_is_finished_by_a_plain_one(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\n{now(workshop, '/base')}\n")
    workshop.image("leaf", "FROM jupyter/base\nCOPY setup /leaf\n", {"setup": "1"})
    workshop.run()
    before = workshop.text("base", "/base")
    running = workshop.start("--changed", "base")
    until(lambda: "building base" in running.said(), "base is being built")
    running.send(signal.SIGKILL)
    running.wait()
    workshop.run()
    assert workshop.text("base", "/base") != before
    assert set(workshop.actions().values()) == {"reuse"}


def test_what_is_asked_for_brings_the_ancestors_that_it_needs(workshop: Workshop) -> None:
    stack(workshop)
    report = workshop.run("leaf", "--format", "json").json()
    assert [outcome["image"] for outcome in report["outcomes"]] == ["base", "mid", "leaf"]


def test_no_cache_runs_again_what_it_builds(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\n{now(workshop, '/base')}\n")
    workshop.run()
    before = workshop.text("base", "/base")
    workshop.forget()
    workshop.run()
    assert workshop.text("base", "/base") == before
    workshop.forget()
    workshop.run("--no-cache")
    assert workshop.text("base", "/base") != before


LOOKING = [
    ("plan",),
    ("plan", "--changed", "mid"),
    ("--dry-run", "--changed", "base", "--format", "json"),
    ("graph",),
    ("render", "mid"),
    ("diff",),
    ("lock", "--check"),
    ("doctor",),
]


def test_looking_writes_nothing_at_all(workshop: Workshop) -> None:
    stack(workshop)
    workshop.image("rooted", f"FROM {ROOT}\n")
    before = fingerprint(workshop.root)
    for command in LOOKING:
        # the lock has yet to be written, which is what --check is for
        workshop.run(*command, code=1 if command[0] == "lock" else 0)
        assert fingerprint(workshop.root) == before, command
    workshop.run("base", "rooted")
    before = fingerprint(workshop.root)
    for command in [*LOOKING[:3], ("lock", "--check")]:
        workshop.run(*command)
        assert fingerprint(workshop.root) == before, command


def test_a_tree_in_a_folder_that_cannot_be_written_to_is_built(workshop: Workshop) -> None:
    stack(workshop)
    script = (
        'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && ! touch "$0/x" 2> /dev/null && exec "$@"'
    )
    before = fingerprint(workshop.images)
    tree = str(workshop.images)
    workshop.run("--tree", tree, "base", within=[*MOUNTS, "sh", "-c", script, tree], cwd=Path("/"))
    assert fingerprint(workshop.images) == before
    assert not (workshop.root / ".stackbuild").exists()
    assert (workshop.root / "xdg-state").is_dir()


def test_two_runs_at_once_on_one_tree_both_succeed(workshop: Workshop) -> None:
    stack(workshop)
    first, second = workshop.start("--format", "json"), workshop.start("--format", "json")
    for ran in (first.wait(), second.wait()):
        assert ran.code == 0, ran.err
        json.loads(ran.out)
    assert set(workshop.actions().values()) == {"reuse"}
