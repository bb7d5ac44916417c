"""Executors that builds and probes run in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager


def default_jobs() -> int:
    """As many as there are cores to use, and two at least: a build waits for the network much of its time."""
    return max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2)


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
