"""Registries and package indexes in trouble, one fault a test: tried again exactly where it may pass."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.debs import repository
from engine.faulty import Behaviour, Fault, faulty, first
from engine.upstream import put, registry
from engine.workshop import NONCE, ROOT, Workshop
from pipeline.ports import KEY_LABEL

pytestmark = pytest.mark.engine

QUICK = '[retry]\nfirst_wait = "40ms"\nlongest_wait = "2s"\n'
FAULTS = {
    "500": Fault(500),
    # as large registries say it: a status and its headers are not all that the engine passes on
    "429": Fault(429, {"Retry-After": "1"}, message="retry-after: 1s, allowed: 5/minute"),
    "401": Fault(401),
    "cut": Fault(cut=True),
    "reset": Fault(reset=True),
    "slow": Fault(wait=1.5),
}
PASSING = ("500", "429", "cut", "reset", "slow")
APT = (
    "rm -f /etc/apt/sources.list.d/* && echo 'deb [trusted=yes] http://{} ./' > /etc/apt/sources.list"
    " && apt-get -o Acquire::Retries=0 -o Acquire::http::Timeout=1 -o Acquire::http::Proxy=DIRECT update"
    " && apt-get -o Acquire::Retries=0 -o Acquire::http::Timeout=1 -o Acquire::http::Proxy=DIRECT"
    " install -y --no-install-recommends hollow # {}"
)


@pytest.fixture(scope="module")
def gateway(client: Any) -> str:
    """The address under which a build reaches this machine."""
    line = [
        "docker",
        "run",
        "--rm",
        ROOT,
        "sh",
        "-c",
        "sed -n 's/^[^\t]*\t00000000\t\\([0-9A-F]*\\).*/\\1/p' /proc/net/route",
    ]
    found = subprocess.run(line, check=True, capture_output=True, text=True).stdout.split()[0]
    return socket.inet_ntoa(bytes.fromhex(found)[::-1])


def outcomes(ran: Any) -> dict[str, Any]:
    """How each image came out."""
    return {outcome["image"]: outcome for outcome in ran.json()["outcomes"] if outcome["kind"] != "pushed"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_package_index_in_trouble(workshop: Workshop, gateway: str, fault: str) -> None:
    workshop.more(QUICK)
    # a connection that was kept open and breaks is opened once more by apt itself
    times = 2 if fault in {"reset", "slow"} else 1
    with faulty(first(times, FAULTS[fault], ".deb"), files=repository("hollow"), host=gateway) as index:
        workshop.image("one", f"FROM {ROOT}\nRUN {APT.format(index.address, workshop.nonce)}\n")
        passes = fault in PASSING
        ran = workshop.run("--format", "json", code=0 if passes else 1)
        asked = [path for path in index.asked if path.endswith(".deb")]
    one = outcomes(ran)["one"]
    assert len(asked) == times + passes
    assert [attempt["number"] for attempt in one["attempts"]] == ([1] if passes else [])
    assert all(attempt["why"].startswith("apt: ") for attempt in one["attempts"])
    assert all(0.03 <= attempt["wait"] <= 0.04 for attempt in one["attempts"])
    assert ran.err.count("trying again one (build) in ") == (1 if passes else 0)
    assert one["kind"] == ("built" if passes else "failed")


def test_an_index_that_stays_in_trouble_is_given_up_and_all_tries_are_in_the_log(
    workshop: Workshop, gateway: str
) -> None:
    workshop.more(QUICK)
    with faulty(
        lambda _m, path: Fault(503) if ".deb" in path else 200, files=repository("hollow"), host=gateway
    ) as index:
        workshop.image("one", f"FROM {ROOT}\nRUN {APT.format(index.address, workshop.nonce)}\n")
        ran = workshop.run("--format", "json", code=1)
    one = outcomes(ran)["one"]
    assert [attempt["number"] for attempt in one["attempts"]] == [1, 2, 3, 4]
    assert one["attempts"][0]["wait"] < one["attempts"][1]["wait"] < one["attempts"][2]["wait"]
    assert Path(one["log"]).read_text().count("E: Failed to fetch") == 5
    assert "tried 5 times" in ran.err


@pytest.mark.parametrize("what", ["RUN false", "RUN apt-get install -y no-such-package", "RUN exit 137"])
def test_what_another_try_would_not_mend_is_tried_once(workshop: Workshop, what: str) -> None:
    workshop.more(QUICK)
    workshop.image("one", f"FROM {ROOT}\n{what} # {workshop.nonce}\n")
    ran = workshop.run("--format", "json", code=1)
    assert outcomes(ran)["one"]["attempts"] == []
    assert "trying again" not in ran.err
    assert ("out of memory, or killed" in ran.err) == ("137" in what)


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[str]:
    """A registry of the test's own, on loopback."""
    with registry(tmp_path) as address:
        yield address


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key; docker asks nobody who signed it on loopback."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    line = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    line += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*line, "-keyout", str(path), "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def once(fault: str, method: str, of: str, hit: list[str]) -> Behaviour:
    """A registry that has this fault with the first request like that; a refusal stays."""

    def behave(asked: str, path: str) -> Fault:
        if asked == method and of in path and (fault == "401" or not hit):
            hit.append(path)
            return FAULTS[fault]
        return Fault()

    return behave


def is_as_it_should_be(ran: Any, one: Any, fault: str, doing: str) -> None:
    """What may pass has been tried again, and nothing else; who asked to be left alone was."""
    assert one["kind"] == ("failed" if fault == "401" else doing)
    # the engine, and BuildKit, have patience of their own with some of it
    assert len(one["attempts"]) <= 1
    assert ran.err.count("trying again") == len(one["attempts"])
    if fault in {"401", "slow"}:
        assert one["attempts"] == []
    for attempt in one["attempts"]:
        low, high = (1.0, 1.01) if fault == "429" else (0.03, 0.04)
        assert low <= attempt["wait"] <= high, attempt


@pytest.mark.parametrize("fault", FAULTS)
def test_a_push_to_a_registry_in_trouble(workshop: Workshop, upstream: str, fault: str) -> None:
    workshop.more(QUICK)
    workshop.image("one", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    hit: list[str] = []
    with faulty(once(fault, "PUT", "/manifests/", hit), upstream) as proxy:
        address = f"{proxy.address}/x"
        ran = workshop.run("--registry", address, "--format", "json", code=3 if fault == "401" else 0)
    built, pushed = ran.json()["outcomes"]
    assert built["kind"] == "built"
    assert hit
    is_as_it_should_be(ran, pushed, fault, "pushed")
    if fault == "401":
        assert "refuses" in pushed["message"]


def test_a_push_goes_through_tls_as_well(workshop: Workshop, upstream: str, certificate: Path) -> None:
    workshop.image("one", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    with faulty(lambda _method, _path: 200, upstream, certificate=certificate) as proxy:
        ran = workshop.run("--registry", f"{proxy.address}/x", "--format", "json")
    assert [(one["kind"], one.get("attempts")) for one in ran.json()["outcomes"]] == [
        ("built", []),
        ("pushed", []),
    ]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_pull_of_a_parent_from_a_registry_in_trouble(workshop: Workshop, upstream: str, fault: str) -> None:
    workshop.more(QUICK)
    workshop.image("base", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("leaf", "FROM jupyter/base\nCOPY who /leaf\n", {"who": workshop.nonce})
    key = workshop.plan()["default"]["images"]["base"]["key"]
    labels = {KEY_LABEL: key, NONCE: workshop.nonce}
    put(f"{upstream}/x/base:k-{key[:32]}", {"who": f"of another machine {workshop.nonce}"}, labels)
    hit: list[str] = []
    with faulty(once(fault, "GET", "/manifests/sha256:", hit), upstream) as proxy:
        address = f"{proxy.address}/x"
        ran = workshop.run("--registry", address, "--format", "json", code=3 if fault == "401" else 0)
    base = outcomes(ran)["base"]
    assert hit
    is_as_it_should_be(ran, base, fault, "pulled")
    assert outcomes(ran)["leaf"]["kind"] == ("blocked" if fault == "401" else "built")
    if fault != "401":
        assert workshop.text("leaf", "/who") == f"of another machine {workshop.nonce}"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_root_in_a_registry_in_trouble(
    workshop: Workshop, upstream: str, certificate: Path, fault: str
) -> None:
    workshop.more(QUICK)
    put(f"{upstream}/x/root:1", {"root": workshop.nonce})
    hit: list[str] = []
    with faulty(once(fault, "GET", "/blobs/", hit), upstream, certificate=certificate) as proxy:
        workshop.image("one", f"FROM {proxy.address}/x/root:1\nCOPY who /\n", {"who": workshop.nonce})
        ran = workshop.run("--format", "json", code=1 if fault == "401" else 0)
    assert hit
    is_as_it_should_be(ran, outcomes(ran)["one"], fault, "built")
    if fault != "401":
        assert workshop.text("one", "/root") == workshop.nonce


def test_a_registry_that_asks_to_be_left_alone_is_left_alone_for_so_long(
    workshop: Workshop, upstream: str
) -> None:
    workshop.more(QUICK)
    workshop.image("one", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    asked: list[str] = []

    def behave(method: str, path: str) -> Fault:
        if "/x/one/manifests/k-" not in path:
            return Fault()
        asked.append(method)
        # the question that comes after the push
        return Fault(429, {"Retry-After": "1"}) if asked[-2:] == ["PUT", "GET"] else Fault()

    with faulty(behave, upstream) as proxy:
        ran = workshop.run("--registry", f"{proxy.address}/x", "--format", "json")
    built, pushed = ran.json()["outcomes"]
    assert built["kind"] == "built"
    (attempt,) = pushed["attempts"]
    assert 1.0 <= attempt["wait"] <= 1.01
    assert "retry-after: 1 s" in attempt["why"]
    # it was there all the time, and is not sent again
    assert asked.count("PUT") == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_registry_that_is_silent_is_not_taken_for_an_engine_that_is_gone(
    workshop: Workshop, upstream: str, method: str
) -> None:
    workshop.more(f'{QUICK}tries = 2\nsilence = "1s"\n')
    workshop.image("one", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    with faulty(lambda asked, _path: None if asked == method else 200, upstream) as proxy:
        ran = workshop.run("--registry", f"{proxy.address}/x", "--format", "json", code=3)
    built, failed = ran.json()["outcomes"]
    assert built["kind"] == "built"
    said = f"the registry {proxy.address} is silent: nothing has come of it for 1.0 s"
    assert failed["message"] == said
    assert [attempt["why"] for attempt in failed["attempts"]] == [said]
    assert "[retry] silence" in failed["hint"]
    assert "engine" not in failed["message"]


@pytest.mark.parametrize("what", ["/manifests/", "/blobs/"])
def test_a_registry_that_is_silent_while_a_root_is_fetched_is_not_waited_for_for_ever(
    workshop: Workshop, upstream: str, certificate: Path, what: str
) -> None:
    workshop.more(f'{QUICK}tries = 2\nsilence = "2s"\n')
    put(f"{upstream}/x/root:1", {"root": workshop.nonce})
    locked: list[str] = []

    def behave(_method: str, path: str) -> int | None:
        return None if locked and what in path else 200

    with faulty(behave, upstream, certificate=certificate) as proxy:
        workshop.image("one", f"FROM {proxy.address}/x/root:1\nCOPY who /\n", {"who": workshop.nonce})
        workshop.run("lock")
        locked.append("from now on")
        ran = workshop.run("--locked", "--format", "json", code=3)
    failed = outcomes(ran)["one"]
    said = f"the registry {proxy.address} is silent: nothing has come of it for 2.0 s"
    assert failed["message"] == said
    assert [attempt["why"] for attempt in failed["attempts"]] == [said]
