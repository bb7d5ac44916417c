"""Runs probes in built images, unless the verdict of an earlier run stands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pipeline import smoke
from pipeline.adapters import logs, scripts
from pipeline.config import Smoke
from pipeline.outcome import Result, Verdict
from pipeline.ports import NotStarted, ProbeFile, RunProbe
from pipeline.smoke import Payload, Probe, Stored

PATIENCE = 60.0


class Prober:
    """One run's probes; `stored` gives the verdicts that may be used again, `logs` the folder of output."""

    def __init__(self, run_probe: RunProbe, stored: Callable[[], Stored], logs: Callable[[], Path]) -> None:
        self._run = run_probe
        self._read_stored = stored
        self._logs = logs
        self._seen: dict[tuple[object, ...], Verdict] = {}
        self._lock = threading.Lock()

    @cached_property
    def _stored(self) -> Stored:
        return self._read_stored()

    def verdict(self, probe: Probe, image_id: str) -> Verdict:
        """The verdict on a probe: a remembered one of the same image, probe and hardware, or a new one."""
        known = self._stored.get((image_id, probe.digest), {})
        hardware = None
        if probe.smoke.gpu and (known or not probe.smoke.probe):
            seen = self._sight(probe, image_id)
            hardware = seen.hardware
            # what a command says of a GPU that nobody has seen is worth nothing
            if seen.result is not Result.PASSED and not probe.smoke.probe:
                return smoke.judge(probe, NotStarted(seen.reason, doubt=True))
        if again := smoke.reused(probe, known.get(str(hardware or "")), time.time()):
            return again
        log = self._log(probe)
        verdict = smoke.judge(probe, self._run(smoke.order_of(probe, image_id, log)), hardware)
        return replace(verdict, log=log if verdict.seconds else "", at=time.time())

    def _log(self, probe: Probe) -> str:
        return str(self._logs() / logs.probe_name(probe.image, probe.key, probe.digest))

    def _sight(self, probe: Probe, image_id: str) -> Verdict:
        """Whether there is a GPU, seen as the probe would: a variable of an image can keep all GPUs away.

        One that was seen is not looked for again.
        """
        env, user = probe.smoke.env, probe.smoke.user
        with self._lock:
            seen = self._seen.get((image_id, env, user))
            if seen is None or seen.hardware is None:
                look = Smoke(
                    (), probe.smoke.where, gpu=True, probe=smoke.SIGHT, timeout=PATIENCE, env=env, user=user
                )
                files = tuple(ProbeFile(name, scripts.read(name)) for name in smoke.scripts_of(smoke.SIGHT))
                sight = Probe(probe.image, probe.key, look, Payload(files))
                seen = smoke.judge(sight, self._run(smoke.order_of(sight, image_id)))
                self._seen[image_id, env, user] = seen
            return seen
