"""What to do about each image, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from pipeline.digest import short
from pipeline.errors import InputError, Problem
from pipeline.graph import Graph, Node
from pipeline.keys import KeyRecord, Part, difference
from pipeline.tree import unknown


class Action(StrEnum):
    """What a step does."""

    BUILD = "build"
    PULL = "pull"
    REUSE = "reuse"


class Cause(StrEnum):
    """Why an image has to be built."""

    ASKED = "asked"
    NEVER = "never"
    CHANGED = "changed"
    ROOT = "root"
    PARENT = "parent"
    BEHIND = "behind"
    LOST = "lost"
    AGED = "aged"
    DRIFTED = "drifted"


# causes that come with a new moment in the lock: layers of earlier builds are no good then
_REFRESHING = frozenset({Cause.ASKED, Cause.NEVER, Cause.AGED, Cause.DRIFTED})
_WORDS = {
    Cause.ASKED: "taken as changed, as asked for",
    Cause.NEVER: "never built",
    Cause.CHANGED: "changed: {}",
    Cause.ROOT: "{}",
    Cause.PARENT: "stands on {}, which is rebuilt",
    Cause.BEHIND: "was built on an earlier {}",
    Cause.LOST: "built before, but gone from {}",
    Cause.AGED: "{} old, and may be {}",
    Cause.DRIFTED: "would install something else now: {}",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause, and what it is about.

    `about` are the images that are the root of it, or where a lost build was looked for, the age and the
    greatest one, the packages that moved; `parts` what changed of the image's own record.
    """

    cause: Cause
    about: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        match self.cause:
            case Cause.CHANGED:
                names = tuple(map(str, self.parts))
            case Cause.ROOT:
                names = tuple(map(_move, self.parts))
            case Cause.LOST:
                names = (" and ".join(f"the {place}" for place in self.about),)
            case Cause.AGED:
                return _WORDS[self.cause].format(*self.about)
            case _:
                names = self.about
        return _WORDS[self.cause].format(_listed(names))


def _move(part: Part) -> str:
    """A root that is another now; without a lock its reference is all that is known of it."""
    old, new = (short(pin) if pin else "unlocked" for pin in (part.old, part.new))
    return f"root {part.name} moved: {old} → {new}"


def _listed(names: tuple[str, ...], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@dataclass(frozen=True, slots=True)
class Step:
    """What is done about one image of one variant. `parents` are the keys it is built on."""

    image: str
    action: Action
    record: KeyRecord
    key: str
    parents: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def afresh(self) -> bool:
        """Whether layers of earlier builds are no good: BuildKit would take them for the refreshed image."""
        new = any(reason.cause in _REFRESHING for reason in self.reasons)
        return new and bool(self.record.refreshed)


@dataclass(frozen=True, slots=True)
class Known:
    """What exists (keys in the engine and in the registry), and what each image was last built with.

    `places` is where was looked for it.
    """

    engine: frozenset[str] = frozenset()
    registry: frozenset[str] = frozenset()
    last: Mapping[str, KeyRecord] = field(default_factory=dict)
    places: tuple[str, ...] = ("engine",)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: some images (none: all), images to take as changed, images the engine must have.

    `differing` are the images whose inputs differ from another revision's, where only those and what stands
    on them are meant. `leaves` keeps the leaves of what was asked for, `ancestors_only` what it stands on.
    `stale` are images that are refreshed without having been asked for, and why.
    """

    images: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    local: frozenset[str] = frozenset()
    differing: frozenset[str] | None = None
    leaves: bool = False
    ancestors_only: bool = False
    stale: Mapping[str, Reason] = field(default_factory=dict)


def matching(names: Collection[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """The images that names and globs mean, each once; raises InputError with every one that means none."""
    found: dict[str, None] = {}
    problems: list[Problem] = []
    for pattern in patterns:
        if pattern in names:
            found[pattern] = None
        elif matched := [name for name in names if fnmatchcase(name, pattern)]:
            found.update(dict.fromkeys(matched))
        else:
            problems.extend(unknown(pattern, names).problems)
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return tuple(found)


def chosen(graph: Graph, request: Request) -> frozenset[str]:
    """The images that a request is about; raises InputError for one that is not in the graph."""
    above = graph.ancestors(request.images)
    asked = frozenset(request.images) or frozenset(graph.nodes)
    if request.leaves:
        asked &= frozenset(graph.leaves())
    if request.ancestors_only:
        asked = graph.ancestors(asked) - asked
    if not request.changed and request.differing is None:
        return asked
    below = graph.descendants(request.changed) | graph.descendants(request.differing or ())
    if request.images and not request.leaves and not request.ancestors_only:
        return below & above
    return below & asked


def make(graph: Graph, records: Mapping[str, KeyRecord], known: Known, request: Request) -> tuple[Step, ...]:
    """The steps of one variant, parents first: all images asked for, and the ancestors they need.

    Nothing is built for its own sake but what was asked for: an ancestor that exists is pulled at most.
    """
    keys = {name: record.key for name, record in records.items()}
    exists = known.engine | known.registry
    wanted = chosen(graph, request)
    missing: set[str] = set()
    needed_here: set[str] = set(request.local & wanted)
    pending = [name for name in wanted if keys[name] not in exists]
    while pending:
        name = pending.pop()
        if name in missing:
            continue
        missing.add(name)
        for parent in graph.nodes[name].parent_names:
            needed_here.add(parent)
            if keys[parent] not in exists:
                pending.append(parent)
    reasons = _reasons(graph, records, known, (missing, request))
    steps = []
    for name in graph.order:
        if name not in wanted and name not in needed_here and name not in missing:
            continue
        action = Action.REUSE
        if name in missing:
            action = Action.BUILD
        elif name in needed_here and keys[name] not in known.engine:
            action = Action.PULL
        parents = tuple(sorted(keys[parent] for parent in graph.nodes[name].parent_names))
        steps.append(Step(name, action, records[name], keys[name], parents, reasons.get(name, ())))
    return tuple(steps)


def _reasons(
    graph: Graph, records: Mapping[str, KeyRecord], known: Known, doomed: tuple[Iterable[str], Request]
) -> dict[str, tuple[Reason, ...]]:
    """Why each missing image is missing; what only follows from an ancestor names that ancestor."""
    missing, request = frozenset(doomed[0]), doomed[1]
    found: dict[str, tuple[Reason, ...]] = {}
    causes: dict[str, tuple[str, ...]] = {}
    for name in graph.order:
        if name not in missing:
            continue
        own = _own(name, records[name], known, request)
        above: list[str] = []
        if all(reason.parts for reason in own):
            # a parent that was lost comes back under the same key, and is no reason for what stands on it
            moved = _moved(graph.nodes[name], known.last[name], records[name])
            above = sorted({cause for parent in moved for cause in causes.get(parent, ())})
            if above:
                own = (*own, Reason(Cause.PARENT, tuple(above)))
            elif moved:
                own = (*own, Reason(Cause.BEHIND, moved))
        found[name] = own or (Reason(Cause.LOST, known.places),)
        rooted = any(reason.cause is not Cause.PARENT for reason in found[name])
        causes[name] = (name,) if rooted else tuple(above)
    return found


def _moved(node: Node, last: KeyRecord, record: KeyRecord) -> tuple[str, ...]:
    """The parents that are other builds than those that the image was last built on."""
    old, new = dict(last.parents), dict(record.parents)
    return tuple(
        sorted({name for reference, name in node.parents if old.get(reference) not in {None, new[reference]}})
    )


def _own(name: str, record: KeyRecord, known: Known, request: Request) -> tuple[Reason, ...]:
    last = known.last.get(name)
    if name in request.stale and name not in request.changed:
        return (request.stale[name],)
    # a refresh that no finished run has taken in yet was asked for by one that was interrupted
    if name in request.changed or (last is not None and last.refreshed != record.refreshed):
        return (Reason(Cause.ASKED),)
    if last is None:
        return (Reason(Cause.NEVER),)
    parts = difference(last, record)
    moved = tuple(part for part in parts if part.kind == "root" and None not in {part.old, part.new})
    changed = tuple(part for part in parts if part not in moved)
    found = (Reason(Cause.CHANGED, parts=changed), Reason(Cause.ROOT, parts=moved))
    return tuple(reason for reason in found if reason.parts)
