"""Publishing to a real registry: generations, going back, another machine, and faults at every request."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from engine.workshop import ROOT, Workshop, until
from pipeline.adapters.registry import Registry

pytestmark = pytest.mark.engine


def names(workshop: Workshop) -> dict[str, str]:
    """Where each image's latest leads, "" for nowhere."""
    wanted = {name: f"{workshop.registry}/{name}:latest" for name in ("base", "good", "bad")}
    found = Registry().digests(wanted.values())
    return {name: found.get(whole, "") for name, whole in wanted.items()}


def test_a_red_leaf_keeps_its_old_names_and_everything_goes_back_together(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("good", "FROM jupyter/base\nENV GOOD=1\n")
    workshop.image("bad", "FROM jupyter/base\nCOPY fine* /\n", {"fine": "1"})
    workshop.more('[[smoke]]\nimages = ["good"]\nrun = ["true"]')
    workshop.more('[[smoke]]\nimages = ["bad"]\nrun = ["test", "-f", "/fine"]')
    options = ("--registry", workshop.registry, "--format", "json")

    report = workshop.run(*options, "--publish").json()
    first = names(workshop)
    pushed = {o["image"]: o["digest"] for o in report["outcomes"] if o["kind"] == "pushed"}
    assert first == pushed  # the very manifest that was pushed, no list around it
    again = workshop.run("publish", *options).json()
    assert [name["moved"] for name in again["names"]] == [[], [], []]

    (workshop.images / "base/who").write_text("new")
    (workshop.images / "bad/fine").unlink()
    workshop.run(*options, "--publish", code=1)
    second = names(workshop)
    assert second["bad"] == first["bad"]
    assert second["base"] != first["base"]
    assert second["good"] != first["good"]

    listed = workshop.run("generations", *options).json()
    assert [one["number"] for one in listed["generations"]] == [2, 1]
    assert listed["astray"] == {}
    (held,) = listed["generations"][0]["held"]
    assert (held["image"], held["names"]) == ("bad", {"bad:latest": first["bad"]})

    workshop.run("rollback", *options)
    assert names(workshop) == first
    workshop.run("rollback", "2", *options)
    assert names(workshop) == second


def test_a_key_that_has_another_build_in_the_registry_is_not_overwritten_and_then_taken(
    workshop: Workshop,
) -> None:
    workshop.image("base", f"FROM {ROOT}\nRUN date +%N > /when\n")
    workshop.image("child", "FROM jupyter/base\nENV A=1\n")
    workshop.run()
    mine = workshop.ids()
    workshop.forget()
    shutil.rmtree(workshop.root / ".stackbuild")
    workshop.run("--no-cache")
    theirs = workshop.ids()
    assert mine["base"] != theirs["base"]
    local = workshop.local("base")
    remote = f"{workshop.registry}/{local.partition('/')[2]}"
    workshop.run("base", "--registry", workshop.registry)
    kept = Registry().digests([remote])

    workshop.forget()
    shutil.rmtree(workshop.root / ".stackbuild")
    workshop.run("--no-cache")
    assert workshop.actions(registry=workshop.registry) == {"base": "pull", "child": "build"}
    workshop.run("--registry", workshop.registry)
    assert Registry().digests([remote]) == kept
    assert workshop.ids()["base"] == theirs["base"]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another machine's engine: its own store, the same registry."""
    home = tmp_path_factory.mktemp("other")
    config = {
        "data-root": str(home / "data"), "exec-root": str(home / "exec"), "pidfile": str(home / "pid"),
        "bridge": "none", "iptables": False, "features": {"buildkit": True},
    }  # fmt: skip
    (home / "daemon.json").write_text(json.dumps(config))
    address = f"unix:///tmp/sb-{uuid.uuid4().hex[:8]}.sock"
    line = ["dockerd", "--config-file", str(home / "daemon.json"), "-H", address]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)

    def up() -> bool:
        with contextlib.suppress(docker.errors.DockerException):
            return bool(docker.DockerClient(base_url=address).ping())
        return False

    try:
        until(up, (home / "log").read_text(errors="replace"), 30)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def test_another_machine_builds_nothing_and_pulls_what_it_builds_on(
    workshop: Workshop, other: str, tmp_path: Path
) -> None:
    workshop.image("base", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("child", "FROM jupyter/base\nCOPY who /child\n", {"who": "1"})
    workshop.image("aside", "FROM jupyter/base\nCOPY who /aside\n", {"who": "1"})
    options = ("--registry", workshop.registry, "--format", "json")
    workshop.run(*options)
    shutil.copytree(workshop.root, tmp_path / "there", ignore=shutil.ignore_patterns(".stackbuild"))
    there = {"DOCKER_HOST": other}
    report = workshop.run(*options, env=there, cwd=tmp_path / "there").json()
    assert report["outcomes"] == []
    client = docker.DockerClient(base_url=other)
    assert client.images.list() == []
    (tmp_path / "there/images/child/who").write_text("2")
    report = workshop.run(*options, env=there, cwd=tmp_path / "there").json()
    kinds = [(outcome["kind"], outcome["image"]) for outcome in report["outcomes"]]
    assert kinds == [("pulled", "base"), ("built", "child"), ("pushed", "child")]
