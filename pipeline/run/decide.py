"""What a run would do: roots resolved, keys computed, steps made; nothing is changed."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pipeline import keys, plan, publish, refs, smoke
from pipeline.adapters import pools, verdicts
from pipeline.adapters.disk import Digests
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.adapters.state import State
from pipeline.config import Building
from pipeline.errors import InputError, Problem, StackbuildError
from pipeline.keys import KeyRecord, differing_from
from pipeline.lock import Lock, Root
from pipeline.outcome import Verdict
from pipeline.plan import Action, Known, Reason, Request, Step
from pipeline.ports import Held
from pipeline.run import existing, payloads, standing, testifying
from pipeline.run.existing import Existing
from pipeline.run.project import Project, View
from pipeline.run.standing import Ground
from pipeline.run.testifying import There
from pipeline.smoke import Probe, Stored

if TYPE_CHECKING:
    from pipeline.adapters.registry import Registry

LOOKUPS = 8

# the records of another revision by variant, for the lock of now
Before = Callable[[Lock], Mapping[str, Mapping[str, KeyRecord]]]


@dataclass(frozen=True, slots=True)
class Ask:
    """What was asked for on the command line, as far as deciding goes.

    With `locked` nothing is looked up that the lock should answer; without `registry_asked` the registry has
    what is remembered of it. With `before`, the records of another revision, only what differs from them is
    meant, and what stands on it. `stale` are images to refresh, and why. `gpu` and `smoke` are what to do
    about probes.
    """

    images: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    registry: str = ""
    publish: bool = False
    leaves: bool = False
    ancestors_only: bool = False
    locked: bool = False
    registry_asked: bool = True
    before: Before | None = None
    stale: Mapping[str, Reason] = field(default_factory=dict)
    gpu: str = "auto"
    smoke: str = "auto"
    push: bool = True


NO_BUILDING = Building()


@dataclass(frozen=True, slots=True)
class How:
    """What was asked for, as far as doing goes; `run` is the run's number, `building` all of `[build]`.

    Without `build` there is only what exists already.
    """

    jobs: int
    no_cache: bool = False
    fail_fast: bool = False
    allow_unsmoked: bool = False
    gpu: str = "auto"
    run: int = 0
    building: Building = NO_BUILDING
    build: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """One variant's steps and probes; `settled` are the verdicts that stand from earlier runs.

    `late` are the probes of leaves that turn out to stand on CUDA only once they are built.
    """

    view: View
    steps: tuple[Step, ...]
    records: Mapping[str, KeyRecord]
    probes: tuple[Probe, ...]
    settled: tuple[Verdict, ...]
    late: tuple[Probe, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """All that a run needs to know before it changes anything.

    `unlocked` are roots that nobody could look up: they count as they are named. `ids` is what image each key
    is, here or in the registry; `borrowed` are the verdicts of other machines.
    """

    decisions: tuple[Decision, ...]
    lock: Lock
    held: Mapping[str, Held]
    pushed: Mapping[str, str]
    stand_ins: Mapping[str, str]
    digests: Digests
    seconds: Mapping[str, float]
    unlocked: tuple[str, ...] = ()
    engine_asked: bool = True
    remote: Registry | None = None
    foreign: frozenset[str] = frozenset()
    ids: Mapping[str, str] = field(default_factory=dict)
    borrowed: Stored = field(default_factory=dict)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all variants."""
        return tuple(step for decision in self.decisions for step in decision.steps)


def roots_of(views: Iterable[View]) -> dict[str, str]:
    """Every root image of the views, and the line that first names it."""
    found: dict[str, str] = {}
    for view in views:
        for node in view.graph:
            lines = {use.reference: use.line for use in node.facts.uses}
            for reference in node.roots:
                found.setdefault(reference, f"{node.image.where}:{lines.get(reference, 1)}")
    return found


def resolve_roots(wanted: Mapping[str, str], engine: Engine) -> dict[str, Root]:
    """The digest that each root has in its registry now; raises with every root that cannot be had."""

    def look(item: tuple[str, str]) -> tuple[str, Root | Problem | StackbuildError]:
        reference, where = item
        try:
            found = engine.find_root(reference)
        except NotFoundError:
            hint = (
                "check its name and tag: registries drop old ones; an overlay's [[root]] swaps it for another"
            )
            return reference, Problem(f"the root image '{reference}' does not exist", where, hint)
        except StackbuildError as error:
            return reference, error
        return reference, Root(found.digest, found.stand_in)

    with pools.threads(LOOKUPS) as pool:
        answers = list(pool.map(look, wanted.items()))
    problems = [answer for _, answer in answers if isinstance(answer, Problem)]
    if problems:
        raise InputError(*problems)
    for reference, answer in answers:
        if isinstance(answer, StackbuildError):
            first = answer.problems[0]
            raise type(answer).of(
                f"the root image '{reference}' cannot be looked up: {first.message}",
                wanted[reference],
                first.hint,
            )
    return {reference: answer for reference, answer in answers if isinstance(answer, Root)}


def with_stand_ins(
    known: Mapping[str, str], steps: Iterable[Step], held: Mapping[str, Held]
) -> dict[str, str]:
    """The roots known to be stand-ins, and those that the builds at hand say they stand on."""
    told = {held[step.key].stand_in for step in steps if step.key in held} - {"", *known.values()}
    return {**known, **{text: text for text in told}}


def now() -> str:
    """The present moment, UTC, as it is written into locks."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def decide(
    project: Project, views: tuple[View, ...], ask: Ask, world: tuple[Engine | None, State]
) -> Decided:
    """Compute every variant's steps; the engine is asked once, and the network only for what is not known.

    Without an engine everything comes from the lock and the state.
    """
    engine, state = world
    wanted = roots_of(views)
    lock = _lock(project, ask, wanted, engine)
    digests = Digests(dict(project.folders), state.file_digests())
    inputs = keys.World(lock.digests, lock.refreshed, project.config.platform)
    records = {view.variant.name: keys.compute(view.graph, inputs, digests.states) for view in views}
    remote = existing.remote(project.config, ask.registry, engine) if engine and ask.registry else None
    if engine and ask.registry_asked:
        place = (ask.registry, remote)
        there = existing.ask(records.values(), place, (engine, state), publish=ask.publish)
    else:
        there = existing.remember(records, ask.registry, state, engine)
    borrowed: Stored = {}
    ground = _ground(project, ask, (there, remote, borrowed), (engine, state))
    before = ask.before(lock) if ask.before else None
    decisions = []
    for view in views:
        name = view.variant.name
        known = Known(frozenset(there.held), frozenset(there.pushed), state.last_records(name), there.places)
        differing = differing_from(before.get(name, {}), records[name]) if before is not None else None
        # a name moves with those of all it stands on, so their probes must have passed, too
        closed = ask.publish and not ask.ancestors_only
        images = tuple(sorted(view.graph.ancestors(ask.images))) if closed else ask.images
        request = Request(images, ask.changed, frozenset(), differing, ask.leaves, ask.ancestors_only)
        request = replace(request, stale=ask.stale)
        decisions.append(_decision(view, records[name], (request, known, ground, lock), ask))
    pinned = {
        reference: root.stand_in
        for reference, root in lock.roots.items()
        if root.stand_in and reference in wanted
    }
    stand_ins = with_stand_ins(pinned, (step for d in decisions for step in d.steps), there.held)
    return Decided(
        tuple(decisions), lock, there.held, there.pushed, stand_ins, digests, state.seconds(),
        tuple(sorted(reference for reference in wanted if reference not in lock.roots)), engine is not None,
        remote, there.foreign, ground.ids, borrowed,
    )  # fmt: skip


def _lock(project: Project, ask: Ask, wanted: Mapping[str, str], engine: Engine | None) -> Lock:
    """The lock that the run goes by: completed, unless nobody may or can be asked."""
    missing = {reference: where for reference, where in wanted.items() if reference not in project.lock.roots}
    if ask.locked:
        return project.lock
    lock = project.lock.with_trees(project.pins)
    if missing and engine:
        lock = lock.with_roots(resolve_roots(missing, engine))
    refreshed = (*ask.changed, *ask.stale)
    return lock.with_refreshed(dict.fromkeys(refreshed, now())) if refreshed else lock


def only_built(decided: Decided, images: tuple[str, ...]) -> Decided:
    """What is decided of the images that exist, and of those alone that were asked for."""

    def kept(decision: Decision) -> Decision:
        steps = tuple(step for step in decision.steps if step.action is not Action.BUILD)
        there = {step.image for step in steps if not images or step.image in images}
        return replace(
            decision,
            steps=tuple(step for step in steps if step.image in there),
            probes=tuple(probe for probe in decision.probes if probe.image in there),
            settled=tuple(verdict for verdict in decision.settled if verdict.image in there),
            late=tuple(probe for probe in decision.late if probe.image in there),
        )

    return replace(decided, decisions=tuple(kept(decision) for decision in decided.decisions))


def _decision(
    view: View, records: Mapping[str, KeyRecord], given: tuple[Request, Known, Ground, Lock], ask: Ask
) -> Decision:
    request, known, ground, lock = given

    def steps_with(local: frozenset[str]) -> tuple[Step, ...]:
        return plan.make(view.graph, records, known, replace(request, local=local))

    def pinned(reference: str) -> str:
        digest = lock.digests.get(reference, "")
        return refs.parse(reference).pinned(digest) if digest else reference

    variant = (view.variant.name, view.graph, records)
    steps = steps_with(frozenset())
    found = standing.sort(ground, variant, steps, pinned)
    # a probe needs its image here, even where only the registry has it
    here = frozenset(probe.image for probe in found.open if not smoke.turned_off(probe, ask.smoke, ask.gpu))
    steps = steps_with(here) if here else steps
    return Decision(view, steps, records, found.open, found.settled, found.late)


def _ground(
    project: Project,
    ask: Ask,
    given: tuple[Existing, Registry | None, Stored],
    world: tuple[Engine | None, State],
) -> Ground:
    """What is known of images and verdicts before probes are chosen; gathers the verdicts of others."""
    engine, state = world
    there, remote, borrowed = given
    known = state.pushed(ask.registry) if ask.registry else {}
    # what was built here, and lies in the registry as it was pushed from here, is the same image still
    built = {
        key: image_id
        for key, image_id in state.builds().items()
        if key in there.pushed and there.pushed[key] == known.get(key)
    }
    smokes = [*project.config.smokes, *(v.default_probe for v in project.config.variants if v.default_probe)]
    ids = {**built, **there.ids, **{key: one.image_id for key, one in there.held.items()}}
    stored = {} if ask.smoke == "always" else verdicts.stored(state)
    shared = project.config.sharing.wanted and ask.registry_asked and ask.smoke != "always"

    def borrow(probes: Iterable[Probe]) -> Stored:
        if remote and shared:
            place = There(remote, ask.registry, there.pushed, ids)
            borrowed.update(testifying.borrowed(place, probes, smoke.joined(stored, borrowed)))
        return borrowed

    environment = engine.environment if engine else lambda _: ()

    def variables(image: str, key: str) -> tuple[str, ...]:
        here = environment(ids[key]) if key in ids else ()
        if here or not remote or not ask.registry_asked or key not in there.pushed:
            return here
        found = publish.look(remote, publish.key_name(ask.registry, image, key))
        return tuple(f"{name}={value}" for name, value in found.environment.items()) if found else ()

    return Ground(
        project.config,
        payloads.read(project, smokes),
        ids,
        stored,
        borrow,
        variables,
        environment,
        time.time(),
    )
