"""A decided run, done: builds, pulls, pushes, probes, names; what is finished is remembered at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import build
from pipeline import lock as locking
from pipeline.adapters import disk, pools
from pipeline.adapters.engine import Engine
from pipeline.adapters.state import State
from pipeline.adapters.texts import Texts
from pipeline.build import Limits
from pipeline.errors import StackbuildError
from pipeline.outcome import Failed, HeldBack, Outcome, Promoted, Result, Verdict
from pipeline.plan import Action
from pipeline.ports import Watch
from pipeline.run import keeping, probing, publishing, signing, space, testifying
from pipeline.run.decide import Ask, Decided, How, with_stand_ins
from pipeline.run.project import Project
from pipeline.run.testifying import There
from pipeline.run.worker import Worker


@dataclass(frozen=True, slots=True)
class Done:
    """All that happened in a run; until `cut` ended it, where something did before its end."""

    outcomes: tuple[Outcome, ...] = ()
    judged: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)
    names: tuple[Promoted | HeldBack, ...] = ()
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cut: StackbuildError | None = None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts on the images of all variants; `judged` has them by variant."""
        return tuple(verdict for found in self.judged.values() for verdict in found)

    def exit_code(self, gpu: str) -> int:
        """What the run's process ends with: 0, 1 for failures, 3 where the engine or registry is to blame."""
        if self.cut:
            return self.cut.exit_code
        codes = {outcome.exit_code for outcome in self.outcomes if isinstance(outcome, Failed)}
        if codes:
            return max(codes)
        bad = {Result.FAILED, Result.INCONCLUSIVE} if gpu == "require" else {Result.FAILED}
        failed = any(verdict.result in bad for verdict in self.verdicts)
        return 1 if failed or any(isinstance(name, HeldBack) for name in self.names) else 0


def execute(
    project: Project, decided: Decided, ask: Ask, how: How, world: tuple[Engine, State, Watch]
) -> Done:
    """Do all that was decided; on an exception, an interruption too, everything is ended before it leaves."""
    engine, state, watch = world
    if decided.lock != project.lock:
        disk.write_text(project.lock_path, locking.render(decided.lock))
    state.note_files(decided.digests.learnt)
    Texts(state).keep(_read(project, decided))
    testifying.note(state, ask.registry, decided.borrowed)
    worker = Worker(project, decided, engine, state, ask.smoke)
    worker.run, worker.building = how.run, how.building
    try:
        return _worked(project, decided, (ask, how, worker), (engine, state, watch))
    except BaseException:
        worker.stop()
        raise


def _worked(
    project: Project, decided: Decided, given: tuple[Ask, How, Worker], world: tuple[Engine, State, Watch]
) -> Done:
    ask, how, worker = given
    engine, state, watch = world
    began = time.monotonic()
    steps = [step for step in decided.steps if how.build or step.action is not Action.BUILD]
    watch = probing.remembering(watch, state, worker)
    limits = _limits(project, decided, how, worker)
    with pools.threads(sum(limits.room.values())) as executor:
        happened = build.drive(
            build.tasks(steps, _unpushed(decided, ask), probing.to_run(decided, ask)),
            executor,
            lambda task: worker.work(task, ask.registry, watch, no_cache=how.no_cache),
            watch,
            limits,
        )
    outcomes = tuple(one for one in happened if not isinstance(one, Verdict))
    verdicts = [(d, probing.verdicts(d, ask, worker, happened)) for d in decided.decisions]
    if worker.remote and project.config.sharing.wanted:
        ids = {**decided.ids, **worker.image_ids}
        there = There(worker.remote, ask.registry, worker.digests, ids)
        testifying.share(there, (one for _, found in verdicts for one in found), state)
    if ask.publish:
        signing.run(project.config, verdicts, (ask, how, worker))
    for decision in decided.decisions:
        present = [
            step.record
            for step in decision.steps
            if step.key in worker.image_ids or step.key in decided.pushed
        ]
        state.note_current(decision.view.variant.name, present)
    names = publishing.run(project, verdicts, (ask, how, worker), decided.lock) if ask.publish else ()
    if worker.remote and (ask.publish or outcomes):
        keeping.run(decided, ask.registry, worker, (engine, state))
    # a root that was never pulled as an image could not be asked; what was built on it inherits its label
    held = engine.keys() if outcomes else decided.held
    stand_ins = with_stand_ins(decided.stand_ins, decided.steps, held)
    return Done(
        outcomes,
        {decision.view.variant.name: found for decision, found in verdicts},
        names,
        stand_ins,
        time.monotonic() - began,
    )


def _limits(project: Project, decided: Decided, how: How, worker: Worker) -> Limits:
    resources = project.config.limits
    grows = any(step.action is not Action.REUSE for step in decided.steps)
    crowded = space.guard(worker.engine, project.state, resources.free_disk) if grows else lambda: None
    return Limits(
        how.jobs,
        worker.stop,
        how.fail_fast,
        decided.seconds,
        resources.gpu,
        resources.transfers,
        {node.image.name: node.image.weight for d in decided.decisions for node in d.view.graph},
        crowded,
        worker.elsewhere,
        pools.Turns().take,
    )


def _read(project: Project, decided: Decided) -> Iterator[tuple[str, Path | bytes]]:
    """The files that the builds and pulls of a run stand for, or what overlays make of them, by digest."""
    for decision in decided.decisions:
        for step in decision.steps:
            if step.action is Action.REUSE:
                continue
            image = decision.view.graph.nodes[step.image].image
            folder = project.folders[image.tree] / image.context
            for one in step.record.files:
                if one.kind == "file":
                    laid = image.overlaid.get(one.path)
                    yield one.content, folder / one.path if laid is None else laid.content or b""


def _unpushed(decided: Decided, ask: Ask) -> frozenset[str]:
    wanted = ask.registry and ask.push
    return frozenset(step.key for step in decided.steps if wanted and step.key not in decided.pushed)
