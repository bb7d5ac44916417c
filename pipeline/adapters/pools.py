"""Executors that builds and probes run in."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

# seconds of a processor that a build takes to start, about
START = 0.2


def default_jobs() -> int:
    """As many as there are cores to use, and two at least: a build waits for the network much of its time."""
    return max(2, _cores())


class Turns:
    """Lets builds begin some seconds apart.

    Those that start together are all as slow as the last, and stay together, with idle processors in between.
    """

    def __init__(self, apart: float | None = None) -> None:
        self._apart = START / _cores() if apart is None else apart
        self._next = 0.0

    def take(self) -> float:
        """Take a turn, which gives 0; or the seconds until there is one."""
        now = time.monotonic()
        if now < self._next:
            return self._next - now
        self._next = now + self._apart
        return 0.0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


@contextmanager
def threads(jobs: int) -> Iterator[Executor]:
    """Threads of this process; what they do is wait for other programs.

    On an exception nobody waits for them: what was asked to stop may take longer than a person would.
    """
    executor = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="stackbuild")
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()
