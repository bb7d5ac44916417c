"""Registries and package indexes in trouble, one fault a test: tried again exactly where it may pass."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.debs import repository
from engine.faulty import Fault, faulty, first
from engine.workshop import ROOT, Workshop, until

pytestmark = pytest.mark.engine

QUICK = '[retry]\nfirst_wait = "40ms"\nlongest_wait = "2s"\n'
FAULTS = {
    "500": Fault(500),
    "429": Fault(429, {"Retry-After": "1"}),
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
    assert [attempt["number"] for attempt in one["attempts"]] == [1, 2, 3]
    assert one["attempts"][0]["wait"] < one["attempts"][1]["wait"] < one["attempts"][2]["wait"]
    assert Path(one["log"]).read_text().count("E: Failed to fetch") == 4
    assert "tried 4 times" in ran.err


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {tmp_path}/registry}}\n"
        f"http: {{addr: '{address}'}}\n"
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        host, _, port = address.partition(":")

        def answers() -> bool:
            with socket.socket() as probe:
                return not probe.connect_ex((host, int(port)))

        until(answers, "the registry answers")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key; docker asks nobody who signed it on loopback."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    line = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    line += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*line, "-keyout", str(path), "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_push_through_a_registry_in_trouble(workshop: Workshop, upstream: str, fault: str) -> None:
    workshop.more(QUICK)
    workshop.image("one", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    workshop.run()
    hit: list[str] = []

    def behave(method: str, path: str) -> Fault:
        if "/manifests/" in path and method == "PUT" and not hit:
            hit.append(path)
            return FAULTS[fault]
        return Fault()

    with faulty(behave, upstream) as proxy:
        ran = workshop.run(
            "--registry", f"{proxy.address}/x", "--format", "json", code=3 if fault == "401" else 0
        )
        (pushed,) = ran.json()["outcomes"]
    assert hit
    assert pushed["kind"] == ("failed" if fault == "401" else "pushed")
    # the engine has patience of its own with some of it
    assert len(pushed["attempts"]) <= 1
    if fault == "401":
        assert pushed["attempts"] == []
        assert "refuses" in pushed["message"]
