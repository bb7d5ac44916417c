"""Publishing to a real registry: generations, going back, another machine, and faults at every request."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import shutil
import socket
import ssl
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from engine.second import SecondEngine
from engine.workshop import ROOT, Workshop
from pipeline import publish
from pipeline.adapters import patience
from pipeline.adapters.credentials import Credentials
from pipeline.adapters.registry import Registry
from pipeline.errors import StackbuildError
from pipeline.patience import Patience
from pipeline.ports import KEY_LABEL, Stored
from pipeline.publish import Entry, Generation, Place

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
def other() -> Iterator[SecondEngine]:
    """Another machine's engine: its own store, the same registry."""
    folder = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    engine = SecondEngine(folder / "engine")
    try:
        engine.start().close()
        yield engine
    finally:
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_another_machine_builds_nothing_probes_nothing_and_pulls_what_it_builds_on(
    workshop: Workshop, other: SecondEngine, tmp_path: Path
) -> None:
    workshop.image("base", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("child", "FROM jupyter/base\nCOPY who /child\n", {"who": "1"})
    workshop.image("aside", "FROM jupyter/base\nCOPY who /aside\n", {"who": "1"})
    workshop.more('[[smoke]]\nrun = ["test", "-f", "/who"]\nnetwork = true')
    options = ("--registry", workshop.registry, "--format", "json")
    workshop.run(*options)
    home = tmp_path / "there"
    shutil.copytree(workshop.root, home, ignore=shutil.ignore_patterns(".stackbuild"))
    there = {"DOCKER_HOST": other.address}
    # what has passed here is named from there, and never pulled
    report = workshop.run("publish", *options, env=there, cwd=home).json()
    assert report["outcomes"] == []
    assert {(v["image"], v["result"], v["reused"]) for v in report["verdicts"]} == {
        ("aside", "passed", True),
        ("child", "passed", True),
    }
    assert {(name["image"], name["kind"]) for name in report["names"]} == {
        ("aside", "promoted"),
        ("base", "promoted"),
        ("child", "promoted"),
    }
    client = docker.DockerClient(base_url=other.address)
    assert client.images.list() == []
    (home / "images/child/who").write_text("2")
    report = workshop.run(*options, env=there, cwd=home).json()
    kinds = [(outcome["kind"], outcome["image"]) for outcome in report["outcomes"]]
    assert kinds == [("pulled", "base"), ("built", "child"), ("pushed", "child")]
    assert [v["image"] for v in report["verdicts"] if not v["reused"]] == ["child"]
    # and the other way round, unless everything is to be probed anew
    (workshop.images / "child/who").write_text("2")
    assert workshop.run(*options).json()["outcomes"] == []
    report = workshop.run("smoke", "child", "--smoke", "always", *options).json()
    assert [(v["image"], v["reused"]) for v in report["verdicts"]] == [("child", False)]


class Proxy:
    """Between us and the registry: speaks plain HTTP, and does something else to one request."""

    def __init__(self, behind: str, login: str) -> None:
        self.asked: list[str] = []
        self.at, self.fault, self.lasting = -1, "", False
        outer = self
        secure = ssl.create_default_context()
        secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                number = len(outer.asked)
                outer.asked.append(f"{self.command} {self.path}")
                hit = number == outer.at or (outer.lasting and number > outer.at >= 0)
                fault = outer.fault if hit else ""
                if fault == "hang":
                    time.sleep(1.5)
                if fault in {"hang", "reset"}:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    self.close_connection = True
                    self.connection.close()
                    return
                if fault.isdecimal():
                    self._send(int(fault), {"Content-Type": "application/json"}, b'{"errors": []}')
                    return
                line = http.client.HTTPSConnection(behind.replace("0.0.0.0", "127.0.0.1"), context=secure)
                sent = {n: v for n, v in self.headers.items() if n.lower() not in {"host", "authorization"}}
                line.request(self.command, self.path, body, {**sent, "Authorization": login, "Host": behind})
                answer = line.getresponse()
                data = answer.read()
                headers = {n: v.replace(f"https://{behind}", "") for n, v in answer.getheaders()}
                line.close()
                if fault == "lost":  # the registry has done it, and we never hear of it
                    self.close_connection = True
                    return
                self._send(
                    answer.status, headers, data[: len(data) // 2] if fault == "cut" else data, len(data)
                )
                if fault == "cut":
                    self.close_connection = True

            def _send(
                self, status: int, headers: dict[str, str], data: bytes, length: int | None = None
            ) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in {"content-length", "connection", "date", "server"}:
                        self.send_header(name, value)
                told = headers.get("Content-Length", "0") if self.command == "HEAD" else ""
                self.send_header("Content-Length", told or str(len(data) if length is None else length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def proxy(registry: str) -> Iterator[Proxy]:
    login = Credentials().of(registry)
    assert login is not None
    made = Proxy(registry, login.basic)
    yield made
    made.close()


def pushed(place: Place, image: str, key: str, layers: list[str]) -> str:
    """Push an image of nothing; gives its digest."""
    repository = place.whole(image)
    config = json.dumps({"config": {"Labels": {KEY_LABEL: key}}, "rootfs": {"diff_ids": layers}}).encode()
    where = place.remote.upload(repository, config)
    media = "application/vnd.oci.image"
    value = {
        "schemaVersion": 2, "mediaType": f"{media}.manifest.v1+json", "layers": [],
        "config": {"mediaType": f"{media}.config.v1+json", "digest": where, "size": len(config)},
    }  # fmt: skip
    stored = Stored(json.dumps(value).encode(), f"{media}.manifest.v1+json")
    place.remote.put(f"{repository}:k-{key}", stored)
    return stored.digest


def build(place: Place, number: int) -> tuple[Entry, ...]:
    """The builds of a base and a child, as run `number` makes them."""
    base = pushed(place, "base", f"b{number}", [f"b{number}"])
    child = pushed(place, "child", f"c{number}", [f"b{number}", f"c{number}"])
    return (
        Entry("base", "cpu", f"b{number}", base, ("base:latest", f"base:day-{number}")),
        Entry("child", "cpu", f"c{number}", child, ("child:latest", f"child:day-{number}"), "base"),
    )


def publication(place: Place, entries: tuple[Entry, ...]) -> None:
    def propose(last: Generation | None) -> Generation:
        assert publish.looking.unfit(place.remote, place.registry, entries) == {}
        return Generation(0, "", entries)

    publish.publish(place, propose, lambda: "now")


FAULTS = ["401", "403", "404", "429", "500", "405", "cut", "reset", "hang", "lost"]


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_happens_to_a_request_no_name_is_wrong_and_the_next_run_goes_on(
    registry: str, proxy: Proxy, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PLANNING", Patience(tries=2, first=0.0, longest=0.0))
    prefix = f"t-{uuid.uuid4().hex[:12]}"
    here = Place(Registry(), f"{registry}/{prefix}")
    through = Place(Registry(timeout=0.7), f"{proxy.address}/{prefix}")
    proxy.at, proxy.fault, proxy.lasting = -1, fault, fault != "lost"
    publication(here, build(here, 0))
    proxy.asked.clear()
    publication(through, build(here, 1))
    requests = len(proxy.asked)
    assert requests > 10
    # every request meets every fault where there is time, and two do where there is less
    few = range(7 * FAULTS.index(fault) % (requests // 2), requests, requests // 2)
    every = range(requests) if os.environ.get("STACKBUILD_EVERY_REQUEST") else few
    good = {(e.image, e.digest) for number in (0, 1) for e in build(here, number)}
    for number, at in enumerate(every, 2):
        entries = build(here, number)
        good |= {(entry.image, entry.digest) for entry in entries}
        through = Place(Registry(timeout=0.7), f"{proxy.address}/{prefix}")
        proxy.asked.clear()
        proxy.at = at
        with contextlib.suppress(StackbuildError, AssertionError):
            publication(through, entries)
        proxy.at = -1
        tags = [
            f"{image}:{tag}" for image in ("base", "child") for tag in here.remote.tags(here.whole(image))
        ]
        moved = [name for name in tags if ":k-" not in name]
        found = here.remote.digests(map(here.whole, moved))
        assert {(name.partition(":")[0], found[here.whole(name)]) for name in moved} <= good
        latest = [found[here.whole(f"{image}:latest")] for image in ("base", "child")]
        if latest[1] == entries[1].digest:
            assert latest[0] == entries[0].digest  # a child is never ahead
        publication(here, entries)
        last = publish.newest(here)
        assert last is not None
        assert last.entries == entries
        assert publish.astray(here, last) == {}
