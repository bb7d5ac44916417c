"""What of a machine's builds nobody needs any more, and what removing it would free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

Layers = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """An image that an engine stores; `key` is "" for one that is no build of the project.

    `names` are those that it has as a build, `others` all further ones. `made` is in seconds since 1970,
    `size` in bytes with everything below it, `layers` are the digests of its layers, the lowest first.
    """

    image_id: str
    image: str
    key: str
    names: tuple[str, ...]
    others: tuple[str, ...]
    size: int
    made: float
    layers: Layers


@dataclass(frozen=True, slots=True)
class Policy:
    """What may go: what was made before `before`, the oldest first, until no more than `most` bytes are left.

    `before` is in seconds since 1970; without `most`, all of it goes.
    """

    before: float
    most: int | None = None


class Why(StrEnum):
    """Why a build stays."""

    NEEDED = "a variant needs it"
    RUNNING = "a run that goes on needs it"
    NAMED = "it has another name, too"
    YOUNG = "it is too young"
    ROOM = "there is room for it"


@dataclass(frozen=True, slots=True)
class Choice:
    """The builds that go, the oldest first, those that stay and why; the bytes that this frees and leaves."""

    gone: tuple[Stored, ...]
    kept: tuple[tuple[Stored, Why], ...]
    freed: int
    left: int


def choose(
    stored: Iterable[Stored], needed: frozenset[str], running: frozenset[str], policy: Policy
) -> Choice:
    """What goes of all that an engine stores; what is no build of the project never does."""
    everything = tuple(stored)
    builds = sorted((one for one in everything if one.key), key=lambda one: (one.made, one.key))
    kept: list[tuple[Stored, Why]] = []
    candidates = []
    for one in builds:
        if why := _stays(one, needed, running, policy):
            kept.append((one, why))
        else:
            candidates.append(one)
    weights = Weights(everything)
    gone: list[Stored] = []
    for one in candidates:
        if policy.most is not None and weights.left(builds, gone) <= policy.most:
            kept.append((one, Why.ROOM))
        else:
            gone.append(one)
    return Choice(tuple(gone), tuple(kept), weights.freed(gone), weights.left(builds, gone))


def _stays(one: Stored, needed: frozenset[str], running: frozenset[str], policy: Policy) -> Why | None:
    if one.key in needed:
        return Why.NEEDED
    if one.key in running:
        return Why.RUNNING
    if one.others:
        return Why.NAMED
    return Why.YOUNG if one.made > policy.before else None


class Weights:
    """How many bytes there are above each image, down to the next that it stands on."""

    def __init__(self, images: Iterable[Stored]) -> None:
        self._images = tuple(images)
        sizes = {_layers(one): one.size for one in self._images}
        self._below = {top: tuple(p for p in _prefixes(top) if p in sizes) for top in sizes}
        self._own = {
            top: max(size - (sizes[self._below[top][0]] if self._below[top] else 0), 0)
            for top, size in sizes.items()
        }

    def freed(self, gone: Iterable[Stored]) -> int:
        """The bytes that only these have."""
        going = {one.image_id: _layers(one) for one in gone}
        held = self._held(one for one in self._images if one.image_id not in going)
        return sum(self._own[top] for top in set(going.values()) - held)

    def left(self, ours: Iterable[Stored], gone: Iterable[Stored]) -> int:
        """The bytes that some images have for themselves, once others of them have gone."""
        builds = tuple(ours)
        going = {one.image_id for one in gone}
        held = self._held(one for one in builds if one.image_id not in going)
        return sum(self._own[top] for top in held & {_layers(one) for one in builds})

    def _held(self, staying: Iterable[Stored]) -> set[Layers]:
        tops = {_layers(one) for one in staying}
        return tops.union(*(self._below[top] for top in tops))


def _layers(one: Stored) -> Layers:
    return one.layers or (one.image_id,)


def _prefixes(layers: Layers) -> Iterator[Layers]:
    """What an image stands on, the highest first."""
    for length in range(len(layers) - 1, 0, -1):
        yield layers[:length]
