"""Drive a schedule of builds, pulls, pushes and probes to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from statistics import median

from pipeline import schedule
from pipeline.errors import Problem
from pipeline.outcome import Blocked, Failed, Outcome, Result, Verdict
from pipeline.plan import Action, Step
from pipeline.ports import Began, Ended, Progressed, Waits, Watch
from pipeline.schedule import Schedule
from pipeline.smoke import Probe

BUILD, PULL, PUSH, SMOKE = "build", "pull", "push", "smoke"
JOBS, GPU, TRANSFERS = "jobs", "gpu", "transfers"
PATIENCE = 3.0
PAUSE = 2.0
# how often to look whether another run has ended what it builds, in seconds
LOOK = 0.2
# what is waited for where nothing runs
NOTHING: Future[Outcome | Verdict] = Future()


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
    build the last time. `crowded` says what is wrong where a disk is too full for another build; `elsewhere`
    who builds a key just now, if not this run; `turn` whether another build may begin: it takes its turn with
    0, else it gives the seconds until then.
    """

    jobs: int
    stop: Callable[[], None]
    fail_fast: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    gpu: int = 1
    transfers: int = 4
    weights: Mapping[str, int] = field(default_factory=dict)
    crowded: Callable[[], Problem | None] = lambda: None
    elsewhere: Callable[[str], str] = lambda _: ""
    turn: Callable[[], float] = lambda: 0.0

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
    drive = _Drive(todo, watch, limits)
    running: dict[Future[Outcome | Verdict], str] = {}
    try:
        while not drive.plan.over:
            for task in drive.next(tuple(running.values())):
                running[executor.submit(work, task)] = task.name
            awaited = running or ({NOTHING} if drive.patience else ())
            ended = wait(awaited, drive.patience, FIRST_COMPLETED).done
            for future in [future for future in running if future in ended]:
                drive.settle(running.pop(future), future.result())
    except BaseException:
        limits.stop()
        # a registry that hangs cannot be told to stop: what waits for one ends with the process
        wait(running, timeout=PATIENCE)
        raise
    return tuple(drive.outcomes)


class _Drive:
    """How far a schedule has been driven, and what has come of it."""

    def __init__(self, todo: tuple[Task, ...], watch: Watch, limits: Limits) -> None:
        self._tasks = {task.name: task for task in todo}
        self._watch = watch
        self._limits = limits
        self._demands = {task.name: limits.demand(task) for task in todo}
        self.plan = schedule.of({task.name: task.needs for task in todo}, _expected(todo, limits.seconds))
        self.paused = False
        self._elsewhere: dict[str, str] = {}
        # for how long a build that has room must wait for its turn
        self._turn = 0.0
        self.outcomes: list[Outcome | Verdict] = []

    @property
    def patience(self) -> float | None:
        """How long to wait for something to end before there is something else to do, in seconds."""
        # what waits for room on the disk, or for another run, looks for it now and then
        looks = (self._turn, LOOK if self._elsewhere else 0, PAUSE if self.paused else 0)
        return min((seconds for seconds in looks if seconds), default=None)

    def next(self, running: tuple[str, ...]) -> tuple[Task, ...]:
        """Start what may run beside that which runs; what the disk has no room for waits, or fails.

        What another run builds waits for that, and takes no room from anything else meanwhile.
        """
        ready = self._unclaimed(self.plan.ready)
        growing = [name for name in ready if self._tasks[name].doing in {BUILD, PULL}]
        crowded = self._limits.crowded() if growing else None
        self.paused = bool(crowded and running)
        if crowded:
            ready = tuple(name for name in ready if name not in growing)
        if crowded and not running and not ready and not self._elsewhere:
            self._refuse(growing, crowded)
        free = schedule.left(self._limits.room, (self._demands[name] for name in running))
        fitting = self._in_turn(schedule.fitting(ready, self._demands, free))
        return tuple(self._started(name) for name in fitting)

    def _in_turn(self, fitting: Iterable[str]) -> tuple[str, ...]:
        """What of this may begin now: of builds the most urgent one, and the next a moment later."""
        self._turn, begin = 0.0, []
        for name in fitting:
            if self._tasks[name].doing == BUILD:
                self._turn = self._turn or self._limits.turn()
            if self._tasks[name].doing != BUILD or not self._turn:
                begin.append(name)
        return tuple(begin)

    def _unclaimed(self, ready: tuple[str, ...]) -> tuple[str, ...]:
        """What no other run builds now; who builds the rest is told."""
        builds = [name for name in ready if self._tasks[name].doing == BUILD]
        before = self._elsewhere
        self._elsewhere = {name: who for name in builds if (who := self._limits.elsewhere(name))}
        for name, who in self._elsewhere.items():
            if before.get(name) != who:
                self._watch(Progressed(name, self._tasks[name].step.image, Waits(who)))
        return tuple(name for name in ready if name not in self._elsewhere)

    def _started(self, name: str) -> Task:
        self.plan = self.plan.started(name)
        task = self._tasks[name]
        self._watch(Began(name, task.step.image, task.doing))
        return task

    def _refuse(self, names: Iterable[str], problem: Problem) -> None:
        for name in names:
            # the first one may have ended the run
            if name in self.plan.waiting:
                self.plan = self.plan.started(name)
                step, doing = self._tasks[name].step, self._tasks[name].doing
                self.settle(name, Failed(step.image, step.key, doing, problem.message, hint=problem.hint))

    def settle(self, name: str, outcome: Outcome | Verdict) -> None:
        """Take in how a task has ended."""
        before = self.plan
        finished = before.finished(name, ok=not isinstance(outcome, Failed))
        stops = self._limits.fail_fast and _is_failure(outcome)
        self.plan = finished.stopped() if stops else finished
        self.outcomes.append(outcome)
        self._watch(Ended(name, outcome))
        for blocked in _blocked((before, finished, self.plan), self._tasks, self._tasks[name]):
            self.outcomes.append(blocked)
            self._watch(Ended(blocked.key, blocked))


def _expected(todo: Iterable[Task], seconds: Mapping[str, float]) -> dict[str, float]:
    """How long the builds will take: as long as the last time, or else as long as an ordinary one of them."""
    builds = [task for task in todo if task.doing == BUILD]
    known = [seconds[task.step.image] for task in builds if task.step.image in seconds]
    ordinary = median(known) if known else 1.0
    return {task.name: seconds.get(task.step.image, ordinary) for task in builds}


def _is_failure(outcome: Outcome | Verdict) -> bool:
    failed = isinstance(outcome, Verdict) and outcome.result is Result.FAILED
    return failed or isinstance(outcome, Failed)


def _blocked(
    plans: tuple[Schedule, Schedule, Schedule], by_name: Mapping[str, Task], failed: Task
) -> tuple[Blocked, ...]:
    """The builds and pulls that the failure of one task blocked, and those that do not begin after it.

    The plans are the one before it, the one after it, and that one where nothing more begins.
    """
    before, after, last = plans
    lost = last.blocked - before.blocked
    return tuple(
        Blocked(task.step.image, task.step.key, task.doing, (failed.step.image,), name not in after.blocked)
        for name, task in by_name.items()
        if name in lost and task.doing in {BUILD, PULL}
    )
