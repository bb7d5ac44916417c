"""Probes: containers that run one command, are watched, and never outlive their run."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import requests
from docker.errors import DockerException
from docker.types import DeviceRequest, LogConfig

from pipeline.adapters.engine import PROBE_LABEL as LABEL
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.adapters.processes import is_orphaned, owner
from pipeline.errors import FailedError, InterruptedRunError
from pipeline.ports import NotStarted, ProbeOrder, ProbeReport, Ran, TimedOut

TAIL = 20
HOST = "probe"
PIDS = 4096
GRACE = 5.0
LOG = LogConfig(type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "1"})
NO_GPU_SIGNS = ("could not select device driver", "no known gpu vendor", "unresolvable cdi devices")


class Probes:
    """The probes of this process in one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._busy = 0
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def run(self, order: ProbeOrder) -> ProbeReport:
        """Run a command in a container of its own: no network, no capabilities, removed in any case.

        Raises InterruptedRunError when stopped, and UnreachableError when the engine goes away.
        """
        with self._lock:
            self._busy += 1
        try:
            return self._run(order)
        finally:
            with self._lock:
                self._busy -= 1

    def _run(self, order: ProbeOrder) -> ProbeReport:
        self._not_stopped()
        gpus = [DeviceRequest(count=-1, capabilities=[["gpu"]])] if order.gpu else []
        try:
            with self._engine.mapped():
                container = self._engine.client.containers.create(
                    order.image_id,
                    # the image's own entrypoint may swallow commands: the probe is the whole program
                    entrypoint=[order.run[0]],
                    command=list(order.run[1:]),
                    network_mode="none",
                    # without a network docker writes no name into /etc/hosts, and Java looks its own up
                    hostname=HOST,
                    extra_hosts={HOST: "127.0.0.1"},
                    cap_drop=["ALL"],
                    security_opt=["no-new-privileges"],
                    pids_limit=PIDS,
                    device_requests=gpus,
                    log_config=LOG,
                    labels={LABEL: owner()},
                )
        except (FailedError, NotFoundError) as error:
            return NotStarted(error.problems[0].message)
        identity = str(container.id)
        with self._lock:
            self._running.add(identity)
        try:
            return self._watch(container, order.timeout)
        except (FailedError, NotFoundError) as error:
            return NotStarted(error.problems[0].message)
        finally:
            with self._lock:
                self._running.discard(identity)
            with contextlib.suppress(DockerException, requests.RequestException):
                container.remove(force=True, v=True)

    def _watch(self, container: Any, timeout: float) -> ProbeReport:
        began = time.monotonic()
        try:
            self._not_stopped()
            with self._engine.mapped():
                container.start()
        except FailedError as error:
            message = error.problems[0].message
            if any(sign in message.lower() for sign in NO_GPU_SIGNS):
                return NotStarted("no GPU on this engine", no_gpu=True)
            return NotStarted(f"could not start: {message}")
        self._not_stopped()
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
            seconds = time.monotonic() - began
            self._not_stopped()
            text = container.logs(tail=TAIL).decode("utf-8", "replace")
        tail = tuple(line[:500] for line in text.splitlines()[-TAIL:])
        return TimedOut(tail, seconds) if code is None else Ran(code, tail, seconds)

    def _not_stopped(self) -> None:
        if self._stopping:
            raise InterruptedRunError.of("interrupted")

    def stop(self) -> None:
        """End every probe that runs, and return once their containers are gone."""
        self._stopping = True
        until = time.monotonic() + GRACE
        while self._busy and time.monotonic() < until:
            with self._lock:
                running = tuple(self._running)
            for identity in running:
                with contextlib.suppress(DockerException, requests.RequestException):
                    self._engine.api.kill(identity)
            time.sleep(0.05)

    def sweep(self) -> int:
        """Remove the probes that a killed run on this machine has left behind; gives how many."""
        with self._engine.mapped():
            found = self._engine.client.containers.list(
                all=True, filters={"label": LABEL}, ignore_removed=True
            )
        swept = 0
        for container in found:
            if is_orphaned(str(container.labels.get(LABEL))):
                with contextlib.suppress(DockerException, requests.RequestException):
                    container.remove(force=True, v=True)
                    swept += 1
        return swept
