"""`generations` and `rollback`: what was published, and how to go back to it; no engine is asked."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline import publish
from pipeline.adapters.credentials import Credentials
from pipeline.adapters.registry import Registry
from pipeline.errors import InputError
from pipeline.publish import Generation, Place, Published
from pipeline.run.project import open_project
from pipeline.run.publishing import now


@dataclass(frozen=True, slots=True)
class Listed:
    """The newest generations, newest first, how many there are, and the names that are not at home.

    `astray` are names of the newest generation, and where they belong.
    """

    generations: tuple[Generation, ...]
    count: int
    astray: dict[str, str]


def place_of(file: str, registry: str) -> Place:
    """Where a project's names are. Raises InputError without a registry."""
    config = open_project(file).config
    found = (registry or config.registry).rstrip("/")
    if not found:
        hint = "give [project] a 'registry' in stacks.toml, or use --registry"
        raise InputError.of("generations are kept in a registry, and there is none", hint=hint)
    return Place(Registry(Credentials(found, config.credentials), config.patience.answer), found)


def run_generations(file: str, registry: str, most: int) -> Listed:
    """The newest generations, `most` of them; 0 for all."""
    place = place_of(file, registry)
    tags = publish.history(place)
    found = tuple(publish.load(place, tag) for tag in reversed(tags[-most:] if most else tags))
    return Listed(found, len(tags), publish.astray(place, found[0]) if found else {})


def run_rollback(file: str, registry: str, generation: str) -> Published:
    """Move all names of an earlier generation back."""
    return publish.rollback(place_of(file, registry), generation, now)
