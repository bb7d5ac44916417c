"""Which builds a registry may forget: those under key tags that no generation names and no variant needs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

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
    at, whoever wrote it, stays.
    """
    by_digest: dict[str, list[str]] = {}
    for tag in sorted(tags):
        by_digest.setdefault(tags[tag], []).append(tag)
    return tuple(
        Doomed(repository, digest, tuple(found))
        for digest, found in by_digest.items()
        if digest not in named and all(_KEY_TAG.match(tag) and tag not in needed for tag in found)
    )
