"""The generation that follows the last one: what may move, and what stays where it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.graph import Graph
from pipeline.ports import Remote
from pipeline.publish.deciding import apart, clashes, closed
from pipeline.publish.generation import Entry, Generation, Kept
from pipeline.publish.looking import unfit

Who = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a run came to in one variant; `run` are the images it looked at, `keys` those of all images now.

    `entries` are the images that may be named, `held` says why the others of the run may not.
    """

    variant: str
    graph: Graph
    keys: Mapping[str, str]
    run: frozenset[str]
    entries: Mapping[str, Entry]
    held: Mapping[str, str]


def follow(
    judged: Iterable[Judged], last: Generation | None, wrong: Mapping[Who, str], variants: Iterable[str]
) -> Generation:
    """What moves and what stays; `wrong` are entries that must not be named, by image and variant, and why.

    `variants` are all there are. Variants and images that this run did not look at stay as they are, unless
    they are no more.
    """
    judged = tuple(judged)
    before = {(one.image, one.variant): one for one in last.entries} if last else {}
    entries: list[Entry] = []
    kept: list[Kept] = []
    for one in judged:
        held = _held(one, before, wrong)
        for name in one.graph.order:
            if name in held:
                names = last.standing(name, one.variant) if last else ()
                kept.append(Kept(name, one.variant, held[name], names))
            elif name in one.entries:
                entries.append(one.entries[name])
            elif (name, one.variant) in before:
                entries.append(before[name, one.variant])
            elif last:
                kept += [k for k in last.kept if (k.image, k.variant) == (name, one.variant)]
    others = set(variants) - {one.variant for one in judged}
    if last:
        entries += [entry for entry in last.entries if entry.variant in others]
        kept += [k for k in last.kept if k.variant in others]
    return Generation(0, "", tuple(entries), tuple(kept))


def _held(one: Judged, before: Mapping[Who, Entry], wrong: Mapping[Who, str]) -> dict[str, str]:
    named = {image: entry.key for (image, variant), entry in before.items() if variant == one.variant}
    held = {
        **apart(one.graph, one.keys, named, one.run),
        **{image: why for (image, variant), why in wrong.items() if variant == one.variant},
        **one.held,
    }
    return closed(one.graph, one.run, held)


def wrong(judged: Iterable[Judged], last: Generation | None, remote: Remote, registry: str) -> dict[Who, str]:
    """What must not be named, whatever its probes say: names that two claim, builds that are not right.

    A build that the last generation names has been looked at before.
    """
    judged = tuple(judged)
    before = {(one.image, one.variant): (one.key, one.digest) for one in last.entries} if last else {}
    found = clashes(entry for one in judged for entry in one.entries.values())
    for one in judged:
        new = {
            name
            for name, entry in one.entries.items()
            if before.get((name, one.variant)) != (entry.key, entry.digest)
        }
        needed = new | {one.entries[name].parent for name in new}
        order = [name for name in one.graph.order if name in needed and name in one.entries]
        found |= unfit(remote, registry, [one.entries[name] for name in order])
    return found
