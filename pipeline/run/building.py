"""The commands that need an engine, from what was asked to what is said."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline import plan, refs, show, smoke
from pipeline.adapters import buildx
from pipeline.adapters.contents import Contents
from pipeline.adapters.engine import Engine
from pipeline.adapters.probes import Probes
from pipeline.adapters.state import State
from pipeline.adapters.terminal import paint_for, say, watching
from pipeline.errors import InputError
from pipeline.outcome import Failed, HeldBack, Result
from pipeline.plan import Action, Request
from pipeline.run import freshness
from pipeline.run.decide import Ask, Decided, How, decide
from pipeline.run.execute import Done, execute
from pipeline.run.project import Project, View, open_project, views


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line of `build` and `plan`."""

    jobs: int
    images: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    file: str | None = None
    tree: str | None = None
    variants: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    registry: str | None = None
    dry_run: bool = False
    no_cache: bool = False
    fail_fast: bool = False
    gpu: str = "auto"
    publish: bool = False
    allow_unsmoked: bool = False
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do."""

    decided: Decided

    def text(self, paint: show.Paint) -> str:
        """For people: a tree for each variant, then which roots are not the real ones."""
        blocks = []
        for decision in self.decided.decisions:
            title = f"variant {decision.view.variant.name}: {show.tally(decision.steps)}"
            blocks.append(f"{title}\n{show.plan_text(decision.view.graph, decision.steps, paint)}")
        if self.decided.stand_ins:
            blocks.append(paint(show.stand_ins_text(self.decided.stand_ins), "yellow"))
        return "\n\n".join(blocks)

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        found = {d.view.variant.name: show.plan_json(d.steps) for d in self.decided.decisions}
        return {"variants": found, "stand_ins": dict(self.decided.stand_ins)}


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
        say(f"{paint_for()('warning', 'yellow')}: the state was unreadable; set aside as {state.set_aside}")
    try:
        yield state
    finally:
        state.close()


def _ask(project: Project, found: tuple[View, ...], asked: Asked) -> Ask:
    """What was asked for, checked before anything is looked up anywhere."""
    registry = (asked.registry or project.config.registry).rstrip("/")
    if asked.publish and not registry:
        hint = "give [project] a 'registry' in stacks.toml, or use --registry"
        raise InputError.of("--publish needs a registry", hint=hint)
    try:
        refs.parse(f"{registry}/image" if registry else "image")
    except ValueError as error:
        raise InputError.of(
            f"registry '{registry}' {error}", hint="write it like registry.example/team"
        ) from error
    if problems := [problem for view in found for problem in smoke.declared(project.config, view.graph)]:
        raise InputError(*dict.fromkeys(problems))
    for view in found:
        plan.chosen(view.graph, Request(asked.images, asked.changed))
    return Ask(asked.images, asked.changed, registry, asked.publish)


def run_plan(asked: Asked) -> Planned:
    """Decide, and do nothing."""
    project = open_project(asked.file or "", asked.tree or "")
    found = views(project, asked.variants, asked.overlays)
    ask = _ask(project, found, asked)
    with _state(project, write=False) as state:
        return Planned(decide(project, found, ask, (Engine(), state)))


def run_build(asked: Asked) -> Built:
    """Decide and do; what is said on the way goes to standard error."""
    if asked.dry_run and not asked.fresh:
        return Built(run_plan(asked), Done(), 0)
    project = open_project(asked.file or "", asked.tree or "")
    found = views(project, asked.variants, asked.overlays)
    ask = _ask(project, found, asked)
    engine = Engine()
    with _state(project, write=True) as state:
        fresh: freshness.Found | None = None
        if asked.fresh:
            ask, decided, fresh = freshness.refresh(project, found, ask, (engine, state))
            for line in fresh.warnings():
                say(f"{paint_for()('warning', 'yellow')}: {line}")
        else:
            decided = decide(project, found, ask, (engine, state))
        planned = Planned(decided)
        if asked.dry_run:
            return Built(planned, Done(), fresh.exit_code if fresh else 0, fresh)
        if any(step.action is Action.BUILD for step in decided.steps) or asked.publish:
            buildx.version()
        for decision in decided.decisions:
            say(f"variant {decision.view.variant.name}: {show.tally(decision.steps)}")
        if decided.stand_ins:
            say(paint_for()(show.stand_ins_text(decided.stand_ins), "yellow"))
        if swept := Probes(engine).sweep():
            say(f"removed {show.counted(swept, 'probe container')} that a killed run had left behind")
        how = How(asked.jobs, asked.no_cache, asked.fail_fast, asked.allow_unsmoked, asked.gpu)
        with watching() as watch:
            done = execute(project, decided, ask, how, (engine, state, watch))
        if fresh:
            Contents(engine, state).note_answers(fresh.answers)
    code = done.exit_code(asked.gpu) or (fresh.exit_code if fresh else 0)
    _say_summary(done)
    return Built(planned, done, code, fresh)


def _say_summary(done: Done) -> None:
    paint = paint_for()
    for outcome in done.outcomes:
        if isinstance(outcome, Failed):
            say(show.failure_text(outcome, paint))
    for verdict in done.verdicts:
        if verdict.result is Result.FAILED:
            say(f"{paint('probe failed', 'red')}: {verdict.image}: {verdict.title}: {verdict.reason}")
            for line in verdict.tail:
                say(f"  │ {line}")
    for name in done.names:
        say(show.outcome_line(name, paint))
    say(show.summary(done.outcomes, done.verdicts, done.names) + f" in {show.duration(done.seconds)}")
    if done.stand_ins:
        say(paint("not the real thing: " + "; ".join(sorted(done.stand_ins.values())), "yellow"))
