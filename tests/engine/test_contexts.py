"""What of a folder reaches a build: the same as with docker's own, and nothing that is not in the key."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from engine.workshop import ROOT, TOML, Workshop, fingerprint, until

pytestmark = pytest.mark.engine

Listing = dict[str, tuple[object, ...]]


def fill(folder: Path) -> None:
    """A context with some of everything."""
    for path in (
        "a",
        "with space",
        "sub/deep/b",
        "sub/.hidden",
        "odd\nname",
        "naïve",
        "ignored",
        "keep/this",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{path}\n")
    (folder / "empty").mkdir()
    (folder / "sub/script").write_text("#!/bin/sh\n")
    (folder / "sub/script").chmod(0o755)
    (folder / "link").symlink_to("a")
    # pathlib would write "a"
    os.symlink("./a", folder / "untidy")  # noqa: PTH211
    (folder / "sub/up").symlink_to("../a")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "absolute").symlink_to("/etc/hostname")
    (folder / "folder-link").symlink_to("sub/deep")


CASES = {
    "everything": "COPY . /all/",
    "without-dockerfile": "COPY . /all/",
    "own-ignore": "COPY . /all/",
    "glob": "COPY * /all/",
    # docker's own build cannot name the others
    "odd-names": 'COPY ["with space", "/all/"]\nCOPY odd* na* /all/',
    "folders": "COPY sub empty /all/",
    "through-links": "COPY link folder-link /all/",
    "script": "COPY sub/script sub/s?ript /all/\nCOPY --chmod=600 a /all/mode",
    "add": "ADD sub/deep /all/",
}
IGNORES = {
    "without-dockerfile": {".dockerignore": "Dockerfile\nignored\nkeep\n!keep/this\n"},
    "own-ignore": {".dockerignore": "a\n", "Dockerfile.dockerignore": "Dockerfile*\n**/b\n"},
    "glob": {".dockerignore": "Dockerfile\n.dockerignore\nabsolute\ndangling\n"},
}


def listing(workshop: Workshop, image: str) -> Listing:
    """What lies in an image's /all: its kind, whether it is executable, and its content or target."""
    found: Listing = {}
    for name, (member, content) in workshop.members(image, "/all").items():
        found[name] = (member.type, member.isreg() and bool(member.mode & 0o100), member.linkname, content)
    return found


def test_the_build_sees_what_docker_build_would_see(workshop: Workshop) -> None:
    for name, copy in CASES.items():
        folder = workshop.image(name, f"FROM scratch\n{copy}\n")
        fill(folder)
        for path, text in IGNORES.get(name, {}).items():
            (folder / path).write_text(text)
    before = fingerprint(workshop.images)
    workshop.run("--jobs", "2")
    assert fingerprint(workshop.images) == before
    ours = {name: listing(workshop, workshop.local(name)) for name in CASES}
    for name in CASES:
        tag = f"stackbuild-test/{workshop.nonce}:{name}"
        line = ["docker", "buildx", "build", "--builder=default", "--quiet", "--provenance=false", "--load"]
        folder = workshop.images / name
        subprocess.run([*line, f"--tag={tag}", str(folder)], check=True, capture_output=True)
        assert ours[name] == listing(workshop, tag), name
    # the comparison can see something at all
    assert ours["everything"]["all/Dockerfile"][3]
    assert "all/Dockerfile" not in ours["without-dockerfile"]
    assert "all/sub/deep/b" not in ours["own-ignore"]
    assert ours["everything"]["all/odd\nname"][3] == b"odd\nname\n"
    assert not [path for path in ours["without-dockerfile"] if "stackbuild" in path]


def test_file_names_that_are_no_text_reach_the_build(workshop: Workshop) -> None:
    folder = workshop.image("one", "FROM scratch\nCOPY sub /all/\n")
    (folder / "sub").mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/sub/\xff\xfe")).write_text("odd")
    workshop.run()
    assert [path for path in listing(workshop, workshop.local("one")) if path != "all"] == [
        "all/\udcff\udcfe"
    ]
    assert workshop.run("--format", "json").json()["outcomes"] == []


def test_a_dockerfile_may_lie_outside_of_its_context(workshop: Workshop) -> None:
    workshop.toml(
        f"{TOML}[tree.notebooks.images.one]\n"
        'path = "docker"\ndockerfile = "one.Dockerfile"\ncontext = "src"\n'
        '[tree.notebooks.images.two]\npath = "docker"\ndockerfile = "two.Dockerfile"\ncontext = "."\n'
    )
    (workshop.images / "docker").mkdir()
    (workshop.images / "src").mkdir()
    (workshop.images / "src/a").write_text(workshop.nonce)
    label = f"LABEL io.stackbuild.test={workshop.nonce}\n"
    (workshop.images / "docker/one.Dockerfile").write_text(f"FROM scratch\nCOPY . /all/\n{label}")
    (workshop.images / "docker/two.Dockerfile").write_text(f"FROM scratch\nCOPY src/a docker /all/\n{label}")
    workshop.run()
    assert set(listing(workshop, workshop.local("one"))) == {"all", "all/a"}
    assert set(listing(workshop, workshop.local("two"))) == {
        "all",
        "all/a",
        "all/one.Dockerfile",
        "all/two.Dockerfile",
    }


def test_a_file_that_changes_while_it_is_built_fails_the_build(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nRUN sleep 2 # {workshop.nonce}\n")
    files = {"same-size": "1", "gone": "1", "mode": "1", "grown": "1"}
    for name in files:
        workshop.image(name, f"FROM jupyter/base\nCOPY {name} /\n", {name: "1"})
    running = workshop.start("--format", "json")
    until(lambda: "building base" in running.said(), "base is being built")
    (workshop.images / "same-size/same-size").write_text("2")
    (workshop.images / "gone/gone").unlink()
    (workshop.images / "mode/mode").chmod(0o755)
    (workshop.images / "grown/grown").write_text("1" * 100_000)
    ran = running.wait()
    assert ran.code == 1
    outcomes = {outcome["image"]: outcome for outcome in ran.json()["outcomes"]}
    for name in files:
        assert outcomes[name]["kind"] == "failed", name
        assert outcomes[name]["message"].endswith(f"images/{name}/{name}: changed while it was being built")
        assert outcomes[name]["hint"] == "run again"
    (workshop.images / "gone/gone").write_text("1")
    workshop.run()
    assert workshop.text("same-size", "/same-size") == "2"


def test_an_executable_bit_is_part_of_the_key_and_of_the_image(workshop: Workshop) -> None:
    folder = workshop.image("one", "FROM scratch\nCOPY a /all/\n", {"a": "1"})
    workshop.run()
    (folder / "a").chmod(0o755)
    assert workshop.actions() == {"one": "build"}
    workshop.run()
    assert listing(workshop, workshop.local("one"))["all/a"][1] is True
