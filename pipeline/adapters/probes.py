"""Probes: containers that run one command, are watched, and never outlive their run."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import docker  # noqa: F401 (whole, before its parts: of two threads that import it one gets half)
import requests
from docker.errors import DockerException, NotFound
from docker.types import LogConfig

from pipeline.adapters import gpus, probefiles, probelogs
from pipeline.adapters.engine import PROBE_LABEL as LABEL
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.adapters.gpus import Way
from pipeline.adapters.processes import is_orphaned, owner
from pipeline.errors import FailedError, InterruptedRunError
from pipeline.ports import NotStarted, ProbeOrder, ProbeReport, Ran, TimedOut

HOST = "probe"
GRACE, HURRY = 5.0, 1.0
LOG = LogConfig(type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "1"})
GONE = "the image is not there any more"
NO_GPU = NotStarted(gpus.NO_GPU, doubt=True)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An order, what its image says of itself, the nonce it is told, and how it asks for a GPU."""

    order: ProbeOrder
    about: dict[str, Any]
    nonce: str
    way: Way | None


class Probes:
    """The probes of this process in one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._device = gpus.wanted()
        self._ways: tuple[Way, ...] | None = None
        self._busy = 0
        self._running: set[str] = set()
        self._left: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._killer = threading.Thread(target=self._kill, daemon=True)

    def run(self, order: ProbeOrder) -> ProbeReport:
        """Run a command in a container of its own, removed in any case.

        It has no network, no capabilities and no more memory or processes than the order says. Raises
        InterruptedRunError when stopped, and UnreachableError when the engine goes away.
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
        try:
            with self._engine.mapped():
                about = self._engine.api.inspect_image(order.image_id)
        except NotFoundError:
            return NotStarted(GONE, doubt=True)
        nonce = secrets.token_hex(16) if order.judges_itself else ""
        if not order.gpu:
            return self._try(_Attempt(order, about, nonce, None))
        for way in self._possible():
            report = self._try(_Attempt(order, about, nonce, way))
            if report != NO_GPU:
                self._ways = (way,)
                return report
        self._ways = ()
        return NO_GPU

    def _possible(self) -> tuple[Way, ...]:
        """The ways to a GPU that are worth trying: once one has worked, that one; none if none did."""
        if self._ways is None:
            self._ways = gpus.ways(self._engine.about(), self._device)
        return self._ways

    def _try(self, attempt: _Attempt) -> ProbeReport:
        try:
            with self._engine.mapped():
                container = self._engine.client.containers.create(
                    attempt.order.image_id, **_settings(attempt, self._device)
                )
        except NotFoundError:
            return NotStarted(GONE, doubt=True)
        except FailedError as error:
            return _refused("it could not be created", error)
        identity = str(container.id)
        with self._lock:
            self._running.add(identity)
        try:
            return self._watch(container, attempt)
        except NotFoundError:
            return NotStarted("its container was removed", doubt=True)
        finally:
            with self._lock:
                self._running.discard(identity)
            self._remove(container)

    def _remove(self, container: Any) -> None:
        """Remove a container, and those that an engine that was gone could not remove before.

        What is left in the end a later run removes.
        """
        with self._lock:
            self._left[str(container.id)] = container
            left = tuple(self._left.items())
        for identity, one in left:
            with contextlib.suppress(DockerException, requests.RequestException):
                with contextlib.suppress(NotFound):
                    one.remove(force=True, v=True)
                self._left.pop(identity, None)

    def _watch(self, container: Any, attempt: _Attempt) -> ProbeReport:
        order = attempt.order
        self._not_stopped()
        try:
            with self._engine.mapped():
                if archive := probefiles.archive(order, attempt.about, attempt.nonce):
                    container.put_archive("/", archive)
                began = time.monotonic()
                _patiently(container.start)
        except _SlowError:
            waited = time.monotonic() - began
            return NotStarted(f"the engine had not started it after {waited:.0f} s", doubt=True)
        except FailedError as error:
            return _refused("could not start", error)
        self._not_stopped()
        code = self._wait(container, began, order.timeout)
        seconds = time.monotonic() - began
        self._not_stopped()
        with self._engine.mapped():
            kept = probelogs.keep(container, order, seconds)
        if code is None:
            return TimedOut(kept.tail, seconds)
        return Ran(code, kept.tail, seconds, kept.output, kept.last, attempt.nonce, kept.oom)

    def _wait(self, container: Any, began: float, timeout: float) -> int | None:
        """The exit code, or None for a container that had to be killed when its time was over."""
        with self._engine.mapped():
            try:
                return int(container.wait(timeout=timeout)["StatusCode"])
            except (requests.ConnectionError, requests.Timeout):
                # docker's client says the same of a time that is over and of an engine that is gone
                if time.monotonic() - began < timeout:
                    raise
                with contextlib.suppress(DockerException):
                    container.kill()
                    container.wait(timeout=GRACE)
        return None

    def _not_stopped(self) -> None:
        if self._stopping:
            raise InterruptedRunError.of("interrupted")

    def stop(self) -> None:
        """End every probe that runs, and return once their containers are gone, or after a while.

        Who says it again has no time to lose.
        """
        again, self._stopping = self._stopping, True
        # an engine that is frozen would have us wait for its answer
        if not again:
            self._killer.start()
        self._killer.join(HURRY if again else GRACE)

    def _kill(self) -> None:
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


def _settings(attempt: _Attempt, device: str) -> dict[str, Any]:
    """What docker is told of a probe's container."""
    order = attempt.order
    return {
        # the image's own entrypoint may swallow commands: the probe is the whole program
        "entrypoint": [order.run[0]],
        "command": list(order.run[1:]),
        # nor does the image's own health check run beside the probe
        "healthcheck": {"test": ["NONE"]},
        "environment": dict(order.env),
        "user": order.user or None,
        "network_mode": "bridge" if order.network else "none",
        # without a network docker writes no name into /etc/hosts, and Java looks its own up
        "hostname": HOST,
        "extra_hosts": None if order.network else {HOST: "127.0.0.1"},
        "cap_drop": ["ALL"],
        "cap_add": list(order.capabilities) or None,
        "security_opt": ["no-new-privileges"],
        "mem_limit": order.memory or None,
        "memswap_limit": order.memory or None,
        "pids_limit": order.pids or None,
        "device_requests": [gpus.request(attempt.way, device)] if attempt.way else [],
        "log_config": LOG,
        "labels": {LABEL: owner()},
    }


class _SlowError(Exception):
    """The engine took longer than anybody would wait."""


def _patiently(start: Callable[[], object]) -> None:
    try:
        start()
    except requests.ReadTimeout as error:
        raise _SlowError from error
    except requests.ConnectionError as error:
        # how urllib3's time-out arrives where the connection is a socket
        if "timed out" in str(error).lower():
            raise _SlowError from error
        raise


def _refused(what: str, error: FailedError) -> NotStarted:
    """Why a container did not start; whether that says anything of its image."""
    message = error.problems[0].message
    if why := gpus.doubt(message):
        return NotStarted(why, doubt=True)
    return NotStarted(f"{what}: {message}")
