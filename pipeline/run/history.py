"""Runs that are remembered: noted while they go on, shown later, with the logs of their builds."""

from __future__ import annotations

import datetime
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import show
from pipeline.adapters import logs
from pipeline.adapters.engine import Engine
from pipeline.adapters.history import History, Output, Run
from pipeline.adapters.state import State
from pipeline.errors import FailedError, InputError, InterruptedRunError, StackbuildError
from pipeline.outcome import Built, Outcome, Verdict
from pipeline.plan import Action
from pipeline.ports import Ended, Event, Watch
from pipeline.run.decide import Decided
from pipeline.run.execute import Done
from pipeline.run.project import Opening, open_project, state_folder
from pipeline.show import Growth, Past
from pipeline.tomlfile import among


@dataclass(slots=True)
class Recorded:
    """A run that goes on and is noted; `done` says what came of it."""

    number: int
    _history: History
    _decided: Decided
    exit_code: int = 1
    growth: tuple[Growth, ...] = field(default=())
    ended: list[Outcome | Verdict] = field(default_factory=list)

    def watching(self, watch: Watch) -> Watch:
        """A watch that notes each end as well."""

        def note(event: Event) -> None:
            if isinstance(event, Ended):
                self.ended.append(event.outcome)
                self._history.note(self.number, show.happening(event.outcome))
            watch(event)

        return note

    def done(self, done: Done, exit_code: int, engine: Engine) -> None:
        """Note what came of the run as a whole."""
        self.exit_code = exit_code
        built = [outcome for outcome in done.outcomes if isinstance(outcome, Built)]
        self.growth = tuple(_grown(built, self._decided, (self._history, engine)))
        more = (*map(show.happening, done.names), *map(show.happening, self.growth))
        if more:
            self._history.note(self.number, *more)


@contextmanager
def recorded(state: State, decided: Decided) -> Iterator[Recorded]:
    """Note a run from its beginning to its end, whatever that is."""
    history = History(state)
    busy = any(
        d.probes or any(step.action is not Action.REUSE for step in d.steps) for d in decided.decisions
    )
    needs = {key for step in decided.steps for key in (step.key, *step.parents)} if busy else ()
    plan = show.run_plan((d.view.variant.name, d.steps) for d in decided.decisions)
    run = Recorded(history.begin(command(), plan, needs), history, decided)
    try:
        yield run
    except BaseException as error:
        run.exit_code = (
            error.exit_code
            if isinstance(error, StackbuildError)
            else InterruptedRunError.exit_code
            if isinstance(error, KeyboardInterrupt)
            else 1
        )
        # a state that cannot be written is most likely what the error is about
        with suppress(StackbuildError):
            history.end(run.number, run.exit_code)
        raise
    history.end(run.number, run.exit_code)


def command() -> str:
    """The command line of this process, as a shell takes it."""
    return shlex.join(["stackbuild", *sys.argv[1:]])


def _grown(built: Iterable[Built], decided: Decided, world: tuple[History, Engine]) -> Iterator[Growth]:
    """How each build compares with the last one of its image in its variant; remembers it for the next."""
    history, engine = world
    seen: set[str] = set()
    outcomes = {outcome.key: outcome for outcome in built}
    for decision in decided.decisions:
        variant = decision.view.variant.name
        for step in decision.steps:
            outcome = outcomes.get(step.key)
            if outcome is None:
                continue
            before = history.output(variant, step.image)
            layers = engine.layers(outcome.image_id)
            history.note_output(variant, step.image, Output(step.key, outcome.size, layers))
            if before and before.key != step.key and step.key not in seen:
                new = len([layer for layer in layers if layer not in before.layers])
                yield Growth(step.image, outcome.size, outcome.size - before.size, new, len(layers))
            seen.add(step.key)


def runs(file: str, tree: str, most: int) -> tuple[Past, ...]:
    """The last runs of a project, the newest first."""
    with _reading(file, tree) as (_, history):
        return tuple(_past(run) for run in history.runs(most))


def run(file: str, tree: str, number: int) -> Past:
    """One run, with all that happened in it. Raises InputError for one that there is not."""
    with _reading(file, tree) as (_, history):
        return _past(_known(history, number), history)


def build_log(image: str, number: int | None, variant: str, place: tuple[str, str]) -> Path:
    """The newest log of an image's builds. Raises InputError where there is none."""
    with _reading(*place) as (state, history):
        if number is not None:
            _known(history, number)
        key = _key_in(history, number, variant, image) if variant else ""
        found = logs.find(state, image, number, key)
        if found:
            return found
        names = logs.images(state)
        with suppress(StackbuildError):
            names |= set(open_project(*place, Opening(locked=True)).tree.images)
        if image not in names:
            raise InputError.of(f"no image '{image}'", hint=among(image, names))
        where = f" in run {number}" if number is not None else ""
        where += f" for the variant '{variant}'" if variant else ""
        hint = "`stackbuild history` has what each run has built"
        raise InputError.of(f"no log of '{image}'{where}", hint=hint)


def _key_in(history: History, number: int | None, variant: str, image: str) -> str:
    """The key of an image's last build in a variant, or in that of one run."""
    found = [_known(history, number)] if number is not None else history.runs()
    for one in found:
        step = one.plan.get(variant, {}).get("images", {}).get(image)
        if step and step["action"] == Action.BUILD:
            return str(step["key"])
    where = f"run {number}" if number is not None else "any run"
    there = sorted(
        {name for one in found for name, part in one.plan.items() if image in part.get("images", {})}
    )
    hint = among(variant, there) if there else "`stackbuild history` has what each run has built"
    raise InputError.of(f"'{image}' was not built for the variant '{variant}' in {where}", hint=hint)


@contextmanager
def _reading(file: str, tree: str) -> Iterator[tuple[Path, History]]:
    folder = state_folder(file, tree)
    state = State(folder, write=False)
    if state.set_aside:
        hint = "if nothing else is wrong, the next build sets it aside and begins a new one"
        raise FailedError.of("the state cannot be read", state.set_aside, hint)
    try:
        yield folder, History(state)
    finally:
        state.close()


def _known(history: History, number: int) -> Run:
    if found := history.run(number):
        return found
    there = [one.number for one in history.runs(1)]
    hint = f"the last one is {there[0]}" if there else "nothing was built here yet"
    raise InputError.of(f"no run {number}", hint=hint)


def _past(run: Run, history: History | None = None) -> Past:
    began = datetime.datetime.fromtimestamp(run.began, datetime.UTC)
    return Past(
        number=run.number,
        when=began.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        began=began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        seconds=None if run.ended is None else run.ended - run.began,
        command=run.command,
        result=run.result,
        exit_code=run.exit_code,
        plan=run.plan,
        happenings=tuple(history.happenings(run.number)) if history else (),
    )


def parse_number(text: str) -> int:
    """The number of a run, as people write it: `12`, `#12`."""
    if match := re.fullmatch(r"#?(\d{1,9})", text):
        return int(match[1])
    raise InputError.of(f"'{text}' is no number of a run", hint="`stackbuild history` has them")
