"""`[limits]` and `[retry]`: how much runs at once, and how patient a run is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.config.values import read_duration
from pipeline.patience import Patience
from pipeline.tomlfile import Table

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(MB|GB|TB)\Z")
_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run may use: builds and probes at once (0: by cores), GPUs, pulls and pushes at once.

    `free_disk` is how many bytes must stay free where the engine and the state lie.
    """

    jobs: int = 0
    gpu: int = 1
    transfers: int = 4
    free_disk: int = 10**9


def read_limits(table: Table) -> Resources:
    """`[limits]`."""
    plain = Resources()
    found = Resources(
        jobs=_at_least(table, "jobs", 1) if table.has("jobs") else plain.jobs,
        gpu=_at_least(table, "gpu", plain.gpu),
        transfers=_at_least(table, "transfers", plain.transfers),
        free_disk=_size(table, "free_disk", plain.free_disk),
    )
    table.close()
    return found


def read_retry(table: Table) -> Patience:
    """`[retry]`."""
    plain = Patience()
    found = Patience(
        tries=_at_least(table, "tries", plain.tries),
        retries=_at_least(table, "retries", plain.retries, least=0),
        first=read_duration(table, "first_wait", plain.first),
        longest=read_duration(table, "longest_wait", plain.longest),
        engine=read_duration(table, "engine", plain.engine),
        answer=read_duration(table, "answer", plain.answer),
        silence=read_duration(table, "silence", plain.silence),
    )
    table.close()
    return found


def read_weight(table: Table) -> int:
    """How many jobs an image's build takes the room of."""
    return _at_least(table, "weight", 1)


def _at_least(table: Table, key: str, default: int, least: int = 1) -> int:
    value = table.take(key, int, default)
    if value < least:
        table.problem(f"'{key}' must be at least {least}", key)
        return default
    return value


def _size(table: Table, key: str, default: int) -> int:
    if not table.has(key):
        return default
    text = table.take(key, str, "")
    if match := _SIZE.match(text):
        return int(float(match[1]) * _BYTES[match[2]])
    table.problem(f"'{text}' is no size", key, "write it like 500 MB or 10 GB")
    return default
