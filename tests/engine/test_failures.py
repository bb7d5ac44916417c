"""What a failing build takes with it, what it leaves alone, and what is said of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from engine.workshop import MOUNTS, ROOT, Workshop

pytestmark = pytest.mark.engine

COUNTING = "RUN for i in $(seq 40); do echo line $i; done; exit 7"


def test_a_failure_shows_its_end_and_its_log_and_blocks_its_descendants_only(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nRUN echo {workshop.nonce}\n")
    workshop.image("bad", f"FROM jupyter/base\n{COUNTING}\n")
    workshop.image("child", "FROM jupyter/bad\n")
    workshop.image("grandchild", "FROM jupyter/child\n")
    workshop.image("sibling", "FROM jupyter/base\nRUN sleep 1\n")
    ran = workshop.run("--format", "json", code=1)
    outcomes = {outcome["image"]: outcome for outcome in ran.json()["outcomes"]}
    kinds = {name: outcome["kind"] for name, outcome in outcomes.items()}
    assert kinds == {
        "base": "built",
        "bad": "failed",
        "child": "blocked",
        "grandchild": "blocked",
        "sibling": "built",
    }
    assert outcomes["child"]["by"] == outcomes["grandchild"]["by"] == ["bad"]
    assert "images/bad/Dockerfile:2" in outcomes["bad"]["message"]
    assert "exit code: 7" in outcomes["bad"]["message"]
    shown = re.findall(r"^  │ (.*)$", ran.err, re.MULTILINE)
    assert shown == [f"line {number}" for number in range(21, 41)]
    log = Path(re.findall(r"^  log: (.*)$", ran.err, re.MULTILINE)[0])
    text = log.read_text()
    assert "line 1\n" in text
    assert '"vertexes"' not in text
    assert "blocked child  by bad" in ran.err

    dockerfile = workshop.images / "bad/Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("exit 7", "true"))
    again = workshop.run("--format", "json").json()["outcomes"]
    assert [outcome["image"] for outcome in again] == ["bad", "child", "grandchild"]


def test_the_step_that_failed_is_shown_and_not_one_that_ran_beside_it(workshop: Workshop) -> None:
    noise = "RUN for i in $(seq 60); do echo noise $i; sleep 0.02; done"
    workshop.image(
        "one",
        f"FROM {ROOT} AS noisy\n{noise} # {workshop.nonce}\n"
        f"FROM {ROOT}\nRUN echo the reason; sleep 0.3; exit 1 # {workshop.nonce}\n"
        "COPY --from=noisy /etc/hostname /x\n",
    )
    ran = workshop.run(code=1)
    assert "│ the reason" in ran.err
    assert "noise" not in ran.err
    assert "images/one/Dockerfile:4" in ran.err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("EXPOSE nine", "Invalid containerPort: nine"),
        ("COPY --from={root} /none /", "\"/none\": not found in '{root}'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_its_place(workshop: Workshop, wrong: str, said: str) -> None:
    workshop.image("one", f"FROM {ROOT}\nRUN true\n{wrong.format(root=ROOT)}\n")
    assert f"images/one/Dockerfile:3: {said.format(root=ROOT)}\n" in workshop.run(code=1).err


def test_triggers_of_the_parent_shift_no_line(workshop: Workshop) -> None:
    workshop.image("one", f"FROM {ROOT}\nONBUILD RUN : {workshop.nonce}\nONBUILD RUN true\n")
    workshop.image("two", "FROM jupyter/one\nRUN true\nRUN exit 7\nRUN true\n")
    assert "images/two/Dockerfile:3: exit code: 7: exit 7\n" in workshop.run(code=1).err


def test_fail_fast_starts_nothing_more(workshop: Workshop) -> None:
    workshop.image("bad", f"FROM {ROOT}\nRUN echo {workshop.nonce}; false\n")
    workshop.image("bad-child", "FROM jupyter/bad\n")
    workshop.image("late", f"FROM {ROOT}\nRUN echo {workshop.nonce}\n")
    workshop.image("later", "FROM jupyter/late\n")

    def kinds(*options: str) -> dict[str, str]:
        report = workshop.run("--jobs", "1", "--format", "json", *options, code=1).json()
        return {outcome["image"]: outcome["kind"] for outcome in report["outcomes"]}

    fast = kinds("--fail-fast")
    assert fast == {"bad": "failed", "bad-child": "blocked", "late": "blocked", "later": "blocked"}
    assert kinds() == {"bad": "failed", "bad-child": "blocked", "late": "built", "later": "built"}


def test_output_in_any_shape_is_survived_and_kept_short(workshop: Workshop) -> None:
    script = (
        r"printf '\033[31mred\033[0m\n'; printf '\377\376\n'; printf 'half'; sleep 0.2; printf ' done\n'; "
        r"for i in $(seq 50); do printf '\rstep %d' $i; done; echo; head -c 100000 /dev/zero | tr '\0' x; "
        r"echo; printf 'no end'; exit 1"
    )
    workshop.image("one", f"FROM {ROOT}\nRUN {script} # {workshop.nonce}\n")
    tail = workshop.run("--format", "json", code=1).json()["outcomes"][0]["tail"]
    assert tail[0] == "red"
    assert tail[2] == "half done"
    assert tail[3] == "step 50"
    assert tail[-1] == "no end"
    assert all(len(line) <= 500 for line in tail)


def test_a_missing_root_is_an_error_that_names_the_line(workshop: Workshop) -> None:
    workshop.image("one", f"# a comment\nFROM debian:no-such-tag-{workshop.nonce}\n")
    ran = workshop.run("plan", code=2)
    assert f"images/one/Dockerfile:2: the root image 'debian:no-such-tag-{workshop.nonce}'" in ran.err
    assert "hint: " in ran.err


def test_a_root_whose_registry_is_not_there_is_no_missing_root(workshop: Workshop) -> None:
    workshop.image("one", "FROM 127.0.0.1:1/one\n")
    ran = workshop.run("plan", code=3)
    assert "images/one/Dockerfile:1: the root image '127.0.0.1:1/one' cannot be looked up" in ran.err
    assert "the registry 127.0.0.1:1 does not answer" in ran.err


def test_a_docker_without_buildx_is_said_before_anything_is_built(workshop: Workshop) -> None:
    workshop.image("one", "FROM scratch\nCOPY Dockerfile /\n")
    programs = workshop.root.parent / "bin"
    programs.mkdir()
    no_docker = workshop.run(code=3, env={"PATH": str(programs)})
    assert "no `docker` on PATH" in no_docker.err
    docker = programs / "docker"
    docker.write_text("#!/bin/sh\necho \"docker: 'buildx' is not a docker command.\" >&2\nexit 1\n")
    docker.chmod(0o755)
    no_buildx = workshop.run(code=3, env={"PATH": f"{programs}:{os.environ['PATH']}"})
    assert "docker has no buildx" in no_buildx.err
    docker.write_text("#!/bin/sh\necho github.com/docker/buildx v0.11.2 9872040\n")
    too_old = workshop.run(code=3, env={"PATH": f"{programs}:{os.environ['PATH']}"})
    assert "buildx is too old: v0.11.2" in too_old.err
    for ran in (no_docker, no_buildx, too_old):
        assert "hint: install" in ran.err
        assert "building" not in ran.err
    assert workshop.actions() == {"one": "build"}


FULL = 'mount -t tmpfs -o size=200k none "$0" && exec "$@"'


def test_a_full_disk_is_an_error_of_one_line_and_not_a_crash(workshop: Workshop) -> None:
    workshop.image("one", f"FROM {ROOT}\nRUN head -c 900000 /dev/urandom | base64 # {workshop.nonce}\n")
    state = workshop.root / ".stackbuild"
    state.mkdir()
    ran = workshop.run(code=1, within=[*MOUNTS, "sh", "-c", FULL, str(state)])
    assert "no space left" in ran.err.lower() or "disk is full" in ran.err
    assert str(state) in ran.err
    assert "hint: is the disk full" in ran.err
    assert not workshop.processes()
    workshop.run()


@pytest.mark.parametrize("folder", ["contexts", "logs"])
def test_a_disk_that_fills_in_the_middle_of_a_run_costs_the_builds_that_need_it(
    workshop: Workshop, folder: str
) -> None:
    workshop.image("done", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    # a context that must lie in a folder: its Dockerfile is none of it
    files = {".dockerignore": "Dockerfile", "big": workshop.nonce * 10_000}
    workshop.image("large", "FROM jupyter/done\nCOPY . /all/\n", files)
    workshop.image("loud", f"FROM {ROOT}\nRUN yes {workshop.nonce} | head -c 900000\n")
    workshop.image("late", "FROM jupyter/large\nCOPY who /late\n", {"who": workshop.nonce})
    place = workshop.root / ".stackbuild" / folder
    place.mkdir(parents=True)
    line = ["--jobs", "1", "--format", "json"]
    ran = workshop.run(*line, code=1, within=[*MOUNTS, "sh", "-c", FULL, str(place)])
    found = {one["image"]: one for one in ran.json()["outcomes"]}
    kinds = {name: one["kind"] for name, one in found.items()}
    if folder == "contexts":
        assert kinds == {"done": "built", "large": "failed", "loud": "built", "late": "blocked"}
    else:
        assert kinds["done"] == "built"
        assert kinds["loud"] == "failed"
    failed = [one for one in found.values() if one["kind"] == "failed"]
    for one in failed:
        assert one["message"].startswith(f"{place}/")
        assert one["message"].endswith(": cannot be written: No space left on device")
        assert one["hint"].startswith("is the disk full")
    assert list((workshop.root / ".stackbuild/contexts").iterdir()) == []
    assert not workshop.processes()
    again = workshop.run("--format", "json").json()["outcomes"]
    unfinished = {name for name, kind in kinds.items() if kind != "built"}
    # what the engine has finished although nobody could write down how is not built again
    assert {one["image"] for one in again} <= unfinished
    assert {one["kind"] for one in again} <= {"built"}
    assert set(workshop.actions().values()) == {"reuse"}


def test_a_state_that_is_none_is_set_aside_and_said(workshop: Workshop) -> None:
    workshop.image("one", "FROM scratch\nCOPY Dockerfile /\n")
    workshop.run()
    database = workshop.root / ".stackbuild/state.db"
    database.write_bytes(b"no database" * 1000)
    ran = workshop.run("plan")
    assert "the state was unreadable" in ran.err
    assert database.read_bytes().startswith(b"no database")
    ran = workshop.run("--format", "json")
    assert "set aside as" in ran.err
    assert ran.json()["outcomes"] == []
    assert [path.read_bytes()[:11] for path in database.parent.glob("state.db.broken-*")] == [b"no database"]
    assert "unreadable" not in workshop.run("plan").err
