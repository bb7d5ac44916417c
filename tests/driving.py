"""Runs that are driven in this process, by work that only says how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from trees import graph, records

from pipeline import build, plan, smoke
from pipeline.build import Limits, Task, Work
from pipeline.config import Smoke
from pipeline.outcome import Built, Failed, Outcome, Pulled, Pushed, Verdict
from pipeline.plan import Known, Request, Step
from pipeline.ports import Began, Event, Ran
from pipeline.smoke import Probe


class Now(Executor):
    """Does what is submitted at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def done(task: Task) -> Outcome | Verdict:
    image, key = task.step.image, task.step.key
    if task.probe:
        return smoke.judge(task.probe, Ran(0, (), 1.0))
    if task.doing == build.PUSH:
        return Pushed(image, key, "sha256:x", 1.0)
    if task.doing == build.PULL:
        return Pulled(image, key, "id", 1.0, 1)
    return Built(image, key, "id", 1.0, 1, "log")


def failing(*names: str) -> Work:
    """Work that fails on these images, or on `push:IMAGE` or `smoke:IMAGE`."""

    def work(task: Task) -> Outcome | Verdict:
        image = task.step.image
        if task.probe:
            return smoke.judge(task.probe, Ran(int(f"smoke:{image}" in names), (), 1.0))
        wrong = image if task.doing != build.PUSH else f"push:{image}"
        return Failed(image, task.step.key, task.doing, "no") if wrong in names else done(task)

    return work


@dataclass
class Log:
    """What a run told."""

    events: list[Event] = field(default_factory=list)
    stops: int = 0

    def stop(self) -> None:
        self.stops += 1

    def limits(self, jobs: int = 4, **more: Any) -> Limits:
        return Limits(jobs, self.stop, **more)

    def began(self) -> list[tuple[str, str]]:
        return [(event.image, event.doing) for event in self.events if isinstance(event, Began)]


def steps_of(arrows: str, known: Known | None = None, request: Request | None = None) -> tuple[Step, ...]:
    of = graph(arrows)
    return plan.make(of, records(of), known or Known(), request or Request())


def drive(
    steps: Iterable[Step],
    work: Work = done,
    unpushed: frozenset[str] = frozenset(),
    probes: Iterable[Probe] = (),
    **limits: Any,
) -> tuple[tuple[Outcome | Verdict, ...], Log]:
    log = Log()
    todo = build.tasks(steps, unpushed, probes)
    return build.drive(todo, Now(), work, log.events.append, log.limits(**limits)), log


def named(outcomes: Iterable[Outcome | Verdict]) -> list[tuple[str, str]]:
    return [(type(outcome).__name__, outcome.image) for outcome in outcomes]


def probes_of(steps: Iterable[Step], *, gpu: bool = False) -> tuple[Probe, ...]:
    """A probe of every image."""
    declared = Smoke(("true",), "stacks.toml:1", gpu=gpu)
    return tuple(Probe(step.image, step.key, declared) for step in steps)
