"""Drive a schedule of builds, pulls, pushes and probes to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

from pipeline import schedule
from pipeline.outcome import Blocked, Failed, Outcome, Result, Verdict
from pipeline.plan import Action, Step
from pipeline.ports import Began, Ended, Watch
from pipeline.schedule import Schedule
from pipeline.smoke import Probe

BUILD, PULL, PUSH, SMOKE = "build", "pull", "push", "smoke"
JOBS, GPU, TRANSFERS = "jobs", "gpu", "transfers"
PATIENCE = 3.0


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do about one image; the same key in two variants is one task.

    `probe` is what a task of doing `smoke` runs.
    """

    name: str
    doing: str
    step: Step
    needs: tuple[str, ...]
    probe: Probe | None = None


# does a task and says how it went; a failure is an outcome, an exception is a defect or an interruption
Work = Callable[[Task], Outcome | Verdict]


def tasks(steps: Iterable[Step], unpushed: frozenset[str], probes: Iterable[Probe] = ()) -> tuple[Task, ...]:
    """What the steps of all variants come to.

    Builds and pulls by key, a push for each unpushed key, and each probe of a key once.
    """
    made: dict[str, Task] = {}
    pushes: dict[str, Task] = {}
    steps = tuple(steps)
    for step in steps:
        if step.action is not Action.REUSE:
            doing = BUILD if step.action is Action.BUILD else PULL
            made.setdefault(step.key, Task(step.key, doing, step, step.parents))
        if step.key in unpushed and step.action is not Action.PULL:
            name = f"{PUSH}:{step.key}"
            # a child goes after its parents, whose keys another machine's builds may turn out to have
            above = tuple(f"{PUSH}:{parent}" for parent in step.parents)
            pushes.setdefault(name, Task(name, PUSH, step, (step.key, *above)))
    at = {step.key: step for step in steps}
    smokes = {
        probe.task: Task(probe.task, SMOKE, at[probe.key], (probe.key,), probe)
        for probe in probes
        if probe.key in at
    }
    return (*made.values(), *pushes.values(), *smokes.values())


@dataclass(frozen=True, slots=True)
class Limits:
    """How much runs at once, what ends what runs, and whether the first failure ends the run.

    `jobs` is for builds and probes, `gpu` for probes that use one, `transfers` for pulls and pushes.
    `weights` are the jobs that an image's build takes where it is not one, `seconds` how long images took to
    build the last time.
    """

    jobs: int
    stop: Callable[[], None]
    fail_fast: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    gpu: int = 1
    transfers: int = 4
    weights: Mapping[str, int] = field(default_factory=dict)

    @property
    def room(self) -> dict[str, int]:
        """How much of everything there is while nothing runs."""
        return {JOBS: self.jobs, GPU: self.gpu, TRANSFERS: self.transfers}

    def demand(self, task: Task) -> dict[str, int]:
        """What a task takes up while it runs: never more than there is."""
        if task.doing in {PULL, PUSH}:
            return {TRANSFERS: 1}
        if task.probe:
            return {JOBS: 1, GPU: 1} if task.probe.smoke.gpu else {JOBS: 1}
        return {JOBS: min(self.jobs, self.weights.get(task.step.image, 1))}


def drive(
    todo: tuple[Task, ...], executor: Executor, work: Work, watch: Watch, limits: Limits
) -> tuple[Outcome | Verdict, ...]:
    """Do all tasks, each after those it needs; a failure blocks exactly what needs it.

    Outcomes come in the order in which they happened. On an exception (an interruption, most likely) what
    runs is told to stop, and the exception leaves once it has.
    """
    by_name = {task.name: task for task in todo}
    demands = {task.name: limits.demand(task) for task in todo}
    seconds = {
        task.name: limits.seconds[task.step.image]
        for task in todo
        if task.doing == BUILD and task.step.image in limits.seconds
    }
    plan = schedule.of({task.name: task.needs for task in todo}, seconds)
    running: dict[Future[Outcome | Verdict], str] = {}
    outcomes: list[Outcome | Verdict] = []
    try:
        while not plan.over:
            free = schedule.left(limits.room, (demands[name] for name in running.values()))
            for name in schedule.fitting(plan.ready, demands, free):
                plan = plan.started(name)
                task = by_name[name]
                watch(Began(name, task.step.image, task.doing))
                running[executor.submit(work, task)] = name
            ended = wait(running, return_when=FIRST_COMPLETED).done
            for future in [future for future in running if future in ended]:
                name = running.pop(future)
                outcome = future.result()
                before = plan
                plan = plan.finished(name, ok=not isinstance(outcome, Failed))
                if limits.fail_fast and _is_failure(outcome):
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


def _is_failure(outcome: Outcome | Verdict) -> bool:
    failed = isinstance(outcome, Verdict) and outcome.result is Result.FAILED
    return failed or isinstance(outcome, Failed)


def _blocked(
    before: Schedule, after: Schedule, by_name: Mapping[str, Task], failed: Task
) -> tuple[Blocked, ...]:
    """The builds and pulls that the failure of one task blocked."""
    lost = after.blocked - before.blocked
    return tuple(
        Blocked(task.step.image, task.step.key, task.doing, (failed.step.image,))
        for name, task in by_name.items()
        if name in lost and task.doing in {BUILD, PULL}
    )
