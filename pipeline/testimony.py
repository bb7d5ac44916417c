"""Verdicts kept in the registry, beside the builds they are on: what passed on one machine has passed.

Each has a tag of its own, made of the build's key and the probe's digest, and is a manifest without any
content but its annotation. Only passed verdicts are kept. Whatever cannot be read, or speaks of another
image, another probe or no GPU where one is needed, is no verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline import artifact
from pipeline.digest import TAG_LENGTH
from pipeline.outcome import Device, Hardware, Result, Verdict
from pipeline.ports import Remote, Stored
from pipeline.publish import ids_of, repository
from pipeline.smoke import Probe

FORMAT = 1
ANNOTATION = "io.stackbuild.verdict"
KIND = "application/vnd.stackbuild.verdict.v1+json"
# clocks of machines differ; what claims to come from much later than now would never be too old
AHEAD = 3600.0
_EMPTY = "application/vnd.oci.empty.v1+json"
_TAG = re.compile(rf"v-([0-9a-f]{{{TAG_LENGTH}}})-[0-9a-f]{{16}}\Z")


@dataclass(frozen=True, slots=True)
class Build:
    """What a verdict is on: a build of an image, its digest in the registry, and what engines call it."""

    image: str
    key: str
    digest: str
    image_id: str


def tag(key: str, probe: str) -> str:
    """The tag of a verdict, by the build's key and the probe's digest."""
    return f"v-{key[:TAG_LENGTH]}-{probe[:16]}"


def key_of(name: str) -> str:
    """The part of a key that is in the tag of a verdict, "" for any other tag."""
    match = _TAG.match(name)
    return match[1] if match else ""


def take(remote: Remote, registry: str, wanted: Iterable[tuple[Probe, Build]], now: float) -> list[Verdict]:
    """The verdicts that a registry has on these builds; all are asked for at once."""
    names = {_name(registry, build, probe.digest): (probe, build) for probe, build in wanted}
    there = remote.manifests(names)
    found = (read(there[name], *names[name], now) for name in there)
    return [verdict for verdict in found if verdict]


def keep(remote: Remote, registry: str, verdict: Verdict, build: Build) -> bool:
    """Let a registry have a verdict that passed; whether the image that it is on is what the registry has.

    One that is there already is replaced: the newer one is as good, and lasts longer.
    """
    where = f"{registry}/{repository(build.image)[0]}"
    image = remote.manifest(f"{where}@{build.digest}")
    if image is None or build.image_id not in ids_of(image):
        return False
    empty = remote.upload(where, b"{}")
    remote.put(_name(registry, build, verdict.probe), written(verdict, build, (image, empty)))
    return True


def written(verdict: Verdict, build: Build, given: tuple[Stored, str]) -> Stored:
    """A verdict as the registry keeps it; given are the image's manifest and the digest of the empty blob."""
    image, empty = given
    hardware = verdict.hardware
    said = {
        "format": FORMAT,
        "image": build.image,
        "key": build.key,
        "digest": build.digest,
        "ids": list(ids_of(image)),
        "probe": verdict.probe,
        "title": verdict.title,
        "result": str(verdict.result),
        "seconds": verdict.seconds,
        "at": verdict.at,
        "gpu": verdict.gpu,
        "driver": hardware.driver if hardware else "",
        "devices": [[one.name, one.capability] for one in hardware.devices] if hardware else [],
    }
    nothing = {"mediaType": _EMPTY, "digest": empty, "size": 2}
    return artifact.stored(
        {
            "artifactType": KIND,
            "config": nothing,
            "layers": [nothing],
            "annotations": {ANNOTATION: json.dumps(said, sort_keys=True)},
        }
    )


def read(stored: Stored, probe: Probe, build: Build, now: float) -> Verdict | None:
    """The verdict that a manifest holds, if it is one of exactly this probe on exactly this build."""
    try:
        said: Mapping[str, Any] = json.loads(json.loads(stored.body)["annotations"][ANNOTATION])
        about = (said["format"], said["key"], said["digest"], said["probe"], said["result"], said["gpu"])
        wanted = (FORMAT, build.key, build.digest, probe.digest, str(Result.PASSED), probe.smoke.gpu)
        at, seconds = float(said["at"]), float(said["seconds"])
        if about != wanted or build.image_id not in said["ids"] or not 0 < at < now + AHEAD:
            return None
        devices = tuple(Device(str(name), str(capability)) for name, capability in said["devices"])
        hardware = Hardware(devices, str(said["driver"])) if devices and said["driver"] else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    # who needs a GPU and has not seen one has shown nothing
    if (hardware is not None) is not probe.smoke.gpu:
        return None
    return Verdict(
        build.image, build.key, probe.digest, probe.title, Result.PASSED,
        seconds=seconds, gpu=probe.smoke.gpu, hardware=hardware, at=at,
    )  # fmt: skip


def _name(registry: str, build: Build, probe: str) -> str:
    return f"{registry}/{repository(build.image)[0]}:{tag(build.key, probe)}"
