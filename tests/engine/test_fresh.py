"""A nightly builds again from the first image that would come out differently, and nothing if none would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from engine.indexes import Index, index
from engine.workshop import ROOT, Workshop

pytestmark = pytest.mark.engine
INSTALL = "apt-get install -y --no-install-recommends"


@pytest.fixture
def shelf(tmp_path: Path, client: docker.DockerClient) -> Iterator[Index]:
    with index(tmp_path / "index", client) as made:
        yield made


def built(report: Any) -> list[str]:
    return [outcome["image"] for outcome in report["outcomes"] if outcome["kind"] == "built"]


def nightly(workshop: Workshop, *more: str) -> Any:
    return workshop.run("--fresh", "--format", "json", *more).json()


def test_what_apt_would_install_now_decides_what_is_built_again(workshop: Workshop, shelf: Index) -> None:
    shelf.deb("below", "1.0")
    shelf.deb("above", "1.0")
    # newer than in the root: a build would not touch it
    shelf.deb("tar", "99")
    workshop.image("base", f"FROM {ROOT}\nRUN {shelf.sources} && {INSTALL} below # {workshop.nonce}\n")
    workshop.image("child", f"FROM jupyter/base\nRUN apt-get update && {INSTALL} above\n")
    workshop.image("plain", "FROM jupyter/base\nENV X=1\n")
    workshop.run()
    assert built(nightly(workshop)) == []
    lock = (workshop.root / "stacks.lock").read_text()

    shelf.deb("above", "1.1")
    ran = workshop.run("fresh")
    assert "child  stale  would install something else now: apt above 1.0 → 1.1" in ran.out
    assert ran.out.count("stale") == 1
    assert (workshop.root / "stacks.lock").read_text() == lock
    report = nightly(workshop)
    assert built(report) == ["child"]
    (reason,) = report["variants"]["default"]["images"]["child"]["reasons"]
    assert reason == "would install something else now: apt above 1.0 → 1.1"
    assert workshop.text("child", "/usr/share/above/version") == "1.1\n"
    assert built(nightly(workshop)) == []

    shelf.deb("below", "1.1")
    report = nightly(workshop)
    assert sorted(built(report)) == ["base", "child", "plain"]
    assert report["variants"]["default"]["images"]["plain"]["reasons"] == ["stands on base, which is rebuilt"]
    assert built(nightly(workshop)) == []
    assert workshop.containers() == []


def test_an_index_that_does_not_answer_is_a_doubt_and_rebuilds_nothing(
    workshop: Workshop, tmp_path: Path, client: docker.DockerClient
) -> None:
    with index(tmp_path / "index", client) as shelf:
        shelf.deb("below", "1.0")
        workshop.image("base", f"FROM {ROOT}\nRUN {shelf.sources} && {INSTALL} below # {workshop.nonce}\n")
        workshop.run()
    ran = workshop.run("--fresh", "--format", "json", code=3)
    assert ran.json()["outcomes"] == []
    assert "apt does not say" in ran.json()["fresh"]["base"]["doubt"]
    assert "is it still fresh?" in ran.err


def test_an_image_that_may_not_be_so_old_is_built_again_and_really_runs_again(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nRUN date +%s%N > /base # {workshop.nonce}\n")
    workshop.image("child", "FROM jupyter/base\nRUN date +%s%N > /child\n")
    workshop.more('[fresh.images]\nbase = "1h"')
    workshop.run()
    before = workshop.text("base", "/base")
    assert built(nightly(workshop)) == []
    workshop.toml((workshop.root / "stacks.toml").read_text().replace('"1h"', '"1ms"'))
    # a plain run asks nobody, and no clock
    assert built(workshop.run("--format", "json").json()) == []
    report = nightly(workshop)
    assert built(report) == ["base", "child"]
    assert "and may be 0 seconds" in report["variants"]["default"]["images"]["base"]["reasons"][0]
    assert workshop.text("base", "/base") != before
    assert "[refreshed]" in (workshop.root / "stacks.lock").read_text()


def test_what_pip_would_install_now_counts_as_far_as_the_builds_own_words_allow(
    workshop: Workshop, shelf: Index
) -> None:
    shelf.wheel("thing", "1.0", "helper")
    shelf.wheel("helper", "1.0")
    # the index has a name that only builds know, and who asks for them
    host, _, port = shelf.address.removeprefix("http://").partition(":")
    workshop.more(f'[build]\nadd-host = {{ "index.lab" = "{host}" }}')
    options = f"--index-url http://index.lab:{port}/simple --trusted-host index.lab"
    # cached between tests: nothing in it is this test's
    venv = f"RUN apt-get update && {INSTALL} python3-venv && python3 -m venv /opt/venv\n"
    workshop.image("python", f"FROM {ROOT}\n{venv}ENV PATH=/opt/venv/bin:$PATH\n")
    workshop.more('[fresh]\ndrift = ["pip"]')
    workshop.image(
        "base",
        "FROM jupyter/python\nCOPY limits.txt /opt/\n"
        f"RUN pip install {options} -c /opt/limits.txt thing # {workshop.nonce}\n",
        {"limits.txt": "thing<2\n"},
    )
    workshop.run()
    shelf.wheel("thing", "2.0", "helper")
    assert built(nightly(workshop)) == []
    shelf.wheel("helper", "1.1")
    report = nightly(workshop)
    assert built(report) == ["base"]
    assert report["fresh"]["base"]["moved"] == [
        {"manager": "pip", "name": "helper", "old": "1.0", "new": "1.1"}
    ]
    manifest = workshop.run("manifest", "--format", "json").json()["variants"]["default"]["images"]["base"]
    pip = manifest["packages"]["pip"]
    assert (pip["helper"], pip["thing"]) == ("1.1", "1.0")


CONDA = """#!/bin/sh
case "$*" in *--dry-run*--json*)
    printf '%s' '{"success": true, "actions": {"LINK": [{"name": "numpy", "version": "2.0"}]}}' ;;
esac
"""


def test_an_answer_that_a_rebuild_did_not_change_does_not_count_again(workshop: Workshop) -> None:
    workshop.image(
        "base",
        f"FROM {ROOT}\nCOPY conda /usr/local/bin/conda\nRUN chmod +x /usr/local/bin/conda\n"
        "COPY numpy.json /opt/conda/conda-meta/numpy-1.0-0.json\n"
        f"RUN conda install --yes 'numpy>=1' # {workshop.nonce}\n",
        {"conda": CONDA, "numpy.json": "{}"},
    )
    workshop.run()
    report = nightly(workshop)
    assert report["fresh"]["base"]["reason"] == "would install something else now: conda numpy 1.0 → 2.0"
    assert built(report) == ["base"]
    report = nightly(workshop)
    assert built(report) == []
    assert report["fresh"]["base"]["unasked"] == ["was built again for this before, to no effect"]
