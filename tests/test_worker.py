"""How the work of a run is stopped."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from pipeline.run.worker import Worker


def test_a_second_ctrl_c_ends_probes_too_and_kills_builds() -> None:
    stopped: list[str] = []

    def builds(*, kill: bool = False) -> None:
        if not kill:
            raise KeyboardInterrupt
        stopped.append("builds")

    worker = Worker.__new__(Worker)
    vars(worker).update(
        _stopped=threading.Event(),
        _claims=SimpleNamespace(stop=lambda: None),
        engine=SimpleNamespace(stop=lambda: None),
        _builds=SimpleNamespace(stop=builds),
        probes=SimpleNamespace(stop=lambda: stopped.append("probes")),
    )
    worker.stop()
    assert stopped == ["builds", "probes"]


def test_where_nothing_was_probed_nothing_is_imported_to_stop_it() -> None:
    worker = Worker.__new__(Worker)
    nothing = SimpleNamespace(stop=lambda: None)
    vars(worker).update(_stopped=threading.Event(), _claims=nothing, engine=nothing, _builds=nothing)
    worker.stop()
    assert "probes" not in vars(worker)
