"""Move names on the registry, and only to what its probes have shown to work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.digest import key_tag
from pipeline.graph import Graph
from pipeline.outcome import HeldBack, Promoted, Result, Verdict
from pipeline.ports import MoveNames


@dataclass(frozen=True, slots=True)
class Naming:
    """How names are made: the registry's prefix, the tag patterns and what their fields stand for."""

    registry: str
    tags: tuple[str, ...]
    date: str
    commit: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """Names to move, and the digest to move them to."""

    image: str
    variant: str
    source: str
    names: tuple[str, ...]
    unsmoked: bool = False


def repository(image: str) -> tuple[str, str]:
    """An image's repository, and what its tags begin with: a folder inside another image's is a tag of it."""
    outer, _, inner = image.lower().partition("/")
    return outer, f"{inner.replace('/', '-')}-" if inner else ""


def key_name(registry: str, image: str, key: str) -> str:
    """Where an image's build is kept under its key."""
    return f"{registry}/{repository(image)[0]}:{key_tag(key)}"


def names(naming: Naming, image: str, variant: str) -> tuple[str, ...]:
    """The names of an image; `variant` is "" for the first one. Without a commit, no tag can name it."""
    outer, inner = repository(image)
    found = []
    for pattern in naming.tags:
        if "{commit}" in pattern and not naming.commit:
            continue
        prefix = f"{variant}-" if variant and "{variant}" not in pattern else ""
        tag = pattern.format(variant=variant, date=naming.date, commit=naming.commit)
        tag = re.sub(r"-{2,}", "-", f"{inner}{prefix}{tag}").strip("-")
        found.append(f"{naming.registry}/{outer}:{tag}")
    return tuple(dict.fromkeys(found))


def decide(
    graph: Graph, sources: Mapping[str, str], verdicts: Iterable[Verdict], allow_unsmoked: bool
) -> tuple[dict[str, bool], dict[str, str]]:
    """Which images may be promoted (and whether unsmoked), and why the others may not.

    `sources` holds the image's pushed digest, for each image of one variant that is there. An image is held
    back by its own verdicts and by those of its ancestors; one that nothing was said of, neither of itself
    nor of anything built on it, is unsmoked.
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


def distinct(promotions: Iterable[Promotion]) -> tuple[tuple[Promotion, ...], tuple[HeldBack, ...]]:
    """The promotions whose names no other claims; `tf/cuda` and variant `cuda` of `tf` would be one name."""
    every = tuple(promotions)
    claims: dict[str, list[Promotion]] = {}
    for promotion in every:
        for name in promotion.names:
            claims.setdefault(name, []).append(promotion)
    held = {}
    for name, by in claims.items():
        for promotion in by if len(by) > 1 else ():
            others = sorted({f"{o.image} of variant {o.variant}" for o in by if o is not promotion})
            why = f"{name} would also be {', '.join(others)}: rename the variant or the image"
            held[promotion.image, promotion.variant] = HeldBack(promotion.image, promotion.variant, why)
    return tuple(p for p in every if (p.image, p.variant) not in held), tuple(held.values())


def move(
    promotions: Iterable[Promotion], held: Iterable[HeldBack], move_names: MoveNames
) -> tuple[Promoted | HeldBack, ...]:
    """Move the names, one image after the other, and say what was done."""
    done: list[Promoted | HeldBack] = list(held)
    for promotion in promotions:
        move_names(promotion.source, promotion.names)
        done.append(
            Promoted(
                promotion.image,
                promotion.variant,
                promotion.source.rpartition("@")[2],
                promotion.names,
                promotion.unsmoked,
            )
        )
    return tuple(done)
