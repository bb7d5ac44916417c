"""Which builds a registry may forget, and the verdicts on them: what no generation names and nobody needs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.testimony import key_of

_KEY_TAG = re.compile(r"k-[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class Doomed:
    """A manifest that may go, with every tag that points at it."""

    repository: str
    digest: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """What must stay: the key tags that a variant or a generation needs, and what generations name.

    `named` are the digests that names of generations that stay point at, `names` their tags in the
    repository; `passing` are patterns of the tags that go with their generations.
    """

    keys: Collection[str] = frozenset()
    named: Collection[str] = frozenset()
    names: Collection[str] = frozenset()
    passing: Sequence[re.Pattern[str]] = field(default=())

    def lets_go(self, tag: str) -> bool:
        """Whether nobody needs a tag."""
        if _KEY_TAG.match(tag):
            return tag not in self.keys
        return tag not in self.names and any(pattern.match(tag) for pattern in self.passing)


def stay(generations: Mapping[str, float], most: int, since: float) -> frozenset[str]:
    """The generations that stay of those there are, oldest first, each with its moment.

    That is the newest `most` and those that are not older than `since`; the newest one in any case.
    """
    tags = tuple(generations)
    return frozenset((*tags[-max(most, 1) :], *(tag for tag in tags if generations[tag] >= since)))


def doomed(repository: str, tags: Mapping[str, str], needs: Needs) -> tuple[Doomed, ...]:
    """What of a repository may go, sorted by tag; `tags` are all of its tags, with their digests.

    A registry forgets a manifest with all of its tags: one that any other tag points at, whoever wrote it,
    stays. Verdicts go with the key tag of the build that they are on.
    """
    builds = {tag: digest for tag, digest in tags.items() if not key_of(tag)}
    said = {tag: digest for tag, digest in tags.items() if key_of(tag)}
    kept = {*needs.named, *said.values()}
    gone = [
        Doomed(repository, digest, found)
        for digest, found in _by_digest(builds)
        if digest not in kept and all(map(needs.lets_go, found))
    ]
    left = builds.keys() - {tag for one in gone for tag in one.tags}
    gone += [
        Doomed(repository, digest, found)
        for digest, found in _by_digest(said)
        if digest not in builds.values() and not any(f"k-{key_of(tag)}" in left for tag in found)
    ]
    return tuple(gone)


def key_tags(gone: Iterable[Doomed]) -> tuple[str, ...]:
    """The key tags among what goes."""
    return tuple(tag for one in gone for tag in one.tags if _KEY_TAG.match(tag))


def _by_digest(tags: Mapping[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for tag in sorted(tags):
        found.setdefault(tags[tag], []).append(tag)
    return tuple((digest, tuple(some)) for digest, some in found.items())
