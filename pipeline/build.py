"""Drive a schedule of builds, pulls and pushes to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

from pipeline import schedule
from pipeline.outcome import Blocked, Failed, Outcome
from pipeline.plan import Action, Step
from pipeline.ports import Began, Ended, Watch
from pipeline.schedule import Schedule

BUILD, PULL, PUSH = "build", "pull", "push"
PATIENCE = 3.0


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do about one image; the same key in two variants is one task."""

    name: str
    doing: str
    step: Step
    needs: tuple[str, ...]


# does a task and says how it went; a failure is an outcome, an exception is a defect or an interruption
Work = Callable[[Task], Outcome]


def tasks(steps: Iterable[Step], unpushed: frozenset[str]) -> tuple[Task, ...]:
    """What the steps of all variants come to: builds and pulls by key, and a push for each unpushed key."""
    made: dict[str, Task] = {}
    pushes: dict[str, Task] = {}
    for step in steps:
        if step.action is not Action.REUSE:
            doing = BUILD if step.action is Action.BUILD else PULL
            made.setdefault(step.key, Task(step.key, doing, step, step.parents))
        if step.key in unpushed and step.action is not Action.PULL:
            name = f"{PUSH}:{step.key}"
            pushes.setdefault(name, Task(name, PUSH, step, (step.key,)))
    return (*made.values(), *pushes.values())


@dataclass(frozen=True, slots=True)
class Limits:
    """How much runs at once, what ends what runs, and whether the first failure ends the run.

    `seconds` is how long images took to build the last time.
    """

    jobs: int
    stop: Callable[[], None]
    fail_fast: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)


def drive(
    todo: tuple[Task, ...], executor: Executor, work: Work, watch: Watch, limits: Limits
) -> tuple[Outcome, ...]:
    """Do all tasks, each after those it needs; a failure blocks exactly what needs it.

    Outcomes come in the order in which they happened. On an exception (an interruption, most likely) what
    runs is told to stop, and the exception leaves once it has.
    """
    by_name = {task.name: task for task in todo}
    seconds = {
        task.name: limits.seconds[task.step.image]
        for task in todo
        if task.doing == BUILD and task.step.image in limits.seconds
    }
    plan = schedule.of({task.name: task.needs for task in todo}, seconds)
    running: dict[Future[Outcome], str] = {}
    outcomes: list[Outcome] = []
    try:
        while not plan.over:
            for name in plan.ready[: limits.jobs - len(running)]:
                plan = plan.started(name)
                task = by_name[name]
                watch(Began(name, task.step.image, task.doing))
                running[executor.submit(work, task)] = name
            ended = wait(running, return_when=FIRST_COMPLETED).done
            for future in [future for future in running if future in ended]:
                name = running.pop(future)
                outcome = future.result()
                failed = isinstance(outcome, Failed)
                before = plan
                plan = plan.finished(name, ok=not failed)
                if failed and limits.fail_fast:
                    plan = plan.stopped()
                outcomes.append(outcome)
                watch(Ended(name, outcome))
                for blocked in _blocked(before, plan, by_name, by_name[name]):
                    outcomes.append(blocked)
                    watch(Ended(blocked.key, blocked))
    except BaseException:
        limits.stop()
        # a registry that hangs cannot be told to stop: what waits for one ends with the process
        wait(running, timeout=PATIENCE)
        raise
    return tuple(outcomes)


def _blocked(
    before: Schedule, after: Schedule, by_name: Mapping[str, Task], failed: Task
) -> tuple[Blocked, ...]:
    """The builds and pulls that the failure of one task blocked."""
    lost = after.blocked - before.blocked
    return tuple(
        Blocked(task.step.image, task.step.key, task.doing, (failed.step.image,))
        for name, task in by_name.items()
        if name in lost and task.doing != PUSH
    )
