"""Scripts run inside built images for what they print: containers without rights, removed in any case."""

from __future__ import annotations

import contextlib
import io
import tarfile
import threading
import time
from dataclasses import dataclass
from typing import Any

import docker  # noqa: F401 (whole, before its parts: of two threads that import it one gets half)
import requests
from docker.errors import DockerException
from docker.types import LogConfig

from pipeline.adapters import proxies
from pipeline.adapters.engine import PROBE_LABEL as LABEL
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.adapters.processes import owner
from pipeline.errors import FailedError, InterruptedRunError
from pipeline.ports import Means

PIDS = 1024
MOST_BYTES = 16 << 20
LOG = LogConfig(type=LogConfig.types.JSON, config={"max-size": "32m", "max-file": "1"})


@dataclass(frozen=True, slots=True)
class Script:
    """A script for the image's `sh`, and the words it is given; `timeout` is in seconds.

    `online` are the means by which it reaches the network, those of builds; None for not at all. `root` makes
    it root, though without capabilities. `files` are texts by their paths in the container, which everybody
    may read.
    """

    text: str
    words: tuple[str, ...] = ()
    timeout: float = 120.0
    online: Means | None = None
    root: bool = False
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a script printed, and how it ended: its exit code, or None where its time was over."""

    code: int | None
    out: str
    err: str


class CannotRunError(FailedError):
    """The image cannot run a script: it has no shell, or is not there any more."""


class Inside:
    """The scripts of this process in one engine's images."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def run(self, image: str, script: Script) -> Answer:
        """Run a script in an image.

        Raises CannotRunError where the image cannot, InterruptedRunError when stopped, and UnreachableError
        when the engine goes away.
        """
        self._not_stopped()
        try:
            with self._engine.mapped():
                container = self._engine.client.containers.create(
                    image,
                    # the image's own entrypoint may swallow commands
                    entrypoint=["sh"],
                    command=["-c", script.text, "stackbuild", *script.words],
                    **surroundings(script.online),
                    cap_drop=["ALL"],
                    security_opt=["no-new-privileges"],
                    pids_limit=PIDS,
                    log_config=LOG,
                    labels={LABEL: owner()},
                    user="0" if script.root else None,
                )
        except (FailedError, NotFoundError) as error:
            raise CannotRunError(*error.problems) from error
        identity = str(container.id)
        with self._lock:
            self._running.add(identity)
        try:
            if script.files:
                with self._engine.mapped():
                    container.put_archive("/", _packed(script.files))
            return self._follow(container, script.timeout)
        finally:
            with self._lock:
                self._running.discard(identity)
            with contextlib.suppress(DockerException, requests.RequestException):
                container.remove(force=True, v=True)

    def _follow(self, container: Any, timeout: float) -> Answer:
        self._not_stopped()
        try:
            with self._engine.mapped():
                container.start()
        except (FailedError, NotFoundError) as error:
            raise CannotRunError(*error.problems) from error
        began = time.monotonic()
        code: int | None = None
        with self._engine.mapped():
            try:
                code = int(container.wait(timeout=timeout)["StatusCode"])
            except (requests.ConnectionError, requests.Timeout):
                # docker's client says the same of a time that is over and of an engine that is gone
                if time.monotonic() - began < timeout:
                    raise
                with contextlib.suppress(DockerException):
                    container.kill()
            self._not_stopped()
            out, err = (self._said(container, stdout=stdout) for stdout in (True, False))
        return Answer(code, out, err)

    def _said(self, container: Any, *, stdout: bool) -> str:
        taken = bytearray()
        for part in container.logs(stdout=stdout, stderr=not stdout, stream=True):
            taken += part
            if len(taken) > MOST_BYTES:
                break
        return taken[:MOST_BYTES].decode("utf-8", "replace")

    def _not_stopped(self) -> None:
        if self._stopping:
            raise InterruptedRunError.of("interrupted")

    def stop(self) -> None:
        """End every script that runs."""
        self._stopping = True
        with self._lock:
            running = tuple(self._running)
        for identity in running:
            with contextlib.suppress(DockerException, requests.RequestException):
                self._engine.api.kill(identity)


def surroundings(online: Means | None) -> dict[str, Any]:
    """What a container is told of the network: what builds are, proxies by their usual variables."""
    if online is None:
        return {"network_mode": "none"}
    return {
        "network_mode": "bridge" if online.network == "default" else online.network,
        "extra_hosts": dict(online.hosts),
        "environment": proxies.of(online),
    }


def _packed(files: tuple[tuple[str, str], ...]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, text in files:
            data = text.encode("utf-8", "surrogateescape")
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return archive.getvalue()
