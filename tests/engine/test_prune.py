"""What is removed from a real engine, and what never is."""

from __future__ import annotations

import signal

import docker
import pytest

from engine.workshop import ROOT, Workshop, until

pytestmark = pytest.mark.engine


def names(workshop: Workshop) -> set[str]:
    """The names of this project's builds in the engine."""
    return {tag for image in workshop._images() for tag in image.tags if tag.startswith("stackbuild.local/")}


def built_twice(workshop: Workshop) -> tuple[str, str]:
    """base > app, built, and app built anew: what app was called before, and is now."""
    workshop.image("base", f"FROM {ROOT}\nRUN echo {workshop.nonce} > /base\n")
    workshop.image("app", "FROM jupyter/base\nRUN echo 1 > /app\n")
    workshop.run()
    before = workshop.local("app")
    workshop.image("app", "FROM jupyter/base\nRUN head -c 50000 /dev/zero > /app\n")
    workshop.run()
    return before, workshop.local("app")


def test_nothing_goes_until_it_is_said_and_then_only_what_no_variant_needs(workshop: Workshop) -> None:
    before, now = built_twice(workshop)
    base = workshop.local("base")
    copy = workshop.by_hand(f"FROM {before}\nRUN true\n", f"own-{workshop.nonce}:1")
    ran = workshop.run("prune")
    assert "remove  app" in ran.out
    assert "--yes" in ran.err
    assert names(workshop) == {base, before, now}
    found = workshop.run("prune", "--older-than", "1h", "--format", "json").json()
    assert found["images"] == []
    assert {one["why"] for one in found["kept"]} == {"a variant needs it", "it is too young"}
    found = workshop.run("prune", "--yes", "--format", "json").json()
    assert [one["names"] for one in found["images"]] == [[before]]
    assert found["done"] is True
    assert names(workshop) == {base, now}
    # what somebody has built on it by hand lives on
    assert workshop.api.inspect_image(copy)
    assert workshop.actions() == {"base": "reuse", "app": "reuse"}
    assert workshop.run("prune", "--yes", "--older-than", "0s").out == ""
    assert "no log of 'app'" in workshop.run("logs", "app", code=2).err


def test_what_a_container_or_another_name_uses_stays(workshop: Workshop) -> None:
    before, _ = built_twice(workshop)
    container = workshop.api.create_container(before, command=["true"])["Id"]
    try:
        ran = workshop.run("prune", "--yes", code=1)
    finally:
        workshop.api.remove_container(container, force=True)
    assert "a container uses it" in ran.err
    workshop.api.tag(before, f"own-{workshop.nonce}", tag="1")
    assert "it has another name, too" in workshop.run("prune", "--yes").out
    assert before in names(workshop)
    workshop.client.images.remove(f"own-{workshop.nonce}:1")
    workshop.run("prune", "--yes")
    assert before not in names(workshop)


def test_what_a_running_build_needs_stays(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nRUN echo {workshop.nonce} > /base\n")
    workshop.run()
    base = workshop.local("base")
    workshop.image("app", f"FROM jupyter/base\nRUN sleep 307 # {workshop.nonce}\n")
    running = workshop.start()
    until(lambda: workshop.processes("sleep 307"), "the build runs")
    # what it stands on is no part of the project any more
    workshop.image("base", f"FROM {ROOT}\nRUN echo other {workshop.nonce} > /base\n")
    assert base in names(workshop)
    found = workshop.run("prune", "--yes", "--older-than", "0s", "--format", "json").json()
    assert found["images"] == found["logs"][1:] == []
    assert {one["why"] for one in found["kept"]} == {"a run that goes on needs it"}
    assert workshop.api.inspect_image(base)
    running.send(signal.SIGINT)
    running.wait()
    workshop.run("prune", "--yes")
    with pytest.raises(docker.errors.ImageNotFound):
        workshop.api.inspect_image(base)
