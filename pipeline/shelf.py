"""Manifests kept in the registry, one for each key: any machine can say what changed between generations."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pipeline import artifact
from pipeline.digest import TAG_LENGTH
from pipeline.manifest import Manifest
from pipeline.publish import Place

REPOSITORY = "stackbuild-manifests"
_CONFIG = "application/vnd.stackbuild.manifest.config.v1+json"
_CONTENT = "application/vnd.stackbuild.manifest.v1+json"


def tag(key: str) -> str:
    """The tag that a key's manifest is kept under."""
    return f"m-{key[:TAG_LENGTH]}"


def repository(place: Place) -> str:
    """The repository that manifests are kept in."""
    return f"{place.registry}/{REPOSITORY}"


def missing(place: Place, keys: Iterable[str]) -> frozenset[str]:
    """The keys whose manifest is not kept; all are asked at once."""
    names = {f"{repository(place)}:{tag(key)}": key for key in keys}
    there = place.remote.digests(names)
    return frozenset(key for name, key in names.items() if name not in there)


def keep(place: Place, found: Manifest) -> None:
    """Store a manifest under its key."""
    data = json.dumps(found.to_json(), sort_keys=True).encode()
    artifact.keep(place.remote, f"{repository(place)}:{tag(found.key)}", (_CONFIG, _CONTENT), data)


def take(place: Place, key: str) -> Manifest | None:
    """The manifest of a key, None where none is kept, or none that can be read."""
    where = repository(place)
    stored = place.remote.manifest(f"{where}:{tag(key)}")
    try:
        layer = json.loads(stored.body)["layers"][0]["digest"] if stored else ""
        data = place.remote.blob(where, layer) if layer else None
        return Manifest.from_json(json.loads(data)) if data else None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None
