"""Which builds exist: asked of the engine and the registry, or else remembered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.adapters.credentials import Credentials
from pipeline.adapters.engine import Engine
from pipeline.adapters.state import State
from pipeline.config import Config
from pipeline.keys import KeyRecord
from pipeline.ports import Held
from pipeline.publish import ids_of, key_name

if TYPE_CHECKING:
    from pipeline.adapters.registry import Registry

Records = Mapping[str, KeyRecord]


@dataclass(frozen=True, slots=True)
class Existing:
    """The builds that the engine holds and the digests that the registry has them under, both by key.

    `places` is where was looked for them; `ids` are what an engine would call the registry's, where asked.
    `foreign` are keys whose build here is not to be used.
    """

    held: Mapping[str, Held]
    pushed: Mapping[str, str]
    places: tuple[str, ...] = ("engine",)
    ids: Mapping[str, str] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()


def remote(config: Config, registry: str, engine: Engine) -> Registry:
    """The registry, with the credentials that stacks.toml names, which the engine takes along, too."""
    engine.credentials = Credentials(registry, config.credentials)
    from pipeline.adapters.registry import Registry  # noqa: PLC0415 (slow to import)

    return Registry(engine.credentials, config.patience.answer)


def ask(
    variants: Iterable[Records],
    place: tuple[str, Registry | None],
    world: tuple[Engine, State],
    *,
    publish: bool,
) -> Existing:
    """What engine and registry have of the records' keys; without a registry's name the engine alone.

    What this machine pushed itself is remembered; the registry is asked for the rest, and for everything
    when names are to be moved. Where it has another build of a key than the engine, its own counts.
    """
    engine, state = world
    registry, remote = place
    held = engine.keys()
    if not registry or remote is None:
        return Existing(held, {})
    records = {record.key: record for found in variants for record in found.values()}
    known = {key: digest for key, digest in state.pushed(registry).items() if key in records}
    unsure = {
        key_name(registry, record.image, key): key
        for key, record in records.items()
        if publish or key not in known or key not in held
    }
    there = remote.manifests(unsure)
    found = {key: there[name] for name, key in unsure.items() if name in there}
    known = {key: digest for key, digest in known.items() if key not in unsure.values()}
    known |= {key: stored.digest for key, stored in found.items()}
    ids = {key: ids_of(stored) for key, stored in found.items()}
    foreign = _foreign(records, held, ids, known)
    mine = {key: one for key, one in held.items() if key not in foreign}
    names = {key: names[-1] for key, names in ids.items()}
    return Existing(mine, known, ("engine", "registry"), names, foreign)


def _foreign(
    records: Records,
    held: Mapping[str, Held],
    ids: Mapping[str, tuple[str, ...]],
    known: Mapping[str, str],
) -> frozenset[str]:
    """The keys whose build here is not the registry's, or stands on one that is not and is here alone.

    Two machines that build a key at once come to different bytes; what counts is what everybody can have.
    """
    found = {key for key in held if key in ids and held[key].image_id not in ids[key]}
    for key, record in records.items():  # parents come first
        if key not in known and any(parent in found for _, parent in record.parents):
            found.add(key)
    return frozenset(found)


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
