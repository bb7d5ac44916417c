"""Probes that are told to stop, by an engine that does not answer."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.adapters import probes
from pipeline.adapters.engine import Engine
from pipeline.adapters.probes import Probes
from pipeline.errors import InterruptedRunError
from pipeline.ports import ProbeOrder


class Frozen:
    """An engine that has started a probe, and says nothing any more until it thaws."""

    def __init__(self) -> None:
        self.started, self.thawed = threading.Event(), threading.Event()
        container = SimpleNamespace(id="probe", start=self.started.set, wait=self._hang, remove=self._hang)
        self.client = SimpleNamespace(containers=SimpleNamespace(create=lambda *_, **__: container))
        self.api = SimpleNamespace(inspect_image=lambda _: {}, kill=self._hang)

    @contextlib.contextmanager
    def mapped(self) -> Iterator[None]:
        yield

    def _hang(self, *_: Any, **__: Any) -> dict[str, int]:
        self.thawed.wait(10)
        return {"StatusCode": 0}


def test_to_stop_a_probe_does_not_wait_for_an_engine_that_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "GRACE", 0.2)
    engine = Frozen()
    running = Probes(cast("Engine", engine))
    order = ProbeOrder("sha256:1", ("true",), gpu=False, timeout=60)

    def work() -> None:
        with contextlib.suppress(InterruptedRunError):
            running.run(order)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    assert engine.started.wait(5)
    began = time.monotonic()
    running.stop()
    assert 0.2 <= time.monotonic() - began < 2
    engine.thawed.set()
    worker.join(5)
