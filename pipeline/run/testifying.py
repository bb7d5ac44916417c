"""Verdicts of other machines, read where this one has none; and those of this one, kept for others."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import smoke, testimony
from pipeline.adapters import pools, verdicts
from pipeline.adapters.state import State
from pipeline.adapters.terminal import warn
from pipeline.errors import InterruptedRunError, StackbuildError
from pipeline.outcome import Result, Verdict
from pipeline.smoke import Probe, Stored
from pipeline.testimony import Build

if TYPE_CHECKING:
    from pipeline.adapters.registry import Registry

TOGETHER = 8


@dataclass(frozen=True, slots=True)
class There:
    """The builds that a registry has: their digests, and what an engine calls them, by key."""

    remote: Registry
    registry: str
    digests: Mapping[str, str]
    ids: Mapping[str, str]

    def build(self, image: str, key: str) -> Build | None:
        """A build that lies there, None for any other."""
        digest, image_id = self.digests.get(key, ""), self.ids.get(key, "")
        return Build(image, key, digest, image_id) if digest and image_id else None


def borrowed(there: There, probes: Iterable[Probe], stored: Stored) -> Stored:
    """The verdicts on these probes that the registry has, where this machine remembers none that counts."""
    now = time.time()
    wanted = [
        (probe, build)
        for probe in probes
        if (build := there.build(probe.image, probe.key))
        if smoke.silent(probe, stored.get((build.image_id, probe.digest), {}), now)
    ]
    found = testimony.take(there.remote, there.registry, wanted, now) if wanted else []
    return {(there.ids[one.key], one.probe): {str(one.hardware or ""): one} for one in found}


def note(state: State, registry: str, found: Stored) -> None:
    """Remember the verdicts of others as if they were ours."""
    for (image_id, _), by_hardware in found.items():
        for verdict in by_hardware.values():
            verdicts.note(state, image_id, verdict)
    verdicts.note_shared(state, registry, (one for found in found.values() for one in found.values()))


def share(there: There, found: Iterable[Verdict], state: State) -> None:
    """Keep what has passed where others find it, unless it is known to be there.

    What cannot be kept is a warning: others probe for themselves then, and the next run here tries again.
    """
    known = verdicts.shared(state, there.registry)
    todo = {
        (one.key, one.probe): (one, build)
        for one in found
        if one.result is Result.PASSED
        and one.lasting
        and (not one.reused or (one.key, one.probe) not in known)
        if (build := there.build(one.image, one.key))
    }
    if not todo:
        return

    def keep(one: tuple[Verdict, Build]) -> Verdict | None:
        return one[0] if testimony.keep(there.remote, there.registry, *one) else None

    try:
        with pools.threads(TOGETHER) as pool:
            kept = [one for one in pool.map(keep, todo.values()) if one]
    except InterruptedRunError:
        raise
    except StackbuildError as error:
        warning = f"verdicts are not shared: {error.problems[0].message}"
        warn(warning)
        return
    verdicts.note_shared(state, there.registry, kept)
