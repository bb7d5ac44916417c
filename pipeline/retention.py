"""Which builds a registry may forget, and the verdicts on them: what no generation names and nobody needs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pipeline.testimony import key_of

_KEY_TAG = re.compile(r"k-[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class Doomed:
    """A manifest that may go, with every tag that points at it."""

    repository: str
    digest: str
    tags: tuple[str, ...]


def doomed(
    repository: str, tags: Mapping[str, str], needed: Collection[str], named: Collection[str]
) -> tuple[Doomed, ...]:
    """What of a repository may go, sorted by tag; `tags` are all of its tags, with their digests.

    `needed` are the key tags that a variant or a generation needs, `named` the digests that names of
    generations point at. A registry forgets a manifest with all of its tags: one that any other tag points
    at, whoever wrote it, stays. Verdicts go with the key tag of the build that they are on.
    """
    builds = {tag: digest for tag, digest in tags.items() if not key_of(tag)}
    gone = [
        Doomed(repository, digest, found)
        for digest, found in _by_digest(builds)
        if digest not in named and all(_KEY_TAG.match(tag) and tag not in needed for tag in found)
    ]
    left = builds.keys() - {tag for one in gone for tag in one.tags}
    said = {tag: digest for tag, digest in tags.items() if key_of(tag)}
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
