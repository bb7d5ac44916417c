"""The real command publishes to a real registry, and something happens at one of its requests.

STACKBUILD_EVERY_REQUEST=1 lets every one of these happen at every request; else a few are tried.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

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
def publication(tmp_path_factory: pytest.TempPathFactory, at: At) -> Iterator[Publication]:
    folder = tmp_path_factory.mktemp("publication")
    # the engine, too, would try again, for a minute
    engine = SecondEngine(folder / "engine")
    try:
        client = engine.start()
        with served(folder / "registry") as upstream, faulty(at, upstream) as proxy:
            workshop = Workshop(folder / "project", client, proxy.address)
            workshop.environment["DOCKER_HOST"] = engine.address
            yield Publication(workshop, proxy, upstream, folder / "registry")
            workshop.close()
    finally:
        engine.close()


@pytest.fixture(autouse=True)
def impatient(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, with the engine of the publication, and without waits between tries."""
    monkeypatch.setattr(patience, "PLANNING", Patience(tries=2, first=0.0, longest=0.0))
    for name in ("DOCKER_HOST", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, publication.workshop.environment[name])


def points(requests: int, few: int) -> list[int]:
    """The numbers of all requests, or of a few that lie as far apart as can be."""
    return list(range(requests)) if EVERY else [(2 * one + 1) * requests // (2 * few) for one in range(few)]


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
    for number in points(publication.requests, 4):
        publication.again()
        end = Executioner()
        at.arm(number, Fault(meanwhile=end.kill) if moment == "after" else Fault(first=end.kill, reset=True))
        running = publication.workshop.start(*publication.options)
        end.take(running)
        assert running.process.wait(60) == -signal.SIGKILL, f"request {number} was never made"
        at.disarm()
        publication.is_sound()
        publication.goes_on()


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_happens_to_a_request_of_the_command_no_name_is_wrong_and_the_next_run_completes_it(
    publication: Publication, at: At, fault: str
) -> None:
    every = points(publication.requests, len(FAULTS))
    for number in every if EVERY else every[list(FAULTS).index(fault) :: len(FAULTS)]:
        publication.again()
        # what is lost has been done: whoever hears nothing of it asks again
        at.arm(number, FAULTS[fault], lasting=fault != "lost")
        with contextlib.suppress(StackbuildError):
            publication.here()
        assert at.seen > number, f"request {number} was never made"
        at.disarm()
        publication.is_sound()
        publication.goes_on()
