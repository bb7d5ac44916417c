"""What to do about each image, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.graph import Graph, Node
from pipeline.keys import KeyRecord, difference


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
    PARENT = "parent"
    BEHIND = "behind"
    GONE = "gone"
    AGED = "aged"
    DRIFTED = "drifted"


# causes that come with a new moment in the lock: layers of earlier builds are no good then
REFRESHING = frozenset({Cause.ASKED, Cause.NEVER, Cause.AGED, Cause.DRIFTED})


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause, and what it is about: the parts that changed, or the image that is the root of it."""

    cause: Cause
    about: tuple[str, ...] = ()

    def __str__(self) -> str:  # noqa: PLR0911 (a line for each)
        match self.cause:
            case Cause.ASKED:
                return "taken as changed, as asked for"
            case Cause.NEVER:
                return "never built"
            case Cause.CHANGED:
                return f"changed: {_listed(self.about)}"
            case Cause.PARENT:
                return f"stands on {_listed(self.about)}, which is rebuilt"
            case Cause.BEHIND:
                return f"was built on an earlier {_listed(self.about)}"
            case Cause.GONE:
                return "built before, but gone from the engine"
            case Cause.AGED:
                return f"{self.about[0]} old, and may be {self.about[1]}"
            case Cause.DRIFTED:
                return f"would install something else now: {_listed(self.about)}"


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
        new = any(reason.cause in REFRESHING for reason in self.reasons)
        return new and bool(self.record.refreshed)


@dataclass(frozen=True, slots=True)
class Known:
    """What exists (keys in the engine and in the registry), and what each image was last built with."""

    engine: frozenset[str] = frozenset()
    registry: frozenset[str] = frozenset()
    last: Mapping[str, KeyRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: some images (none: all), images to take as changed, images the engine must have.

    `stale` are images that are refreshed without having been asked for, and why.
    """

    images: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    local: frozenset[str] = frozenset()
    stale: Mapping[str, Reason] = field(default_factory=dict)


def chosen(graph: Graph, request: Request) -> frozenset[str]:
    """The images that a request is about; raises InputError for one that is not in the graph."""
    if request.changed:
        below = graph.descendants(request.changed)
        return below & graph.ancestors(request.images) if request.images else below
    if request.images:
        graph.ancestors(request.images)
        return frozenset(request.images)
    return frozenset(graph.nodes)


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
        above = sorted(
            {cause for parent in graph.nodes[name].parent_names for cause in causes.get(parent, ())}
        )
        if all(reason.cause is Cause.CHANGED for reason in own):
            if above:
                own = (*own, Reason(Cause.PARENT, tuple(above)))
            elif moved := _moved(graph.nodes[name], known.last[name], records[name]):
                own = (*own, Reason(Cause.BEHIND, moved))
        found[name] = own or (Reason(Cause.GONE),)
        rooted = any(reason.cause is not Cause.PARENT for reason in found[name])
        causes[name] = (name,) if rooted else tuple(above)
    return found


def _moved(node: Node, last: KeyRecord, record: KeyRecord) -> tuple[str, ...]:
    """The parents that were built anew since the image was: its own build failed, or was not asked for."""
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
    return (Reason(Cause.CHANGED, parts),) if parts else ()
