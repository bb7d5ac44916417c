"""What a registry holds under a key: whose build it is, and what it stands on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import FailedError
from pipeline.ports import KEY_LABEL, Remote, Stored
from pipeline.publish.generation import Entry

ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True)
class Found:
    """An image as the registry keeps it: its digest, the ids an engine may give it, and what it says."""

    digest: str
    ids: frozenset[str]
    labels: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The key it says it was built from, "" where it says nothing."""
        return self.labels.get(KEY_LABEL, "")


def ids_of(stored: Stored) -> tuple[str, ...]:
    """What an engine may call the image of a manifest, by the store it has; the usual one comes last."""
    try:
        value: dict[str, Any] = json.loads(stored.body)
        inner = [str(one["digest"]) for one in value.get("manifests", ())]
        return (stored.digest, *inner, *([str(value["config"]["digest"])] if "config" in value else ()))
    except (KeyError, TypeError, ValueError, AttributeError):
        return (stored.digest,)


def look(remote: Remote, name: str) -> Found | None:
    """The image under a name, None where there is none; raises FailedError for what is no image."""
    stored = remote.manifest(name)
    return None if stored is None else describe(remote, _repository(name), stored)


def describe(remote: Remote, repository: str, stored: Stored) -> Found:
    """What a manifest says: of the image itself, or of the first image of a list."""
    try:
        value: dict[str, Any] = json.loads(stored.body)
        ids = {stored.digest}
        if "manifests" in value:
            inner = [m for m in value["manifests"] if ATTESTATION not in (m.get("annotations") or {})]
            found = remote.manifest(f"{repository}@{inner[0]['digest']}")
            value = json.loads(found.body) if found else {}
            ids.add(inner[0]["digest"])
        ids.add(value["config"]["digest"])
        blob = remote.blob(repository, value["config"]["digest"])
        config: dict[str, Any] = json.loads(blob or b"{}")
        inside = config.get("config") or {}
        environment = dict(pair.partition("=")[::2] for pair in inside.get("Env") or ())
        layers = tuple((config.get("rootfs") or {}).get("diff_ids") or ())
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        hint = "somebody else wrote to it: remove it from the registry"
        raise FailedError.of(f"'{repository}' holds no image as {stored.digest}", hint=hint) from error
    return Found(stored.digest, frozenset(ids), inside.get("Labels") or {}, layers, environment)


def unfit(remote: Remote, registry: str, entries: Iterable[Entry]) -> dict[tuple[str, str], str]:
    """The entries, by image and variant, whose build is not what it should be, and why.

    A build must be there, carry its key, and stand on the very build of its parent that is named with it.
    """
    layers: dict[tuple[str, str], tuple[str, ...]] = {}
    seen: dict[tuple[str, str], Found | None] = {}
    held: dict[tuple[str, str], str] = {}
    for entry in entries:
        place = (f"{registry}/{entry.repository}", entry.digest)
        if place not in seen:
            seen[place] = look(remote, "@".join(place))
        found = seen[place]
        who = (entry.image, entry.variant)
        if found is None:
            held[who] = f"the registry has lost its build {entry.digest}"
            continue
        layers[who] = found.layers
        below = layers.get((entry.parent, entry.variant), ())
        if found.key != entry.key:
            held[who] = "the registry holds something else under its key"
        elif found.layers[: len(below)] != below:
            why = f"it stands on another build of {entry.parent} than the registry keeps"
            held[who] = f"{why}: stackbuild --changed {entry.parent}"
    return held


def _repository(name: str) -> str:
    head, _, tail = name.partition("@")[0].rpartition("/")
    return f"{head}/{tail.partition(':')[0]}"
