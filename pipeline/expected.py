"""How long a plan will take, as far as earlier builds tell."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline import schedule
from pipeline.plan import Action, Step


@dataclass(frozen=True, slots=True)
class Expected:
    """The seconds that the builds of a plan take together, told by the times of `known` of its `total`."""

    seconds: float
    known: int
    total: int


def expect(steps: Iterable[Step], seconds: Mapping[str, float], jobs: int) -> Expected | None:
    """What to expect with so many jobs at once, or None where no image of the plan was built before.

    An image without a time of its own is taken for an ordinary one of the plan. Pulls count for nothing.
    """
    builds = {step.key: step for step in steps if step.action is Action.BUILD}
    known = {key: seconds[step.image] for key, step in builds.items() if step.image in seconds}
    if not known:
        return None
    ordinary = sorted(known.values())[len(known) // 2]
    times = {key: known.get(key, ordinary) for key in builds}
    needs = {key: step.parents for key, step in builds.items()}
    return Expected(makespan(needs, times, jobs), len(known), len(builds))


def makespan(needs: Mapping[str, Iterable[str]], times: Mapping[str, float], jobs: int) -> float:
    """The end of the last task where the longest remaining path always goes first."""
    planned = schedule.of(needs, times)
    order = {key: number for number, key in enumerate(planned.needs)}
    waits = {key: len(above) for key, above in planned.needs.items()}
    below: dict[str, list[str]] = {key: [] for key in order}
    for key, above in planned.needs.items():
        for parent in above:
            below[parent].append(key)
    ready = [(-planned.weight[key], order[key], key) for key, count in waits.items() if not count]
    heapq.heapify(ready)
    running: list[tuple[float, int, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < jobs:
            _, number, key = heapq.heappop(ready)
            heapq.heappush(running, (now + times[key], number, key))
        now, _, done = heapq.heappop(running)
        for key in below[done]:
            waits[key] -= 1
            if not waits[key]:
                heapq.heappush(ready, (-planned.weight[key], order[key], key))
    return now
