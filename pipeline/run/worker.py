"""Does the tasks of a run with the real engine, and remembers each as soon as it is done."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import build, hints, labels, publish
from pipeline.adapters import attempts as remembered
from pipeline.adapters import logs, verdicts
from pipeline.adapters.builds import BuildFailedError, Builds
from pipeline.adapters.claims import Claims
from pipeline.adapters.engine import Engine, local_name
from pipeline.adapters.patience import Patient, TemporaryError
from pipeline.adapters.state import BuildNote, State
from pipeline.build import Task
from pipeline.dockerfile import step_line
from pipeline.errors import FailedError, InterruptedRunError, StackbuildError, UnreachableError
from pipeline.graph import Node
from pipeline.outcome import Attempt, Built, Failed, Outcome, Pulled, Pushed, Reused, Verdict
from pipeline.patience import Trouble
from pipeline.plan import Step
from pipeline.ports import BuildOrder, ProbeOrder, ProbeReport, Progressed, Retried, Tell, Watch, Word
from pipeline.run.decide import Decided, Decision
from pipeline.run.means import means_of
from pipeline.run.order import order_of
from pipeline.run.origins import Origins
from pipeline.run.prober import Prober
from pipeline.run.project import Project

if TYPE_CHECKING:
    from pipeline.adapters.probes import Probes

# a trouble of which the engine has passed on the status alone
UNSAID = "500 Internal Server Error"


@dataclass(frozen=True, slots=True)
class _Job:
    """A task, and what of the command line it needs to know."""

    task: Task
    registry: str
    log: str
    no_cache: bool


class Worker:
    """One run's builds, pulls, pushes and probes; `image_ids` and `digests` say what is there, by key.

    `run` is its number in the project's history, `building` what helps builds along.
    """

    def __init__(
        self, project: Project, decided: Decided, engine: Engine, state: State, policy: str = "auto"
    ) -> None:
        self.run = 0
        self.building = project.config.build
        self._project = project
        self.engine = engine
        self._state = state
        self._prober = Prober(
            self._run_probe,
            dict if policy == "always" else (lambda: verdicts.stored(state)),
            lambda: logs.folder(project.state, self.run),
        )
        self._claims = Claims(project.state)
        self.elsewhere = self._claims.elsewhere
        self._builds = Builds(engine, project.state / "contexts")
        self._stopped = threading.Event()
        self._patient = Patient(project.config.patience, self._stopped)
        self._nodes: dict[str, Node] = {}
        self._keys: dict[str, Mapping[str, str]] = {}
        for decision in decided.decisions:
            found = {name: record.key for name, record in decision.records.items()}
            for name, node in decision.view.graph.nodes.items():
                self._nodes[found[name]] = node
                self._keys[found[name]] = found
        self._edited = labels.edited(map(_sight, decided.decisions))
        self._origins = Origins(project)
        wanted = project.config.attest.wanted
        self._attest = wanted if wanted and engine.attests() else ()
        self.image_ids: dict[str, str] = {key: held.image_id for key, held in decided.held.items()}
        self.digests: dict[str, str] = dict(decided.pushed)
        self.remote = decided.remote
        self._foreign = decided.foreign

    @cached_property
    def probes(self) -> Probes:
        """The probes of this run."""
        from pipeline.adapters.probes import Probes  # noqa: PLC0415 (docker is slow to import)

        return Probes(self.engine)

    def stop(self) -> None:
        """End what runs: gently, and at once when told so a second time."""
        self._stopped.set()
        try:
            self._claims.stop()
            self.engine.stop()
            self._builds.stop()
            self._stop_probes()
        except KeyboardInterrupt:
            self._builds.stop(kill=True)
            # the first time may not have come as far
            self._stop_probes()

    def _stop_probes(self) -> None:
        # where there were none, their modules are not imported either: an interrupt may have cut that in half
        if "probes" in vars(self):
            self.probes.stop()

    def work(self, task: Task, registry: str, watch: Watch, *, no_cache: bool) -> Outcome | Verdict:
        """Do one task, patiently; every error a person can act on becomes a failed outcome."""
        step = task.step
        attempts: list[Attempt] = []
        job = _Job(task, registry, self._log(step) if task.doing == build.BUILD else "", no_cache=no_cache)

        def tell(word: Word) -> None:
            watch(Progressed(task.name, step.image, word))

        def told(attempt: Attempt, trouble: Trouble) -> None:
            attempts.append(attempt)
            remembered.note(self._state, (step.image, step.key, task.doing), attempt)
            watch(Retried(task.name, step.image, task.doing, attempt))
            if trouble.engine:
                self.engine.comes_back(self._patient.policy.engine, self._stopped)

        began = time.monotonic()
        done: Outcome | Verdict
        try:
            done = self._patient.keep_trying(lambda: self._once(job, tell), told)
        except InterruptedRunError:
            raise
        except StackbuildError as error:
            failed = self._failed(job, error)
            done = replace(failed, seconds=time.monotonic() - began)
        if isinstance(done, Built | Pulled | Pushed | Failed):
            return replace(done, attempts=tuple(attempts))
        return done

    def _once(self, job: _Job, tell: Tell) -> Built | Pulled | Pushed | Reused | Verdict:
        """One try of a task."""
        step, began = job.task.step, time.monotonic()
        local = local_name(step.image, step.key)
        remote = publish.key_name(job.registry, step.image, step.key) if job.registry else ""
        if job.task.probe:
            return self._prober.verdict(job.task.probe, self.image_ids[step.key])
        if job.task.doing == build.PUSH:
            digest = self._push(step, local, remote, tell)
            self.digests[step.key] = digest
            self._state.note_pushed(job.registry, {step.key: digest})
            return Pushed(step.image, step.key, digest, time.monotonic() - began)
        if job.task.doing == build.PULL:
            place = f"{remote.rpartition(':')[0]}@{self.digests[step.key]}"
            product = self.engine.pull(place, local, step.key, tell)
            self.image_ids[step.key] = product.image_id
            return Pulled(step.image, step.key, product.image_id, time.monotonic() - began, product.size)
        return self._build(job, tell)

    def _log(self, step: Step) -> str:
        return str(logs.folder(self._project.state, self.run) / logs.name(step.image, step.key))

    def _failed(self, job: _Job, error: StackbuildError) -> Failed:
        """What an error comes to."""
        step, doing = job.task.step, job.task.doing
        if isinstance(error, BuildFailedError):
            image = self._nodes[step.key].image
            line = error.line or step_line(image.dockerfile, error.step, error.steps)
            where = f"{image.where}:{line}: " if line else ""
            message = f"{where}{error.message}"
            hint = error.hint or hints.of_words(error.message)
            return Failed(step.image, step.key, doing, message, 0.0, error.tail, job.log, hint)
        problem = error.problems[0]
        message = f"{problem.where}: {problem.message}" if problem.where else problem.message
        failed = Failed(step.image, step.key, doing, message, log=job.log, hint=problem.hint)
        unreachable = isinstance(error, UnreachableError)
        return replace(failed, exit_code=error.exit_code) if unreachable else failed

    def _push(self, step: Step, local: str, remote: str, tell: Tell) -> str:
        """Push a build, unless the registry has it; another build under its key is never overwritten."""
        assert self.remote is not None
        there = self.remote.manifest(remote)
        if there is None:
            self._send(local, remote, tell)
            there = self.remote.manifest(remote)
        if there and self.image_ids[step.key] in publish.ids_of(there):
            return there.digest
        if there is None:
            raise UnreachableError.of(f"the registry took '{remote}' and does not have it")
        found = publish.look(self.remote, remote)
        if found and found.key == step.key:
            hint = "another machine was faster: run again, and its build is taken"
            raise FailedError.of(f"the registry has another build as '{remote}'", hint=hint)
        hint = "somebody else wrote to this tag: remove it from the registry"
        raise FailedError.of(f"'{remote}' does not carry the key it is filed under", hint=hint)

    def _send(self, local: str, remote: str, tell: Tell) -> None:
        try:
            self.engine.push(local, remote, tell)
        except TemporaryError as error:
            # the registry itself may say what it lacks
            if self.remote and UNSAID in str(error):
                with contextlib.suppress(TemporaryError):
                    self.remote.must_take(remote.rpartition(":")[0])
            raise

    def _run_probe(self, order: ProbeOrder) -> ProbeReport:
        # docker's client is slow to import, and a verdict that stands does without it
        return self.probes.run(order)

    def _build(self, job: _Job, tell: Tell) -> Built | Reused:
        """Build an image, unless another run on this project builds it, or has built it by now."""
        step = job.task.step
        with self._claims.held(step.key, tell):
            found = self.engine.found(local_name(step.image, step.key), step.key)
            if found and step.key not in self._foreign:
                self.image_ids[step.key] = found.image_id
                return Reused(step.image, step.key, found.image_id, found.size)
            began = time.monotonic()
            product = self._builds.build(self.order(job.task, job.log, no_cache=job.no_cache), tell)
            seconds = time.monotonic() - began
            self.image_ids[step.key] = product.image_id
            note = BuildNote(step.record, step.key, product.image_id, seconds, product.size, job.log)
            self._state.note_build(note)
        return Built(step.image, step.key, product.image_id, seconds, product.size, job.log)

    def order(self, task: Task, log: str, *, no_cache: bool) -> BuildOrder:
        """The build of a task's step, with everything that it may see."""
        node = self._nodes[task.step.key]
        folder: Path = self._project.folders[node.image.tree] / node.image.context
        order = order_of(task.step, node, self._keys[task.step.key], (folder, log))
        made = labels.of_making(self._origins.of(node.image.tree), self._edited[task.step.key])
        return replace(
            order,
            labels=(*order.labels, *made),
            no_cache=no_cache or order.no_cache,
            means=means_of(self.building, task.step.image, self._project.root),
            attest=self._attest,
        )


def _sight(decision: Decision) -> labels.Sight:
    edits = tuple((match.overlay, match.image) for match in decision.view.matches)
    keys = {name: record.key for name, record in decision.records.items()}
    return labels.Sight(decision.view.variant.name, decision.view.graph, edits, keys)
