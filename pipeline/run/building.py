"""The commands that need an engine, from what was asked to what is said."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import show
from pipeline.adapters import buildx, disk, dockerconfig, pools
from pipeline.adapters.engine import Engine
from pipeline.adapters.state import State
from pipeline.adapters.terminal import paint_for, say, warn, watching
from pipeline.errors import InputError, InterruptedRunError, StackbuildError
from pipeline.expected import Expected, expect
from pipeline.outcome import HeldBack, Outcome, Result, Verdict
from pipeline.plan import Action
from pipeline.run import means
from pipeline.run.asking import Asked, ask_of, engine_to_ask, opened, since
from pipeline.run.decide import Ask, Decided, How, decide, only_built
from pipeline.run.execute import Done, execute
from pipeline.run.history import recorded
from pipeline.run.project import Project, View, views

if TYPE_CHECKING:
    from pipeline.run import freshness


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do with so many jobs at once."""

    decided: Decided
    jobs: int

    @property
    def expected(self) -> Expected | None:
        """How long it will take, as far as earlier builds tell."""
        return expect(self.decided.steps, self.decided.seconds, self.jobs)

    def text(self, paint: show.Paint) -> str:
        """For people: a tree for each variant, then which roots are not the real ones."""
        blocks = []
        for decision in self.decided.decisions:
            title = f"variant {decision.view.variant.name}: {show.tally(decision.steps)}"
            text = show.plan_text(decision.view.graph, decision.steps, paint)
            blocks.append(f"{title}\n{text}".rstrip())
        if sharing := show.sharing_text(self._apart()):
            blocks.append(sharing)
        if self.decided.unlocked:
            blocks.append(paint(show.unlocked_text(self.decided.unlocked), "yellow"))
        if self.decided.stand_ins:
            blocks.append(paint(show.stand_ins_text(self.decided.stand_ins), "yellow"))
        if expected := self.expected:
            blocks.append(show.expected_text(expected))
        return "\n\n".join(blocks)

    def _apart(self) -> dict[str, show.Apart]:
        """What is to be said of the variants together."""
        return {
            decision.view.variant.name: show.Apart(
                {name: record.key for name, record in decision.records.items()},
                decision.view.matches,
                decision.view.graph,
            )
            for decision in self.decided.decisions
        }

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        found = {d.view.variant.name: show.plan_json(d.steps) for d in self.decided.decisions}
        return {
            "variants": found,
            "shared": show.shared(self._apart()),
            "stand_ins": dict(self.decided.stand_ins),
            "unlocked": list(self.decided.unlocked),
            "engine": self.decided.engine_asked,
            "expected": dataclasses.asdict(self.expected) if self.expected else None,
        }


@dataclass(frozen=True, slots=True)
class Built:
    """What a run has done, or would do where it was dry."""

    planned: Planned
    done: Done
    exit_code: int
    found: freshness.Found | None = None

    def to_json(self) -> dict[str, Any]:
        """For machines: the plan, and everything that happened."""
        return {
            **self.planned.to_json(),
            "outcomes": [
                {"kind": type(outcome).__name__.lower(), **dataclasses.asdict(outcome)}
                for outcome in self.done.outcomes
            ],
            "verdicts": [dataclasses.asdict(verdict) for verdict in self.done.verdicts],
            "names": [
                {
                    "kind": "held back" if isinstance(name, HeldBack) else "promoted",
                    **dataclasses.asdict(name),
                }
                for name in self.done.names
            ],
            "seconds": self.done.seconds,
            "exit_code": self.exit_code,
            **({"fresh": self.found.to_json()} if self.found else {}),
        }


@contextmanager
def _state(project: Project, *, write: bool) -> Iterator[State]:
    state = State(project.state, write=write)
    if state.set_aside:
        warn(f"the state was unreadable; set aside as {state.set_aside}")
    try:
        yield state
    finally:
        state.close()


def run_plan(asked: Asked) -> Planned:
    """Decide, and do nothing."""
    project = opened(asked)
    asked = replace(asked, jobs=asked.jobs or project.config.limits.jobs or pools.default_jobs())
    found = views(project, asked.variants, asked.overlays)
    ask = ask_of(project, found, asked)
    engine = engine_to_ask(project, found, asked)
    with _state(project, write=False) as state, since(project, asked) as before:
        ask = replace(ask, registry_asked=not asked.locked, before=before)
        return Planned(decide(project, found, ask, (engine, state)), asked.jobs)


def run_build(asked: Asked) -> Built:
    """Decide and do; what is said on the way goes to standard error."""
    if asked.dry_run and not asked.fresh:
        return Built(run_plan(asked), Done(), 0)
    project = opened(asked)
    asked = replace(asked, jobs=asked.jobs or project.config.limits.jobs or pools.default_jobs())
    found = views(project, asked.variants, asked.overlays)
    ask = ask_of(project, found, asked)
    building = means.building_of(project.config.build, project.root, asked.secrets)
    engine = Engine(project.config.patience.silence)
    if trouble := dockerconfig.trouble():
        warn(f"{trouble}\n  hint: {dockerconfig.HINT}")
    with _state(project, write=True) as state:
        with since(project, asked) as before:
            ask = replace(ask, before=before)
            fresh = _fresh(project, found, ask, (engine, state)) if asked.fresh else None
            ask = replace(ask, stale=fresh.stale) if fresh else ask
            for line in fresh.warnings() if fresh else ():
                warn(line)
            decided = decide(project, found, ask, (engine, state))
        planned = Planned(decided, asked.jobs)
        if asked.dry_run:
            return Built(planned, Done(), fresh.exit_code if fresh else 0, fresh)
        builds = any(step.action is Action.BUILD for step in decided.steps)
        # asked once: where something was built before, a buildx that is gone since shows soon enough
        if builds and not decided.seconds:
            buildx.version()
        means.check(decided, building)
        if project.config.attest.wanted and not engine.attests():
            said = "this engine's image store keeps no attestations ([attest]): none are made"
            warn(f"{said}; `stackbuild doctor` says how")
        if not asked.quiet:
            _say_plan(planned)
        if swept := _swept(engine):
            say(f"removed {show.counted(swept, 'probe container')} that a killed run had left behind")
        how = How(
            asked.jobs, asked.no_cache, asked.fail_fast, asked.allow_unsmoked, asked.gpu,
            building=building, build=asked.build,
        )  # fmt: skip
        done, growth = _executed(project, decided, ask, how, (engine, state, asked, fresh))
        code = _exit_code(done, asked, fresh)
        if fresh and not done.cut:
            _note(fresh, engine, state)
    if growth and not asked.quiet:
        say(show.growth_text(growth))
    _tell(done, asked)
    return Built(planned, done, code, fresh)


def run_smoke(asked: Asked) -> Built:
    """Probe what is built already, here or in the registry; nothing is built, pushed or named."""
    project = opened(asked)
    found = views(project, asked.variants, asked.overlays)
    ask = replace(ask_of(project, found, asked), push=False)
    engine = Engine(project.config.patience.silence)
    with _state(project, write=True) as state:
        decided = decide(project, found, ask, (engine, state))
        unbuilt = sorted({step.image for step in decided.steps if step.action is Action.BUILD})
        if missing := sorted(set(ask.images) & set(unbuilt)):
            hint = f"stackbuild {' '.join(missing)}"
            raise InputError.of(f"not built as it is now: {', '.join(missing)}", hint=hint)
        if unbuilt:
            say(f"not built as they are now, and not probed: {', '.join(unbuilt)}")
        decided = only_built(decided, ask.images)
        _swept(engine)
        how = How(asked.jobs, gpu=asked.gpu)
        done, _ = _executed(project, decided, ask, how, (engine, state, asked, None))
    _tell(done, asked)
    return Built(Planned(decided, asked.jobs), done, done.exit_code(asked.gpu))


def _executed(
    project: Project,
    decided: Decided,
    ask: Ask,
    how: How,
    world: tuple[Engine, State, Asked, freshness.Found | None],
) -> tuple[Done, tuple[show.Growth, ...]]:
    """Do it while people watch, and note it; an error that cuts it short does not cost what came of it."""
    engine, state, asked, fresh = world
    began = time.monotonic()
    cast = show.parts(
        ((d.view.variant.name, d.view.graph, d.steps) for d in decided.decisions), decided.seconds
    )
    ended: list[Outcome | Verdict] = []
    done: Done | None = None
    try:
        with recorded(state, decided) as run:
            ended = run.ended
            how = replace(how, run=run.number)
            with watching(cast, asked.jobs, asked.voice) as watch:
                done = execute(project, decided, ask, how, (engine, state, run.watching(watch)))
            run.done(done, _exit_code(done, asked, fresh), engine)
        return done, run.growth
    except StackbuildError as error:
        cut = error
    except KeyboardInterrupt:
        cut = InterruptedRunError.of("interrupted", hint="what was finished is kept: run again to go on")
    return replace(done or _so_far(decided, ended, began), cut=cut), ()


def _exit_code(done: Done, asked: Asked, fresh: freshness.Found | None) -> int:
    return done.exit_code(asked.gpu) or (fresh.exit_code if fresh else 0)


def _so_far(decided: Decided, ended: list[Outcome | Verdict], began: float) -> Done:
    """What has come of a run that did not come to its end."""
    judged = {}
    for decision in decided.decisions:
        keys = {step.key for step in decision.steps}
        found = (one for one in ended if isinstance(one, Verdict) and one.key in keys)
        judged[decision.view.variant.name] = tuple(found)
    outcomes = tuple(one for one in ended if not isinstance(one, Verdict))
    return Done(outcomes, judged, seconds=time.monotonic() - began)


def _tell(done: Done, asked: Asked) -> None:
    """What has been done, said to people, and written for machines where that was asked for."""
    if done.outcomes or done.verdicts or not done.cut:
        _say_summary(done, asked)
    if asked.junit is not None:
        disk.write_text(Path(asked.junit), show.junit(done.judged))


def _say_plan(planned: Planned) -> None:
    for decision in planned.decided.decisions:
        say(f"variant {decision.view.variant.name}: {show.tally(decision.steps)}")
    if planned.decided.stand_ins:
        say(paint_for()(show.stand_ins_text(planned.decided.stand_ins), "yellow"))
    if planned.expected:
        say(show.expected_text(planned.expected))


def _fresh(
    project: Project, found: tuple[View, ...], ask: Ask, world: tuple[Engine, State]
) -> freshness.Found:
    from pipeline.run import freshness  # noqa: PLC0415 (docker is slow to import)

    return freshness.refresh(project, found, ask, world)


def _note(fresh: freshness.Found, engine: Engine, state: State) -> None:
    from pipeline.adapters.contents import Contents  # noqa: PLC0415 (docker is slow to import)

    Contents(engine, state).note_answers(fresh.answers)


def _swept(engine: Engine) -> int:
    """How many probes that a killed run had left behind are gone now."""
    if not engine.has_orphans():
        return 0
    from pipeline.adapters.probes import Probes  # noqa: PLC0415 (docker is slow to import)

    return Probes(engine).sweep()


def _again(asked: Asked, images: tuple[str, ...]) -> str:
    """The command that does again what was asked for, with these images alone."""
    line = ["stackbuild", "build", *images]
    for option, value in (("-f", asked.file), ("--tree", asked.tree), ("--registry", asked.registry)):
        line += [option, value] if value else []
    line += [part for variant in asked.variants for part in ("-V", variant)]
    line += [part for overlay in asked.overlays for part in ("-O", overlay)]
    line += [part for secret in asked.secrets for part in ("--secret", secret)]
    return shlex.join(line)


def _say_summary(done: Done, asked: Asked) -> None:
    """Say what came of it; quietly, only what has gone wrong."""
    paint = paint_for()
    for block in show.failures_text(done.outcomes, lambda images: _again(asked, images), paint):
        say(block)
    for verdict in done.verdicts:
        if verdict.result is Result.FAILED:
            say(show.failed_verdict_text(verdict, paint))
    for name in done.names:
        if isinstance(name, HeldBack) or not asked.quiet:
            say(show.outcome_line(name, paint))
    if asked.quiet:
        return
    say(show.summary(done.outcomes, done.verdicts, done.names) + f" in {show.duration(done.seconds)}")
    if done.stand_ins:
        say(paint("not the real thing: " + "; ".join(sorted(done.stand_ins.values())), "yellow"))
