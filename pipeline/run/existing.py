"""Which builds exist: asked of the engine and the registry, or else remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.adapters.engine import Engine
from pipeline.adapters.registry import Registry
from pipeline.adapters.state import State
from pipeline.keys import KeyRecord
from pipeline.ports import Held
from pipeline.publish import key_name

Records = Mapping[str, KeyRecord]


@dataclass(frozen=True, slots=True)
class Existing:
    """The builds that the engine holds and the digests that the registry has them under, both by key.

    `places` is where was looked for them.
    """

    held: Mapping[str, Held]
    pushed: Mapping[str, str]
    places: tuple[str, ...] = ("engine",)


def ask(
    variants: Iterable[Records], registry: str, world: tuple[Engine, State], *, publish: bool
) -> Existing:
    """What engine and registry have of the records' keys; without a registry's name the engine alone.

    What this machine pushed itself is remembered; the registry is asked for the rest, and for everything
    when names are to be moved.
    """
    engine, state = world
    held = engine.keys()
    if not registry:
        return Existing(held, {})
    images = {record.key: record.image for records in variants for record in records.values()}
    known = {key: digest for key, digest in state.pushed(registry).items() if key in images}
    unsure = {
        key_name(registry, image, key): key
        for key, image in images.items()
        if publish or key not in known or key not in held
    }
    there = Registry(engine).digests(unsure)
    for name, key in unsure.items():
        known.pop(key, None)
        if name in there:
            known[key] = there[name]
    return Existing(held, known, ("engine", "registry"))


def remember(variants: Iterable[str], registry: str, state: State, engine: Engine | None) -> Existing:
    """What was built, found or pushed before, as far as this machine knows; an engine is asked, if given."""
    pushed = state.pushed(registry) if registry else {}
    if engine:
        return Existing(engine.keys(), pushed)
    held = {key: Held(image_id) for key, image_id in state.builds().items()}
    for variant in variants:
        for record in state.last_records(variant).values():
            held.setdefault(record.key, Held(""))
    return Existing(held, pushed)
