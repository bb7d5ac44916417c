"""`prune --registry`: builds, manifests and generations that the registry may forget, listed or removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline import publish, retention, shelf
from pipeline.adapters import verdicts
from pipeline.adapters.credentials import Credentials
from pipeline.adapters.engine import Engine
from pipeline.adapters.registry import Registry
from pipeline.adapters.state import State
from pipeline.digest import key_tag
from pipeline.errors import FailedError
from pipeline.publish import Generation, Place
from pipeline.retention import Doomed
from pipeline.run.decide import Ask, decide
from pipeline.run.generations import place_of
from pipeline.run.project import Project, open_project, views


@dataclass(frozen=True, slots=True)
class Retained:
    """What goes from a registry; `done` is whether it has gone, `kept` counts generations that stay."""

    registry: str
    gone: tuple[Doomed, ...]
    kept: int
    done: bool

    def lines(self) -> Iterator[str]:
        """For people: one line for each manifest, with its tags."""
        for one in self.gone:
            yield f"{one.repository}  {', '.join(one.tags)}"

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "registry": self.registry,
            "manifests": [
                {"repository": one.repository, "digest": one.digest, "tags": list(one.tags)}
                for one in self.gone
            ],
            "generations_kept": self.kept,
            "done": self.done,
        }


def run_retain(file: str, most: int, *, delete: bool) -> Retained:
    """Find what no generation names and no variant needs; with `delete` the registry forgets it.

    Of generations the newest `most` are kept, 0 for all. Names, and what they point at, are never removed.
    Raises FailedError where somebody publishes meanwhile.
    """
    project = open_project(file)
    registry = os.environ.get("STACKBUILD_REGISTRY", "")
    place = place_of(file, registry)
    tags = publish.history(place)
    old = tags[:-most] if most else ()
    kept = [publish.load(place, tag) for tag in tags if tag not in old]
    keys = _needed(project, kept)
    gone = (*_generations(place, old), *_builds(place, project, kept, keys), *_manifests(place, keys))
    shop = Registry(Credentials(place.registry, project.config.credentials))
    if delete:
        _forget(project, place, gone)
    for one in gone if delete else ():
        if publish.history(place)[-1:] != tags[-1:]:
            hint = "run it again: what was listed is gone as far as it came"
            raise FailedError.of("somebody has published meanwhile", hint=hint)
        shop.delete(f"{one.repository}@{one.digest}")
    return Retained(place.registry, gone, len(kept), delete)


def _forget(project: Project, place: Place, gone: tuple[Doomed, ...]) -> None:
    """What this machine pushed is asked for again, as soon as it may be gone."""
    state = State(project.state, write=True)
    try:
        verdicts.forget_pushed(state, place.registry, retention.key_tags(gone))
    finally:
        state.close()


def _needed(project: Project, kept: list[Generation]) -> frozenset[str]:
    """The keys that a variant needs as things are now, or that a generation names."""
    state = State(project.state, write=False)
    try:
        decided = decide(project, views(project, ()), Ask(registry_asked=False), (Engine(), state))
    finally:
        state.close()
    now = {record.key for decision in decided.decisions for record in decision.records.values()}
    return frozenset(now | {entry.key for one in kept for entry in one.entries})


def _builds(place: Place, project: Project, kept: list[Generation], keys: frozenset[str]) -> Iterator[Doomed]:
    named = {digest for one in kept for digest in one.targets.values()}
    named |= {entry.digest for one in kept for entry in one.entries}
    images = {publish.repository(image)[0] for image in project.tree.images}
    images |= {entry.repository for one in kept for entry in one.entries}
    needed = frozenset(map(key_tag, keys))
    for image in sorted(images):
        repository = place.whole(image)
        yield from retention.doomed(repository, _tags(place, repository), needed, named)


def _manifests(place: Place, keys: frozenset[str]) -> Iterator[Doomed]:
    repository = shelf.repository(place)
    needed = frozenset(map(shelf.tag, keys))
    for tag, digest in sorted(_tags(place, repository).items()):
        if tag not in needed:
            yield Doomed(repository, digest, (tag,))


def _generations(place: Place, old: tuple[str, ...]) -> Iterator[Doomed]:
    there = _tags(place, place.records) if old else {}
    yield from (Doomed(place.records, there[tag], (tag,)) for tag in old if tag in there)


def _tags(place: Place, repository: str) -> dict[str, str]:
    """The tags of a repository, and the digest of each."""
    names = {f"{repository}:{tag}": tag for tag in place.remote.tags(repository)}
    return {names[name]: digest for name, digest in place.remote.digests(names).items()}
