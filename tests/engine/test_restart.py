"""An engine of the test's own that is killed and comes up again in the middle of a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest

from engine.faulty import faulty
from engine.upstream import registry
from engine.workshop import ROOT, TOML, Running, Workshop, until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine"),
]


class OwnEngine:
    """A second engine on this machine, with everything in one folder."""

    def __init__(self, folder: Path, mirrors: list[str]) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/docker.sock"
        config = {
            "data-root": f"{folder}/data",
            "exec-root": f"{folder}/exec",
            "pidfile": f"{folder}/docker.pid",
            "bridge": "none",
            "registry-mirrors": mirrors,
            "iptables": False,
            "ip6tables": False,
        }
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # a containerd that was killed and that nobody buries is waited for, ten seconds
        for name in ("docker.pid", "exec/containerd/containerd.pid"):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            line = ["dockerd", "--config-file", str(self.folder / "config.json"), "-H", self.address]
            self.process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)
        until(self.answers, f"the engine answers: {self.folder}/log", 60)

    def answers(self) -> bool:
        """Whether it does."""
        try:
            docker.DockerClient(base_url=self.address).ping()
        except (docker.errors.DockerException, OSError):
            return False
        return True

    def end(self, number: signal.Signals) -> None:
        """End it, and all that it has started."""
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, number)
            for pid in self._others() if number == signal.SIGKILL else ():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def close(self) -> None:
        """End it, and let go of its mounts."""
        self.end(signal.SIGTERM)
        for pid in self._others():
            os.kill(pid, signal.SIGKILL)
        mounts = Path("/proc/mounts").read_text().splitlines()
        for mount in sorted((line.split()[1] for line in mounts), reverse=True):
            if mount.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "-l", mount], check=False)

    def _others(self) -> Iterator[int]:
        """What a killed engine has left: its containerd, and the processes of its builds."""
        for entry in Path("/proc").iterdir():
            try:
                line = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if entry.name.isdecimal() and int(entry.name) != os.getpid() and f"{self.folder}/" in line:
                yield int(entry.name)


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory, client: docker.DockerClient) -> Iterator[OwnEngine]:
    """An engine that a test may do anything to; it has its roots from where the shared one has them."""
    # a socket's path holds 107 bytes, and its sockets lie deep: the test's own folder has too long a name
    engine = OwnEngine(tmp_path_factory.mktemp("own") / "engine", client.info()["RegistryConfig"]["Mirrors"])
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def goes_down(own: OwnEngine, workshop: Workshop, running: Running, what: str) -> None:
    """The engine is killed, and comes up again once that is noticed."""
    own.end(signal.SIGKILL)
    for pid in workshop.processes("sleep 3"):
        os.kill(pid, signal.SIGKILL)
    until(lambda: f"trying again {what}" in running.said(), "it is noticed")
    own.start()


def costs_a_try(running: Running, expected: dict[tuple[str, str], int]) -> None:
    """It ends well, each outcome after so many tries more."""
    ran = running.wait(90)
    assert ran.code == 0, ran.err
    found = {(one["kind"], one["image"]): one["attempts"] for one in ran.json()["outcomes"]}
    assert {what: len(attempts) for what, attempts in found.items()} == expected
    whys = {attempt["why"] for attempts in found.values() for attempt in attempts}
    assert whys == {"the engine is gone"}


def test_an_engine_that_goes_down_and_comes_back_costs_a_try_and_no_image(
    own: OwnEngine, tmp_path: Path
) -> None:
    client = docker.DockerClient(base_url=own.address)
    workshop = Workshop(tmp_path / "project", client, "none")
    workshop.environment["DOCKER_HOST"] = own.address
    workshop.toml(f'{TOML}\n[build]\nnetwork = "none"\n[retry]\nfirst_wait = "200ms"\n')
    workshop.image("done", "FROM scratch\nCOPY who /who\n", {"who": workshop.nonce})
    run = f"RUN sleep 3; true {workshop.nonce}"
    workshop.image("slow", f"FROM {ROOT}\nCOPY --from=jupyter/done /who /who\n{run}\n")
    running = workshop.start("--jobs", "2", "--format", "json")
    until(lambda: workshop.processes("sleep 3"), "the RUN runs", 60)
    goes_down(own, workshop, running, "slow (build)")
    costs_a_try(running, {("built", "done"): 0, ("built", "slow"): 1})
    assert workshop.run("--format", "json").json()["outcomes"] == []
    hung: list[str] = []

    def behave(method: str, path: str) -> int | None:
        # the push is in its middle when the engine goes
        if method != "PATCH" or hung:
            return 200
        hung.append(path)
        return None

    with registry(tmp_path) as upstream, faulty(behave, upstream) as proxy:
        running = workshop.start("done", "--format", "json", "--registry", f"{proxy.address}/x")
        until(lambda: hung, "the push has begun")
        goes_down(own, workshop, running, "done (push)")
        costs_a_try(running, {("pushed", "done"): 1})
