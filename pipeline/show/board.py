"""What goes on in a run, image by image, as far as events have told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import median

from pipeline.expected import makespan
from pipeline.graph import Graph
from pipeline.outcome import Blocked, Built, Failed, Outcome, Pulled, Pushed, Result, Reused, Verdict
from pipeline.plan import Action, Step
from pipeline.ports import Began, Ended, Event, Moved, Progressed, Waits
from pipeline.show.words import size


class Standing(StrEnum):
    """How an image stands."""

    BUILDING = "building"
    PULLING = "pulling"
    PUSHING = "pushing"
    PROBING = "probing"
    FAILED = "failed"
    WAITING = "waiting"
    BLOCKED = "blocked"
    BUILT = "built"
    PULLED = "pulled"
    PUSHED = "pushed"
    REUSED = "reused"


RUNNING = frozenset({Standing.BUILDING, Standing.PULLING, Standing.PUSHING, Standing.PROBING})
OPEN = RUNNING | {Standing.WAITING}
_DOING = {
    "build": Standing.BUILDING,
    "pull": Standing.PULLING,
    "push": Standing.PUSHING,
    "smoke": Standing.PROBING,
}
_ORDER = {standing: number for number, standing in enumerate(Standing)}


@dataclass(frozen=True, slots=True)
class Part:
    """An image's part in a run. `above` is the key that it is shown under, `parents` all that it waits for.

    `expected` is how long its build took the last time, in seconds.
    """

    key: str
    name: str
    above: str
    parents: tuple[str, ...]
    action: Action
    expected: float | None


def parts(
    variants: Iterable[tuple[str, Graph, tuple[Step, ...]]], seconds: Mapping[str, float]
) -> tuple[Part, ...]:
    """The parts of all variants' steps, each key once; an image that is two of them says which is which."""
    found: dict[str, tuple[str, str, Step, str]] = {}
    keys: dict[str, set[str]] = {}
    for variant, graph, steps in variants:
        at = {step.image: step.key for step in steps}
        for step in steps:
            above = at.get(graph.main_parent(step.image), "")
            found.setdefault(step.key, (step.image, variant, step, above))
            keys.setdefault(step.image, set()).add(step.key)
    return tuple(
        Part(
            key=key,
            name=f"{image} ({variant})" if len(keys[image]) > 1 else image,
            above=above,
            parents=step.parents,
            action=step.action,
            expected=seconds.get(image) if step.action is Action.BUILD else None,
        )
        for key, (image, variant, step, above) in found.items()
    )


def key_of(task: str, known: Iterable[str] | Mapping[str, object]) -> str:
    """The key that a task is about: it is named after it; "" for none of these."""
    return next((word for word in task.split(":") if word in known), "")


@dataclass(frozen=True, slots=True)
class Row:
    """An image as it stands now; `seconds` is how long that has taken, `left` how long it may take yet."""

    name: str
    indent: str
    standing: Standing
    text: str = ""
    seconds: float | None = None
    left: float | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """A whole run as it stands now; `left` is None where no image has been built before."""

    total: int
    done: int
    running: int
    failed: int
    blocked: int
    moved: int
    seconds: float
    left: float | None


NONE = Moved(0)


@dataclass(slots=True)
class _Task:
    standing: Standing
    began: float
    text: str = ""
    moved: Moved = NONE
    moving: bool = False


@dataclass(slots=True)
class _Image:
    part: Part
    settled: Standing
    text: str = ""
    seconds: float | None = None
    tasks: dict[str, _Task] = field(default_factory=dict)


class Board:
    """A run as it goes on: told what happens and when, in seconds of any clock.

    `cast` comes parents first, as plans do.
    """

    def __init__(self, cast: Iterable[Part], jobs: int, now: float) -> None:
        self._jobs = jobs
        self._began = now
        self._moved = 0
        self._images: dict[str, _Image] = {}
        cast = tuple(cast)
        self._tree = _forest(cast)
        for part in cast:
            standing = Standing.REUSED if part.action is Action.REUSE else Standing.WAITING
            self._images[part.key] = _Image(part, standing)

    def note(self, event: Event, now: float) -> None:
        """Take in what happened; what is about no image of the run counts for nothing."""
        match event:
            case Began():
                if image := self._images.get(key_of(event.task, self._images)):
                    image.tasks[event.task] = _Task(_DOING.get(event.doing, Standing.BUILDING), now)
            case Progressed():
                image = self._images.get(key_of(event.task, self._images))
                task = image.tasks.get(event.task) if image else None
                if task and isinstance(event.word, Moved):
                    task.moved, task.moving = event.word, True
                elif isinstance(event.word, Waits):
                    _wait(image, task, f"waits for {event.word.who}")
                elif task and isinstance(event.word, str) and event.word != task.text:
                    task.text, task.moving = event.word, False
            case Ended():
                if image := self._images.get(event.outcome.key):
                    task = image.tasks.pop(event.task, None)
                    self._moved += task.moved.done if task else 0
                    _settle(image, event.outcome)

    def rows(self, now: float) -> tuple[Row, ...]:
        """Every image as it stands, as a tree."""
        return tuple(_row(self._images[key], indent, now) for key, indent in self._tree)

    def totals(self, now: float) -> Totals:
        """The whole run as it stands."""
        standings = [_standing(image) for image in self._images.values()]
        todo = [
            standing
            for image, standing in zip(self._images.values(), standings, strict=True)
            if image.part.action is not Action.REUSE or standing is not Standing.REUSED
        ]
        moving = sum(task.moved.done for image in self._images.values() for task in image.tasks.values())
        return Totals(
            total=len(todo),
            done=sum(standing not in OPEN for standing in todo),
            running=sum(standing in RUNNING for standing in standings),
            failed=standings.count(Standing.FAILED),
            blocked=standings.count(Standing.BLOCKED),
            moved=self._moved + moving,
            seconds=now - self._began,
            left=self._left(now),
        )

    def _left(self, now: float) -> float | None:
        """How long the builds that are left take, the longest remaining path always first."""
        known = [image.part.expected for image in self._images.values() if image.part.expected is not None]
        if not known:
            return None
        ordinary = median(known)
        times = {}
        for key, image in self._images.items():
            if image.part.action is Action.BUILD and _is_unbuilt(image):
                expected = ordinary if image.part.expected is None else image.part.expected
                gone = next((now - t.began for t in image.tasks.values()), 0.0)
                times[key] = max(expected - gone, 0.0)
        return makespan({key: self._images[key].part.parents for key in times}, times, self._jobs)


def fitting(rows: tuple[Row, ...], most: int) -> tuple[tuple[Row, ...], dict[Standing, int]]:
    """As many rows as there is room for, the running ones first, and how many of each kind are left out.

    The tree is only drawn whole.
    """
    if len(rows) <= most:
        return rows, {}
    ordered = sorted(rows, key=lambda row: _ORDER[row.standing])
    kept, rest = ordered[: max(most - 1, 0)], ordered[max(most - 1, 0) :]
    counts: dict[Standing, int] = {}
    for row in rest:
        counts[row.standing] = counts.get(row.standing, 0) + 1
    return flat(kept), counts


def flat(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows without the tree."""
    return tuple(replace(row, indent="") for row in rows)


def _forest(cast: tuple[Part, ...]) -> list[tuple[str, str]]:
    """Each key with its indent in the tree, from top to bottom."""
    there = {part.key for part in cast}
    below: dict[str, list[Part]] = {}
    for part in cast:
        below.setdefault(part.above if part.above in there else "", []).append(part)
    found = []
    stack = [(part, "", "") for part in reversed(below.get("", ()))]
    while stack:
        part, lead, branch = stack.pop()
        found.append((part.key, lead + branch))
        deeper = lead + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        children = below.get(part.key, [])
        branches = ["├─ "] * (len(children) - 1) + ["└─ "]
        pairs = list(zip(children, branches, strict=False))
        stack.extend((child, deeper, mark) for child, mark in reversed(pairs))
    return found


def _wait(image: _Image | None, task: _Task | None, text: str) -> None:
    if task:
        task.text, task.moving = text, False
    elif image:
        image.text = text


def _settle(image: _Image, outcome: Outcome | Verdict) -> None:
    match outcome:
        case Reused():
            image.settled, image.text = Standing.REUSED, "another run has built it"
        case Built() | Pulled():
            image.settled = Standing.BUILT if isinstance(outcome, Built) else Standing.PULLED
            image.seconds, image.text = outcome.seconds, size(outcome.size)
        case Pushed() if image.settled is not Standing.FAILED:
            image.settled = Standing.PUSHED
        case Failed():
            image.settled, image.text, image.seconds = Standing.FAILED, outcome.message, outcome.seconds
        case Blocked():
            who = ", ".join(outcome.by)
            image.settled, image.text = Standing.BLOCKED, f"{who} failed" if outcome.stopped else f"by {who}"
        case Verdict(result=Result.FAILED):
            image.settled, image.text = Standing.FAILED, f"{outcome.title}: {outcome.reason}"
        case Verdict(result=Result.INCONCLUSIVE) if image.settled is not Standing.FAILED:
            image.text = f"{outcome.title}: {outcome.reason}"


def _standing(image: _Image) -> Standing:
    found = [task.standing for task in image.tasks.values()]
    return min(found, key=_ORDER.__getitem__) if found else image.settled


def _is_unbuilt(image: _Image) -> bool:
    return _standing(image) in {Standing.WAITING, Standing.BUILDING}


def _row(image: _Image, indent: str, now: float) -> Row:
    if not image.tasks:
        return Row(image.part.name, indent, image.settled, image.text, image.seconds, _yet(image))
    task = min(image.tasks.values(), key=lambda task: _ORDER[task.standing])
    expected = image.part.expected if task.standing is Standing.BUILDING else None
    gone = now - task.began
    left = None if expected is None else max(expected - gone, 0.0)
    text = " ".join(word for word in (_progress(task), task.text) if word)
    return Row(image.part.name, indent, task.standing, text, gone, left)


def _yet(image: _Image) -> float | None:
    return image.part.expected if image.settled is Standing.WAITING else None


def _progress(task: _Task) -> str:
    moved = task.moved
    if not task.moving:
        return ""
    return f"{size(moved.done)} of {size(moved.total)}" if moved.total > moved.done else size(moved.done)
