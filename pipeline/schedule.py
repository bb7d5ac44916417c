"""What may run now: a value that only `started` and `finished` move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Schedule:
    """Tasks by name with the tasks they wait for; parents that are no tasks are taken as done."""

    needs: Mapping[str, frozenset[str]]
    weight: Mapping[str, float]
    waiting: frozenset[str]
    running: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    blocked: frozenset[str] = field(default=frozenset())

    @property
    def ready(self) -> tuple[str, ...]:
        """What may start, the longest remaining path first, then in the order of the plan."""
        free = [task for task, above in self.needs.items() if task in self.waiting and above <= self.done]
        return tuple(sorted(free, key=lambda task: -self.weight[task]))

    @property
    def over(self) -> bool:
        """Whether nothing runs and nothing ever will."""
        return not self.waiting and not self.running

    def started(self, task: str) -> Schedule:
        """The schedule once a ready task runs."""
        if task not in self.waiting or not self.needs[task] <= self.done:
            raise ValueError(f"{task} is not ready")
        return replace(self, waiting=self.waiting - {task}, running=self.running | {task})

    def finished(self, task: str, *, ok: bool) -> Schedule:
        """The schedule once a running task has ended; a failure blocks exactly its descendants."""
        if task not in self.running:
            raise ValueError(f"{task} does not run")
        after = replace(self, running=self.running - {task})
        if ok:
            return replace(after, done=self.done | {task})
        lost = {task}
        while more := {waits for waits in after.waiting if waits not in lost and self.needs[waits] & lost}:
            lost |= more
        lost.remove(task)
        return replace(
            after,
            failed=self.failed | {task},
            blocked=self.blocked | lost,
            waiting=after.waiting - lost,
        )

    def stopped(self) -> Schedule:
        """The schedule that starts nothing more."""
        return replace(self, waiting=frozenset(), blocked=self.blocked | self.waiting)


def fitting(
    ready: Iterable[str], demands: Mapping[str, Mapping[str, int]], free: Mapping[str, int]
) -> tuple[str, ...]:
    """What of the ready tasks may start now, with this much left of each resource.

    What a task lacks is kept for it: one that needs much is not overtaken for ever by those that need little.
    """
    left = dict(free)
    found = []
    for task in ready:
        lacking = [resource for resource, much in demands[task].items() if left[resource] < much]
        if lacking:
            left |= dict.fromkeys(lacking, 0)
            continue
        for resource, much in demands[task].items():
            left[resource] -= much
        found.append(task)
    return tuple(found)


def left(room: Mapping[str, int], taken: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """What is left of each resource."""
    free = dict(room)
    for demand in taken:
        for resource, much in demand.items():
            free[resource] -= much
    return free


def of(needs: Mapping[str, Iterable[str]], seconds: Mapping[str, float] | None = None) -> Schedule:
    """A schedule of tasks, nothing started; `seconds` are expected durations (one where unknown).

    `needs` must come parents first, as a plan does.
    """
    known = seconds or {}
    inner = {task: frozenset(above) & needs.keys() for task, above in needs.items()}
    weight: dict[str, float] = {}
    longest_below: dict[str, float] = dict.fromkeys(inner, 0.0)
    for task in reversed(inner):
        weight[task] = known.get(task, 1.0) + longest_below[task]
        for parent in inner[task]:
            longest_below[parent] = max(longest_below[parent], weight[task])
    return Schedule(inner, weight, frozenset(inner))
