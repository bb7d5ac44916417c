"""Executors that builds and probes run in."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor


def default_jobs() -> int:
    """As many as there are cores to use, and two at least: a build waits for the network much of its time."""
    return max(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2)


def threads(jobs: int) -> Executor:
    """Threads of this process; what they do is wait for other programs."""
    return ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="stackbuild")
