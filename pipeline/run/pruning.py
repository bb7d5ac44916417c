"""`prune`: what this machine keeps of a project and nobody needs, listed or removed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import prune, show
from pipeline.adapters import logs, stored
from pipeline.adapters.engine import Engine
from pipeline.adapters.history import History
from pipeline.adapters.logs import RunLogs
from pipeline.adapters.state import State, aside, forget
from pipeline.prune import Choice, Policy, Stored
from pipeline.run.decide import Ask, decide
from pipeline.run.project import open_project, views

# logs are small and answer questions; where no age is asked for, this one is meant
LOGS_AGE = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: so many seconds old at least, so many bytes left at most; done, or only listed."""

    older_than: float | None = None
    keep_size: int | None = None
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Pruned:
    """What goes and what stays; `failed` are images that could not be removed, and why."""

    choice: Choice
    logs: tuple[RunLogs, ...]
    states: tuple[Path, ...]
    failed: tuple[tuple[Stored, str], ...]
    done: bool
    now: float

    def text(self, paint: show.Paint) -> str:
        """For people."""
        return show.prune_text(self.choice, self.now, paint)

    def summary(self) -> str:
        """In one sentence."""
        logs_size = sum(one.size for one in self.logs)
        return show.prune_summary(self.choice, (len(self.logs), logs_size, len(self.states)), done=self.done)

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "images": [_image(one) for one in self.choice.gone],
            "kept": [{**_image(one), "why": str(why)} for one, why in self.choice.kept],
            "failed": [{**_image(one), "why": why} for one, why in self.failed],
            "logs": [{"run": one.number, "size": one.size} for one in self.logs],
            "freed": self.choice.freed,
            "left": self.choice.left,
            "done": self.done,
        }


def run_prune(file: str, tree: str, wish: Wish, say: Callable[[str], None]) -> Pruned:
    """Find what nobody needs; with `yes` remove it, and say what could not be."""
    project = open_project(file, tree)
    now = time.time()
    engine = Engine()
    state = State(project.state, write=False)
    try:
        history = History(state)
        decided = decide(project, views(project, ()), Ask(registry_asked=False), (engine, state))
        needed = frozenset(record.key for d in decided.decisions for record in d.records.values())
        policy = Policy(now - (wish.older_than or 0.0), wish.keep_size)
        there = stored.everything(engine, history.last_made())
        choice = prune.choose(there, needed, history.needed(), policy)
        before = now - (LOGS_AGE if wish.older_than is None else wish.older_than)
        running = history.running()
        old = tuple(
            one for one in logs.kept(project.state) if one.number not in running and one.written <= before
        )
        states = aside(project.state)
        failed = _remove(choice, (engine, history), say) if wish.yes else ()
        for one in old if wish.yes else ():
            logs.remove(one)
        if wish.yes:
            forget(states)
        return Pruned(choice, old, states, failed, wish.yes, now)
    finally:
        state.close()


def _remove(
    choice: Choice, world: tuple[Engine, History], say: Callable[[str], None]
) -> tuple[tuple[Stored, str], ...]:
    engine, history = world
    failed = []
    # children first: what stands on an image goes before it
    for one in sorted(choice.gone, key=lambda one: -len(one.layers)):
        # asked again each time: a run may have begun meanwhile
        why = str(prune.Why.RUNNING) if one.key in history.needed() else stored.remove(engine, one)
        if why:
            failed.append((one, why))
            say(f"kept {one.image} {one.key[:12]}: {why}")
    return tuple(failed)


def _image(one: Stored) -> dict[str, Any]:
    found = dataclasses.asdict(one)
    return {name: found[name] for name in ("image", "key", "names", "size", "made")}
