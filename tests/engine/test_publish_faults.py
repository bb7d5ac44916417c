"""The real command publishes to a real registry, and something happens at one of its requests.

STACKBUILD_EVERY_REQUEST=1 lets every one of these happen at every request; else a few are tried.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.faulty import Fault, faulty
from engine.publications import At, Publication
from engine.registries import served
from engine.second import SecondEngine
from engine.workshop import Running, Workshop
from pipeline.adapters import patience
from pipeline.errors import StackbuildError
from pipeline.patience import Patience

pytestmark = pytest.mark.engine

EVERY = bool(os.environ.get("STACKBUILD_EVERY_REQUEST"))
FAULTS = {
    **{str(status): Fault(status) for status in (404, 500, 401, 429, 403, 405, 503)},
    "lost": Fault(lost=True),
    "reset": Fault(reset=True),
    "cut": Fault(cut=True),
    # longer than anybody waits, see publications.py
    "hang": Fault(reset=True, wait=4),
}


@pytest.fixture(scope="module")
def at() -> At:
    return At()


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The registry's disk, which is soon full; a fault at every request leaves more on it."""
    folder = tmp_path_factory.mktemp("disk")
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={'1g' if EVERY else '16m'}", "none", str(folder)], check=True
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def publication(tmp_path_factory: pytest.TempPathFactory, disk: Path, at: At) -> Iterator[Publication]:
    folder = tmp_path_factory.mktemp("publication")
    # nobody else's pushes
    engine = SecondEngine(folder / "engine")
    try:
        client = engine.start()
        with served(disk / "registry") as upstream, faulty(at, upstream) as proxy:
            workshop = Workshop(folder / "project", client, proxy.address)
            workshop.environment["DOCKER_HOST"] = engine.address
            yield Publication(workshop, proxy, upstream, disk / "registry")
            workshop.close()
    finally:
        engine.close()


@pytest.fixture(autouse=True)
def impatient(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, with the engine of the publication, and without waits between tries."""
    monkeypatch.setattr(patience, "PLANNING", Patience(tries=2, first=0.0, longest=0.0))
    for name in ("DOCKER_HOST", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, publication.workshop.environment[name])


def points(publication: Publication, few: int) -> list[int]:
    """The numbers of all requests, or of a few that lie as far apart as can be."""
    every = len(publication.asked)
    return list(range(every)) if EVERY else [(2 * one + 1) * every // (2 * few) for one in range(few)]


class Executioner:
    """Kills a command, and waits for it to be started if need be."""

    def __init__(self) -> None:
        self._started = threading.Event()
        self._running: Running | None = None

    def take(self, running: Running) -> None:
        """This one."""
        self._running = running
        self._started.set()

    def kill(self) -> None:
        """Now, as the kernel does it."""
        self._started.wait()
        assert self._running
        self._running.process.kill()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_publication_that_is_killed_leaves_every_name_right_and_the_next_run_completes_it(
    publication: Publication, at: At, moment: str
) -> None:
    for number in points(publication, 4):
        publication.again()
        end = Executioner()
        at.arm(number, Fault(meanwhile=end.kill) if moment == "after" else Fault(first=end.kill, reset=True))
        running = publication.workshop.start(*publication.options)
        end.take(running)
        assert running.process.wait(60) == -signal.SIGKILL, f"request {number} was never made"
        at.disarm()
        publication.is_sound()
        publication.goes_on()


@pytest.mark.parametrize("first", range(len(FAULTS)) if EVERY else [0])
def test_whatever_happens_to_a_request_of_the_command_no_name_is_wrong_and_the_next_run_completes_it(
    publication: Publication, at: At, first: int
) -> None:
    """Each request meets a fault; after as many tests as there are faults it has met them all."""
    faults = list(FAULTS)[first:] + list(FAULTS)[:first]
    for number, fault in zip(points(publication, len(FAULTS)), itertools.cycle(faults), strict=False):
        publication.again()
        # what is lost has been done: whoever hears nothing of it asks again
        at.arm(number, FAULTS[fault], lasting=fault != "lost")
        with contextlib.suppress(StackbuildError):
            publication.here()
        assert at.seen > number, f"request {number} was never made"
        at.disarm()
        publication.is_sound()
        publication.goes_on()


def fill(disk: Path) -> None:
    """Leave no room on a disk."""
    with contextlib.suppress(OSError), (disk / "filling").open("ab", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


# where no upload of a layer is under way: the engine would begin it anew for a minute
WRITES = (
    "PUT /v2/team/base/manifests/k-",
    "POST /v2/team/stackbuild-generations/",
    "PUT /v2/team/good/manifests/latest",
)


@pytest.mark.parametrize("write", WRITES)
def test_a_full_disk_of_the_registry_is_told_in_words_and_once_there_is_room_the_next_run_completes_it(
    publication: Publication, at: At, disk: Path, write: str
) -> None:
    publication.again()
    at.arm(publication.first_of(write), Fault(first=lambda: fill(disk)))
    said = publication.complaint()
    at.disarm()
    assert f"the registry {publication.proxy.address} cannot write: no space left on device (500)" in said
    assert "hint: make room on its disk" in said
    publication.is_sound()
    (disk / "filling").unlink()
    publication.goes_on()


def test_a_registry_that_becomes_read_only_refuses_and_no_name_moves(
    publication: Publication, at: At, disk: Path
) -> None:
    publication.again()
    # everything is pushed: the engine would try for a minute
    at.arm(publication.first_of("POST /v2/team/stackbuild-generations/"), Fault(403), lasting=True)
    assert "refuses" in publication.complaint()
    at.disarm()
    with served(disk / "registry", read_only=True) as address:
        said = publication.complaint(address)
    assert f"the registry {address} refuses: " in said
    assert "hint: is it read-only?" in said
    assert publication.names() == publication.first
    publication.goes_on()
