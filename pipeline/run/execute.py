"""A decided run, done: builds, pulls, pushes, probes, names; what is finished is remembered at once."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline import build, publish, refs, smoke
from pipeline import lock as locking
from pipeline.adapters import disk, gitrepo, pools
from pipeline.adapters.buildx import BuildFailedError, Buildx
from pipeline.adapters.engine import Engine, local_name
from pipeline.adapters.registry import Registry
from pipeline.adapters.state import BuildNote, State
from pipeline.build import Limits, Task
from pipeline.errors import InterruptedRunError, StackbuildError
from pipeline.graph import Node
from pipeline.outcome import Built, Failed, HeldBack, Outcome, Promoted, Pulled, Pushed, Result, Verdict
from pipeline.ports import IMAGE_LABEL, KEY_LABEL, BuildOrder, Ended, Event, Progressed, Watch
from pipeline.run.decide import Ask, Decided, Decision
from pipeline.run.project import Project


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


class Worker:
    """Does tasks with the real engine, and remembers each as soon as it is done."""

    def __init__(self, project: Project, decided: Decided, engine: Engine, state: State) -> None:
        self._project = project
        self._decided = decided
        self.engine = engine
        self._state = state
        self._builds = Buildx(engine.builder, engine.product)
        self._nodes: dict[str, Node] = {}
        self._keys: dict[str, Mapping[str, str]] = {}
        for decision in decided.decisions:
            found = {name: record.key for name, record in decision.records.items()}
            for name, node in decision.view.graph.nodes.items():
                self._nodes[found[name]] = node
                self._keys[found[name]] = found
        self.image_ids: dict[str, str] = {key: held.image_id for key, held in decided.held.items()}
        self.digests: dict[str, str] = dict(decided.pushed)

    def stop(self, *, kill: bool = False) -> None:
        """End what runs."""
        self.engine.stop()
        self._builds.stop(kill=kill)

    def work(self, task: Task, registry: str, watch: Watch, *, no_cache: bool) -> Outcome:
        """Do one task; every error a person can act on becomes a failed outcome."""
        step = task.step
        began = time.monotonic()
        log = ""

        def tell(text: str) -> None:
            watch(Progressed(task.name, step.image, text))

        local = local_name(step.image, step.key)
        remote = publish.key_name(registry, step.image, step.key) if registry else ""
        try:
            if task.doing == build.PUSH:
                digest = self.engine.push(local, remote, tell)
                self.digests[step.key] = digest
                self._state.note_pushed(registry, {step.key: digest})
                return Pushed(step.image, step.key, digest, time.monotonic() - began)
            if task.doing == build.PULL:
                product = self.engine.pull(remote, local, step.key)
                self.image_ids[step.key] = product.image_id
                taken = time.monotonic() - began
                return Pulled(step.image, step.key, product.image_id, taken, product.size)
            order = self.order(task, no_cache=no_cache)
            log = order.log
            product = self._builds.build(order, tell)
            self.image_ids[step.key] = product.image_id
            taken = time.monotonic() - began
            note = BuildNote(step.record, step.key, product.image_id, taken, product.size, log)
            self._state.note_build(note)
            return Built(step.image, step.key, product.image_id, taken, product.size, log)
        except StackbuildError as error:
            taken = time.monotonic() - began
            if isinstance(error, BuildFailedError):
                return Failed(step.image, step.key, task.doing, str(error), taken, error.tail, log)
            problem = error.problems[0]
            message = f"{problem.where}: {problem.message}" if problem.where else problem.message
            return Failed(
                step.image,
                step.key,
                task.doing,
                message,
                taken,
                log=log,
                hint=problem.hint,
                exit_code=error.exit_code,
            )

    def order(self, task: Task, *, no_cache: bool) -> BuildOrder:
        """The build of a step, with everything that it may see."""
        step = task.step
        node = self._nodes[step.key]
        keys = self._keys[step.key]
        image = node.image
        bases = [(reference, local_name(name, keys[name])) for reference, name in node.parents]
        bases += [
            (reference, refs.parse(reference).pinned(pin)) for reference, pin in step.record.roots if pin
        ]
        folder = self._project.folders[image.tree] / image.context
        below = _relative(image.path, image.context)
        return BuildOrder(
            image=step.image,
            key=step.key,
            dockerfile=image.dockerfile.text.encode("utf-8", "surrogateescape"),
            dockerfile_path=below,
            context=str(folder),
            files=step.record.files,
            bases=tuple(bases),
            args=step.record.args,
            labels=(
                (KEY_LABEL, step.key),
                (IMAGE_LABEL, step.image),
                ("org.opencontainers.image.title", step.image),
                ("org.opencontainers.image.base.name", node.base),
            ),
            tags=(local_name(step.image, step.key),),
            platform=step.record.platform,
            target=step.record.target,
            log=str(self._project.state / "logs" / f"{step.image.replace('/', '--')}-{step.key[:12]}.log"),
            no_cache=no_cache or step.afresh,
        )


def _relative(path: str, context: str) -> str:
    """The Dockerfile's path below its context, or "" where it lies elsewhere."""
    if context in {"", "."}:
        return path
    return path.removeprefix(f"{context}/") if path.startswith(f"{context}/") else ""


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
    unpushed = frozenset(
        step.key for step in decided.steps if ask.registry and step.key not in decided.pushed
    )
    todo = build.tasks(decided.steps, unpushed)
    watch = _remembering(watch, state, worker)
    with pools.threads(how.jobs) as executor:
        try:
            outcomes = build.drive(
                todo,
                executor,
                lambda task: worker.work(task, ask.registry, watch, no_cache=how.no_cache),
                watch,
                Limits(how.jobs, worker.stop, how.fail_fast),
            )
            verdicts = []
            for decision in decided.decisions:
                probes = tuple(
                    probe
                    for probe in decision.probes
                    if probe.key in worker.image_ids and (how.gpu != "off" or not probe.smoke.gpu)
                )
                run = smoke.run(probes, worker.image_ids, engine.run_probe, executor, watch)
                verdicts.append((decision, (*decision.settled, *run)))
        except KeyboardInterrupt:
            worker.stop()
            raise InterruptedRunError.of(
                "interrupted", hint="what was finished is kept: run again to go on"
            ) from None
    for decision in decided.decisions:
        present = [
            step.record
            for step in decision.steps
            if step.key in worker.image_ids or step.key in decided.pushed
        ]
        state.note_current(decision.view.variant.name, present)
    names = _publish(project, verdicts, ask, how, worker) if ask.publish else ()
    stand_ins = dict(decided.stand_ins)
    return Done(
        outcomes,
        tuple(verdict for _, found in verdicts for verdict in found),
        names,
        stand_ins,
        time.monotonic() - began,
    )


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
    return publish.move(promotions, held, move)
