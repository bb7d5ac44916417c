"""What a build stands on: its parents' keys and its roots' locked digests, whatever else has those names."""

from __future__ import annotations

import pytest

from engine.workshop import ROOT, TOML, Workshop

pytestmark = pytest.mark.engine


def test_parents_are_the_builds_of_this_tree_and_no_others_of_their_names(workshop: Workshop) -> None:
    workshop.toml(TOML.replace("jupyter/{image}", f"{workshop.nonce}/{{image}}"))
    workshop.image("tool", "FROM scratch\nCOPY who /tool\n", {"who": "ours"})
    workshop.image("base", "FROM scratch\nCOPY who /base\n", {"who": "ours"})
    workshop.image("child", f"FROM {workshop.nonce}/base\nCOPY --from={workshop.nonce}/tool /tool /tool\n")
    workshop.image(
        "mounts",
        f"ARG BASE={workshop.nonce}/base\nFROM {ROOT} AS shell\n"
        f"RUN --mount=type=bind,from={workshop.nonce}/tool,target=/mnt cp /mnt/tool /tool\n"
        "FROM $BASE\nCOPY --from=shell /tool /\n",
    )
    workshop.decoy(f"{workshop.nonce}/tool:latest", {"tool": b"theirs"})
    workshop.decoy(f"{workshop.nonce}/base:latest", {"base": b"theirs"})
    workshop.run()
    for image in ("child", "mounts"):
        assert workshop.text(image, "/tool") == "ours"
        assert workshop.text(image, "/base") == "ours"


def test_roots_stay_at_the_locked_digest_when_their_tag_moves(workshop: Workshop) -> None:
    root = f"{workshop.registry}/root:1"
    workshop.push(workshop.decoy(root, {"who": b"first"}))
    workshop.image("one", f"FROM {root}\n")
    workshop.image("two", f"FROM scratch\nCOPY --from={root} /who /copied\n")
    workshop.run("one")
    workshop.push(workshop.decoy(root, {"who": b"second"}))
    workshop.image("three", f"FROM {root}\nENV X=1\n")
    workshop.run()
    assert workshop.text("one", "/who") == workshop.text("three", "/who") == "first"
    assert workshop.text("two", "/copied") == "first"

    assert "1 pin moved" in workshop.run("lock", "--update").err
    assert set(workshop.actions().values()) == {"build"}
    assert "root" in workshop.run("plan").out
    workshop.run()
    assert workshop.text("one", "/who") == "second"
    assert workshop.text("two", "/copied") == "second"


def test_a_stage_that_is_called_like_the_image_it_stands_on_still_does_its_work(workshop: Workshop) -> None:
    workshop.toml(TOML.replace("jupyter/{image}", "{image}"))
    name = f"base-{workshop.nonce[:8]}"
    workshop.image(name, "FROM scratch\nCOPY who /base\n", {"who": "ours"})
    workshop.image(
        "child", f"ARG IMAGE={name}\nFROM $IMAGE AS {name}\nCOPY who /stage\nFROM {name}\n", {"who": "stage"}
    )
    workshop.run()
    assert workshop.text("child", "/base") == "ours"
    assert workshop.text("child", "/stage") == "stage"


def test_images_say_what_they_are(workshop: Workshop) -> None:
    workshop.image("one", f"FROM {ROOT}\n")
    workshop.run()
    labels = workshop.api.inspect_image(workshop.local("one"))["Config"]["Labels"]
    assert labels["io.stackbuild.key"] == workshop.plan()["default"]["images"]["one"]["key"]
    assert labels["io.stackbuild.image"] == labels["org.opencontainers.image.title"] == "one"
    assert labels["org.opencontainers.image.base.name"] == ROOT


def test_an_image_made_by_hand_on_one_of_ours_is_not_taken_for_it(workshop: Workshop) -> None:
    workshop.image("one", "FROM scratch\nCOPY Dockerfile /\n")
    workshop.run()
    workshop.by_hand(f"FROM {workshop.local('one')}\nENV X=1\n", f"by-hand/{workshop.nonce}:1")
    ours = workshop.ids()["one"]
    assert workshop.actions() == {"one": "reuse"}
    workshop.api.remove_image(workshop.local("one"))
    assert workshop.actions() == {"one": "build"}
    workshop.run()
    assert workshop.ids()["one"] != ""
    assert ours
