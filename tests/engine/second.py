"""A second engine, whose programs and death are the test's own business."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import docker

SECONDS = 60.0


class SecondEngine:
    """dockerd with a folder, a socket and a PATH of its own, and without a network."""

    def __init__(self, folder: Path, path: str = "") -> None:
        self.folder = folder
        self.address = f"unix://{folder}/docker.sock"
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "data-root": f"{folder}/data",
            "exec-root": f"{folder}/exec",
            "pidfile": f"{folder}/pid",
            "bridge": "none",
            "iptables": False,
            "ip6tables": False,
            "features": {"cdi": True},
            "cdi-spec-dirs": [f"{folder}/cdi"],
        }
        (folder / "config.json").write_text(json.dumps(settings))
        (folder / "cdi").mkdir(exist_ok=True)

    @property
    def environment(self) -> Mapping[str, str]:
        """What points a command at it."""
        return {**os.environ, "DOCKER_HOST": self.address}

    def start(self) -> docker.DockerClient:
        """Start it, again if need be; gives a client once it answers."""
        # a containerd that was killed and that nobody buries is waited for, ten seconds
        for name in ("pid", "exec/containerd/containerd.pid"):
            (self.folder / name).unlink(missing_ok=True)
        log = (self.folder / "log").open("ab")
        environment = {
            **os.environ,
            "PATH": f"{self._path}:{os.environ['PATH']}" if self._path else os.environ["PATH"],
        }
        environment.pop("DOCKER_HOST", None)
        line = ["dockerd", "--config-file", f"{self.folder}/config.json", "-H", self.address]
        self._process = subprocess.Popen(
            line, stdout=log, stderr=log, env=environment, start_new_session=True
        )
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                client = docker.DockerClient(base_url=self.address, version="auto")
                client.ping()
            except docker.errors.DockerException:
                assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
                time.sleep(0.1)
                continue
            return client
        raise AssertionError("the second engine does not come up")

    def kill(self) -> None:
        """End it at once, as a crash would; its containers end with it."""
        assert self._process
        for process in (self._process.pid, *self._helpers()):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()

    def _helpers(self) -> list[int]:
        """containerd, and its shims: they have its folder on their command lines."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    line = (folder / "cmdline").read_bytes()
                except OSError:
                    continue
                if f"{self.folder}/exec".encode() in line:
                    found.append(int(folder.name))
        return found

    def load(self, image: str) -> None:
        """Give it an image of the first engine."""
        saved = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
        subprocess.run(
            ["docker", "-H", self.address, "load", "-q"], stdin=saved.stdout, check=True, capture_output=True
        )
        assert saved.wait() == 0

    def close(self) -> None:
        """End it, and remove everything that it has left."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        for process in self._helpers():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed([one for one in mounts if one.startswith(f"{self.folder}/")]):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)
