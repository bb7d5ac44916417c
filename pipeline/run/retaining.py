"""`prune --registry`: builds, manifests and generations that the registry may forget, listed or removed."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline import publish, retention, shelf
from pipeline.adapters import pools, verdicts
from pipeline.adapters.credentials import Credentials
from pipeline.adapters.engine import Engine
from pipeline.adapters.registry import Registry
from pipeline.adapters.state import State
from pipeline.config import Retention
from pipeline.digest import key_tag
from pipeline.errors import FailedError
from pipeline.publish import Generation, Place
from pipeline.retention import Doomed, Needs
from pipeline.run.decide import Ask, decide
from pipeline.run.generations import place_of
from pipeline.run.project import Project, open_project, views

TOGETHER = 8


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

    Of generations the newest `most` stay, 0 for what stacks.toml says; names that say when they were made go
    with theirs. Other names, and what they point at, are never removed.
    Raises FailedError where somebody publishes meanwhile.
    """
    project = open_project(file)
    registry = os.environ.get("STACKBUILD_REGISTRY", "")
    place = place_of(file, registry)
    tags = publish.history(place)
    rule = Retention(most) if most else project.config.retention
    kept = _kept(place, tags, rule)
    keys = _needed(project, kept)
    old = tuple(tag for tag in tags if tag not in {one.tag for one in kept})
    builds = _builds(place, project, (rule, kept, keys))
    gone = (*_generations(place, old), *builds, *_manifests(place, keys))
    shop = Registry(Credentials(place.registry, project.config.credentials), project.config.patience.answer)
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


def _kept(place: Place, tags: tuple[str, ...], rule: Retention) -> list[Generation]:
    """The generations that stay; where none is too old by its number alone, no other is read."""
    read = tags if rule.age or not rule.limited else tags[-rule.generations :]
    with pools.threads(TOGETHER) as pool:
        found = dict(zip(read, pool.map(lambda tag: publish.load(place, tag), read), strict=True))
    if not rule.age:
        return list(found.values())
    staying = retention.stay(
        {tag: _moment(one) for tag, one in found.items()}, rule.generations, time.time() - rule.age
    )
    return [one for tag, one in found.items() if tag in staying]


def _moment(generation: Generation) -> float:
    """When it was published, in seconds of Unix time; one that does not say so stays."""
    try:
        return datetime.datetime.fromisoformat(generation.at).timestamp()
    except ValueError:
        return float("inf")


def _builds(
    place: Place, project: Project, given: tuple[Retention, list[Generation], frozenset[str]]
) -> Iterator[Doomed]:
    rule, kept, keys = given
    targets = {name: digest for one in kept for name, digest in one.targets.items()}
    named = {*targets.values(), *(entry.digest for one in kept for entry in one.entries)}
    variants = ("", *project.config.variant_names[1:])
    images = {*project.tree.images, *(entry.image for one in kept for entry in one.entries)}
    there: dict[str, list[str]] = {}
    for image in sorted(images):
        there.setdefault(publish.repository(image)[0], []).append(image)
    needed = frozenset(map(key_tag, keys))
    for name, of in there.items():
        patterns = [publish.passing(project.config.tags, image, variants) for image in of]
        names = {one.partition(":")[2] for one in targets if one.partition(":")[0] == name}
        needs = Needs(needed, named, names, patterns if rule.limited else ())
        repository = place.whole(name)
        yield from retention.doomed(repository, _tags(place, repository), needs)


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
