"""The images that an engine stores: what there is of them, and how they go."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import docker  # noqa: F401 (whole, before its parts: of two threads that import it one gets half)
from docker.errors import APIError, ImageNotFound

from pipeline.adapters.engine import Engine
from pipeline.digest import key_tag
from pipeline.ports import IMAGE_LABEL, KEY_LABEL
from pipeline.prune import Stored

CONFLICT = 409


def everything(engine: Engine, made: Mapping[str, float]) -> tuple[Stored, ...]:
    """All images of an engine; builds of the project are those whose keys were `made` by it, and when."""
    with engine.mapped():
        found: list[dict[str, Any]] = engine.api.images()
    stored = []
    for image in found:
        identity = str(image["Id"])
        layers = engine.layers(identity)
        stored.append(_stored(image, made, layers))
    return tuple(stored)


def remove(engine: Engine, one: Stored) -> str:
    """Take an image's names as a build from it, so that it goes; gives why it could not, or ""."""
    for name in one.names:
        with engine.mapped():
            try:
                engine.api.remove_image(name)
            except ImageNotFound:
                continue
            except APIError as error:
                if error.status_code != CONFLICT:
                    raise
                return "a container uses it"
    return ""


def _stored(image: Mapping[str, Any], made: Mapping[str, float], layers: tuple[str, ...]) -> Stored:
    labels = image.get("Labels") or {}
    names = tuple(name for name in image.get("RepoTags") or () if name != "<none>:<none>")
    key = str(labels.get(KEY_LABEL, ""))
    mine = _named_for(key, names) if key in made else ()
    return Stored(
        image_id=str(image["Id"]),
        image=str(labels.get(IMAGE_LABEL, "")),
        # images built by hand on one of ours inherit its label, but not its name
        key=key if mine else "",
        names=mine,
        others=tuple(name for name in names if name not in mine),
        size=int(image.get("Size", 0)),
        made=made.get(key, float(image.get("Created", 0))),
        layers=layers,
    )


def _named_for(key: str, names: Collection[str]) -> tuple[str, ...]:
    ending = f":{key_tag(key)}"
    return tuple(name for name in names if name.endswith(ending))
