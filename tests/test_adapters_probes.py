"""Probes in an engine that is frozen, or goes away."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests

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


class Away:
    """An engine that is gone as soon as it has made a container, and back when that is made again."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.there: set[str] = set()
        self.client = SimpleNamespace(containers=SimpleNamespace(create=self._create))
        self.api = SimpleNamespace(inspect_image=lambda _: {})

    @contextlib.contextmanager
    def mapped(self) -> Iterator[None]:
        yield

    def _create(self, *_: Any, **__: Any) -> SimpleNamespace:
        name = f"probe {len(self.made)}"
        self.made.append(name)
        self.there.add(name)
        return SimpleNamespace(id=name, start=self._gone, remove=lambda **_: self._remove(name))

    def _gone(self) -> None:
        raise requests.ConnectionError("the engine is gone")

    def _remove(self, name: str) -> None:
        if len(self.made) == 1:
            self._gone()
        self.there.remove(name)


def test_what_an_engine_that_was_gone_could_not_remove_goes_with_the_next_try() -> None:
    engine = Away()
    running = Probes(cast("Engine", engine))
    order = ProbeOrder("sha256:1", ("true",), gpu=False, timeout=60)
    for left in ({"probe 0"}, set()):
        with pytest.raises(requests.ConnectionError):
            running.run(order)
        assert engine.there == left
