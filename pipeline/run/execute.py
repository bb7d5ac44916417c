"""A decided run, done: builds, pulls, pushes, probes, names; what is finished is remembered at once."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from pipeline import build, publish, smoke
from pipeline import lock as locking
from pipeline.adapters import disk, gitrepo, pools
from pipeline.adapters.engine import Engine
from pipeline.adapters.registry import Registry
from pipeline.adapters.state import State
from pipeline.build import Limits
from pipeline.errors import InterruptedRunError
from pipeline.outcome import Failed, HeldBack, Outcome, Promoted, Result, Verdict
from pipeline.ports import Ended, Event, NotStarted, Watch
from pipeline.run.decide import Ask, Decided, Decision, with_stand_ins
from pipeline.run.project import Project
from pipeline.run.worker import Worker


@dataclass(frozen=True, slots=True)
class How:
    """What was asked for on the command line, as far as doing goes."""

    jobs: int
    no_cache: bool = False
    fail_fast: bool = False
    allow_unsmoked: bool = False
    gpu: str = "auto"


@dataclass(frozen=True, slots=True)
class Done:
    """All that happened in a run."""

    outcomes: tuple[Outcome, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    names: tuple[Promoted | HeldBack, ...] = ()
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def exit_code(self, gpu: str) -> int:
        """What the run's process ends with: 0, 1 for failures, 3 where the engine or registry is to blame."""
        codes = {outcome.exit_code for outcome in self.outcomes if isinstance(outcome, Failed)}
        if codes:
            return max(codes)
        bad = {Result.FAILED, Result.INCONCLUSIVE} if gpu == "require" else {Result.FAILED}
        failed = any(verdict.result in bad for verdict in self.verdicts)
        return 1 if failed or any(isinstance(name, HeldBack) for name in self.names) else 0


def execute(
    project: Project, decided: Decided, ask: Ask, how: How, world: tuple[Engine, State, Watch]
) -> Done:
    """Do all that was decided; raises InterruptedRunError, with everything ended, when told to stop."""
    engine, state, watch = world
    began = time.monotonic()
    if decided.lock != project.lock:
        disk.write_text(project.lock_path, locking.render(decided.lock))
    state.note_files(decided.digests.learnt)
    worker = Worker(project, decided, engine, state)
    watch = _remembering(watch, state, worker)
    try:
        with pools.threads(how.jobs) as executor:
            outcomes = build.drive(
                build.tasks(decided.steps, _unpushed(decided, ask)),
                executor,
                lambda task: worker.work(task, ask.registry, watch, no_cache=how.no_cache),
                watch,
                Limits(how.jobs, worker.stop, how.fail_fast, decided.seconds),
            )
            verdicts = [
                (decision, (*decision.settled, *_probe(decision, how, (worker, executor, watch))))
                for decision in decided.decisions
            ]
    except BaseException as error:
        worker.stop()
        if isinstance(error, KeyboardInterrupt):
            hint = "what was finished is kept: run again to go on"
            raise InterruptedRunError.of("interrupted", hint=hint) from None
        raise
    for decision in decided.decisions:
        present = [
            step.record
            for step in decision.steps
            if step.key in worker.image_ids or step.key in decided.pushed
        ]
        state.note_current(decision.view.variant.name, present)
    names = _publish(project, verdicts, ask, how, worker) if ask.publish else ()
    # a root that was never pulled as an image could not be asked; what was built on it inherits its label
    held = engine.keys() if outcomes else decided.held
    stand_ins = with_stand_ins(decided.stand_ins, decided.steps, held)
    return Done(
        outcomes,
        tuple(verdict for _, found in verdicts for verdict in found),
        names,
        stand_ins,
        time.monotonic() - began,
    )


def _unpushed(decided: Decided, ask: Ask) -> frozenset[str]:
    return frozenset(step.key for step in decided.steps if ask.registry and step.key not in decided.pushed)


def _probe(decision: Decision, how: How, world: tuple[Worker, Executor, Watch]) -> tuple[Verdict, ...]:
    """The verdicts of a variant's open probes; those that are turned off are in doubt, not forgotten."""
    worker, executor, watch = world
    there = [probe for probe in decision.probes if probe.key in worker.image_ids]
    off = [probe for probe in there if how.gpu == "off" and probe.smoke.gpu]
    run = tuple(probe for probe in there if probe not in off)
    doubts = (smoke.judge(probe, NotStarted("GPU probes are off", no_gpu=True)) for probe in off)
    return (*smoke.run(run, worker.image_ids, worker.probes.run, executor, watch), *doubts)


def _remembering(watch: Watch, state: State, worker: Worker) -> Watch:
    def remember(event: Event) -> None:
        if isinstance(event, Ended) and isinstance(event.outcome, Verdict):
            image_id = worker.image_ids[event.outcome.key]
            state.note_verdict(image_id, event.outcome, dataclasses.asdict(event.outcome))
        watch(event)

    return remember


def _publish(
    project: Project,
    found: list[tuple[Decision, tuple[Verdict, ...]]],
    ask: Ask,
    how: How,
    worker: Worker,
) -> tuple[Promoted | HeldBack, ...]:
    """Move the names of every image that may be promoted."""
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    naming = publish.Naming(ask.registry, project.config.tags, today, gitrepo.commit(project.root))
    first = project.config.variant_names[0]
    promotions: list[publish.Promotion] = []
    held: list[HeldBack] = []
    for decision, verdicts in found:
        variant = decision.view.variant.name
        sources = {
            step.image: worker.digests[step.key] for step in decision.steps if step.key in worker.digests
        }
        may, why = publish.decide(decision.view.graph, sources, verdicts, allow_unsmoked=how.allow_unsmoked)
        for image, unsmoked in may.items():
            source = f"{ask.registry}/{publish.repository(image)[0]}@{sources[image]}"
            names = publish.names(naming, image, "" if variant == first else variant)
            promotions.append(publish.Promotion(image, variant, source, names, unsmoked))
        held += [HeldBack(image, variant, reason) for image, reason in why.items()]
        absent = [step.image for step in decision.steps if step.image not in sources]
        held += [HeldBack(image, variant, "it was not built and pushed") for image in absent]
    move: Callable[[str, tuple[str, ...]], None] = Registry(worker.engine).move
    clear, clashes = publish.distinct(promotions)
    return publish.move(clear, [*held, *clashes], move)
