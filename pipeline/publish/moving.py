"""Move names from one generation to the next, so that any run can finish what another has begun.

A generation's record is stored before its first name moves, under a tag of its own, and nothing ever
overwrites it. The newest record says where names belong; whoever publishes first brings them there, and
gives up its own as soon as there is a newer one. Names are moved parents first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pipeline import artifact
from pipeline.errors import FailedError, InputError, Problem, UnreachableError
from pipeline.ports import Remote, Stored
from pipeline.publish import generation as generations
from pipeline.publish.generation import Entry, Generation, Kept

ROUNDS = 12
CONFIG = "application/vnd.stackbuild.generation.config.v1+json"
RECORD = "application/vnd.stackbuild.generation.v1+json"

# the next generation after the newest (None: there is none yet), its number and moment left open
Propose = Callable[[Generation | None], Generation]


@dataclass(frozen=True, slots=True)
class Place:
    """A registry, and the prefix of all of a project's repositories in it."""

    remote: Remote
    registry: str

    @property
    def records(self) -> str:
        """The repository that generations are kept in."""
        return f"{self.registry}/{generations.REPOSITORY}"

    def whole(self, name: str) -> str:
        """A name with its registry."""
        return f"{self.registry}/{name}"


@dataclass(frozen=True, slots=True)
class Published:
    """The generation that names show now, and the names that were moved for it; `new` where it is ours.

    `gone` are names that an earlier publication had left behind and that nothing can bring home.
    """

    generation: Generation
    moved: tuple[str, ...] = ()
    new: bool = True
    gone: tuple[str, ...] = ()


class _GoneError(FailedError):
    """A build that a name must point at is not in the registry any more."""


class _OvertakenError(Exception):
    """Another publisher has recorded a newer generation."""


def history(place: Place) -> tuple[str, ...]:
    """The tags of all generations, oldest first."""
    return generations.in_order(place.remote.tags(place.records))


def load(place: Place, tag: str) -> Generation:
    """The generation under a tag. Raises FailedError where its record is gone or is none."""
    hint = f"remove the tag '{tag}' from '{place.records}'"
    try:
        stored = place.remote.manifest(f"{place.records}:{tag}")
        layer = json.loads(stored.body)["layers"][0] if stored else {}
        data = place.remote.blob(place.records, layer["digest"]) if stored else None
        if data is None:
            raise FailedError.of(f"the record of generation {generations.called(tag)} is gone", hint=hint)
        return Generation.from_bytes(data)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        message = f"the record of generation {generations.called(tag)} cannot be read: {error}"
        raise FailedError.of(message, hint=hint) from error


def newest(place: Place) -> Generation | None:
    """The generation that names belong to."""
    tags = history(place)
    return load(place, tags[-1]) if tags else None


def astray(place: Place, generation: Generation, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """The names that are not where the generation has them, and the digests they belong at.

    `known` is where names have been seen a moment ago; the registry is asked for the others.
    """
    targets, seen = generation.targets, dict(known or {})
    asked = place.remote.digests(place.whole(name) for name in targets if name not in seen)
    seen |= {name: asked[place.whole(name)] for name in targets if place.whole(name) in asked}
    return {name: where for name, where in targets.items() if seen.get(name) != where}


def record(place: Place, generation: Generation) -> None:
    """Store a generation's record; from then on any publisher brings its names home."""
    name = f"{place.records}:{generation.tag}"
    artifact.keep(place.remote, name, (CONFIG, RECORD), generation.to_bytes())


def settle(place: Place, generation: Generation, stray: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Bring every name of the newest generation home, and read all of them back; gives those that moved.

    `stray` are the names that were seen elsewhere a moment ago, where somebody has looked.
    Raises _OvertakenError where it is not the newest, _GoneError where a build is not there.
    """
    moved: dict[str, None] = {}
    manifests: dict[str, Stored] = {}
    tag = generation.tag  # made of all that is in it
    for _ in range(ROUNDS):
        stray = astray(place, generation) if stray is None else stray
        _must_be_newest(place, tag)
        if not stray:
            return tuple(moved)
        sources = {name: f"{place.whole(name).rpartition(':')[0]}@{where}" for name, where in stray.items()}
        manifests |= place.remote.manifests(one for one in sources.values() if one not in manifests)
        for name, source in sources.items():
            if source not in manifests:
                raise _GoneError.of(f"the registry has lost '{source}'")
            _must_be_newest(place, tag)
            place.remote.put(place.whole(name), manifests[source])
            moved[name] = None
        stray = None
    message = f"the names of generation {generation.name} do not stay where they are put"
    raise UnreachableError.of(message, hint="who else writes to them?")


def publish(place: Place, propose: Propose, now: Callable[[], str]) -> Published:
    """Finish what is unfinished, then move all names of the next generation, if it differs.

    Raises UnreachableError where the registry does not answer or refuses: the next run goes on from there.
    """
    ours: set[str] = set()
    moved: dict[str, None] = {}
    gone: dict[str, None] = {}
    for _ in range(ROUNDS):
        last = newest(place)
        try:
            known = _finish(place, last, (moved, gone)) if last else {}
            following = propose(last)
            stray = astray(place, following, known)
            if last and not stray:
                return Published(last, tuple(moved), last.tag in ours, tuple(gone))
            following = replace(following, number=last.number + 1 if last else 1, at=now())
            ours.add(following.tag)
            record(place, following)
            moved.update(dict.fromkeys(settle(place, following, stray)))
        except _OvertakenError:
            continue
        return Published(following, tuple(moved), gone=tuple(gone))
    raise UnreachableError.of("others publish all the time", hint="try again later")


def _finish(
    place: Place, last: Generation, notes: tuple[dict[str, None], dict[str, None]]
) -> Mapping[str, str]:
    """Settle the newest generation as far as that can be done; gives where its names have been seen then.

    Notes the names that were moved, and those whose builds are gone.
    """
    moved, gone = notes
    try:
        moved.update(dict.fromkeys(settle(place, last)))
    except _GoneError:
        gone.update(dict.fromkeys(astray(place, last)))
        return {}
    return last.targets


def _must_be_newest(place: Place, tag: str) -> None:
    # a registry whose list lags behind may not show ours yet
    if generations.in_order((*history(place), tag))[-1] != tag:
        raise _OvertakenError


def before(place: Place, last: Generation, tags: tuple[str, ...]) -> str:
    """The tag of the newest generation with other builds than the present one, "" for none.

    After a rollback, generations before the one it went back to are looked at.
    """
    start = tags.index(last.rollback) if last.rollback in tags else tags.index(last.tag)
    builds = _builds(last)
    return next((tag for tag in reversed(tags[:start]) if _builds(load(place, tag)) != builds), "")


def _builds(generation: Generation) -> dict[tuple[str, str], str]:
    return {(entry.image, entry.variant): entry.digest for entry in generation.entries}


def rollback(place: Place, text: str, now: Callable[[], str]) -> Published:
    """Move all names of an earlier generation back; that is a new generation, with the old one's content.

    `text` is the generation as a person calls it, "" for the one before. Names that the earlier one did not
    have stay where they are. Raises InputError for a generation that is not there, or not whole any more.
    """
    tags = history(place)
    last = load(place, tags[-1]) if tags else None
    if last is None:
        raise InputError.of("nothing has been published yet", hint="stackbuild --publish")
    found = generations.meant(tags, text) if text else tuple(filter(None, [before(place, last, tags)]))
    if len(found) != 1:
        hint = "`stackbuild generations` lists them"
        what = f"generation '{text}'" if text else "earlier generation with other builds"
        raise InputError.of(f"{'more than one' if found else 'no'} {what}", hint=hint)
    back = load(place, found[0])
    every = (f"{place.whole(name).rpartition(':')[0]}@{where}" for name, where in back.targets.items())
    sources = tuple(dict.fromkeys(every))
    there = place.remote.digests(sources)
    if lost := [name for name in sources if name not in there]:
        hint = "build its commit again, and publish that"
        raise InputError(*(Problem(f"the registry has lost '{name}'", hint=hint) for name in lost))
    return publish(place, lambda newer: _again(back, newer, found[0]), now)


def _again(back: Generation, last: Generation | None, tag: str) -> Generation:
    every: tuple[Entry | Kept, ...] = (*back.entries, *back.kept)
    known = {(one.image, one.variant) for one in every}
    others: tuple[Entry | Kept, ...] = (*last.entries, *last.kept) if last else ()
    why = f"generation {back.name} did not have it"
    stay = tuple(
        Kept(one.image, one.variant, why, last.standing(one.image, one.variant))
        for one in others
        if last and (one.image, one.variant) not in known
    )
    return replace(back, kept=(*back.kept, *stay), rollback=tag)
