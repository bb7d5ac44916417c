"""Which images may be named, and why the others may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.graph import Graph
from pipeline.outcome import Result, Verdict
from pipeline.publish.generation import Entry


def decide(
    graph: Graph, sources: Mapping[str, str], verdicts: Iterable[Verdict], allow_unsmoked: bool
) -> tuple[dict[str, bool], dict[str, str]]:
    """Which images may be promoted (and whether unsmoked), and why the others may not.

    `sources` holds the image's pushed digest, for each image of one variant that is there. An image is held
    back by its own verdicts and by those of its ancestors; one of which nothing has passed, neither itself
    nor what it stands on nor what is built on it, is unsmoked.
    """
    of: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        of.setdefault(verdict.image, []).append(verdict)
    may: dict[str, bool] = {}
    held: dict[str, str] = {}
    for name in graph.order:
        if name not in sources:
            continue
        line = graph.ancestors([name])
        failed = [v for above in sorted(line) for v in of.get(above, ()) if v.result is Result.FAILED]
        doubts = [v for above in sorted(line) for v in of.get(above, ()) if v.result is Result.INCONCLUSIVE]
        around = [v for other in graph.descendants([name]) | line for v in of.get(other, ())]
        if failed:
            held[name] = f"{failed[0].image} failed its probe: {failed[0].reason}"
        elif doubts and not allow_unsmoked:
            held[name] = f"{doubts[0].image} is inconclusive: {doubts[0].reason}"
        elif not any(v.result is Result.PASSED for v in around) and not allow_unsmoked:
            held[name] = "no probe has passed for it"
        else:
            may[name] = bool(doubts) or not any(v.result is Result.PASSED for v in around)
    return may, held


def unprobed(graph: Graph, names: Iterable[str], verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """Which of the images no probe looks into, neither into them nor into anything built on them."""
    seen = graph.ancestors({verdict.image for verdict in verdicts})
    return tuple(name for name in names if name not in seen)


def apart(
    graph: Graph, keys: Mapping[str, str], named: Mapping[str, str], run: frozenset[str]
) -> dict[str, str]:
    """Which images of a run must wait, because moving them would part them from images outside the run.

    `keys` are the images' keys now, `named` those that their names point at. An image that nobody looked at
    in this run keeps its names, and so must what it stands on; one that is red keeps its own alone.
    """
    held: dict[str, str] = {}
    for name in graph.order:
        above = graph.ancestors([name]) - {name}
        if name not in run:
            if name in named and named[name] != keys[name]:
                for parent in above & run:
                    if named.get(parent) != keys[parent]:
                        why = f"{name} is named on an earlier build of it, and is not part of this run"
                        held.setdefault(parent, why)
            continue
        for parent in sorted(above - run):
            if named.get(parent) != keys[parent]:
                held.setdefault(name, f"{parent}, which it stands on, is not named as it is now")
    return held


def closed(graph: Graph, run: frozenset[str], held: Mapping[str, str]) -> dict[str, str]:
    """All images of a run that are held back, once what stands on a held one is, too."""
    found: dict[str, str] = {}
    for name in graph.order:
        if name not in run:
            continue
        if name in held:
            found[name] = held[name]
        elif waiting := [parent for parent in graph.nodes[name].parent_names if parent in found]:
            found[name] = f"{waiting[0]}, which it stands on, is held back"
    return found


def clashes(entries: Iterable[Entry]) -> dict[tuple[str, str], str]:
    """The entries, by image and variant, that share a name with another one, and why that cannot be.

    `tf/cuda` and variant `cuda` of `tf` would be one name.
    """
    claims: dict[str, list[Entry]] = {}
    for entry in entries:
        for name in entry.names:
            claims.setdefault(name, []).append(entry)
    held = {}
    for name, by in claims.items():
        for entry in by if len(by) > 1 else ():
            others = sorted({f"{o.image} of variant {o.variant}" for o in by if o is not entry})
            why = f"{name} would also be {', '.join(others)}: rename the variant or the image"
            held[entry.image, entry.variant] = why
    return held
