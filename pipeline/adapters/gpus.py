"""How an engine hands its GPUs to a container, and what it says when it cannot."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import docker  # noqa: F401 (whole, before its parts: of two threads that import it one gets half)
from docker.types import DeviceRequest

from pipeline.errors import InputError

ENVIRONMENT = "STACKBUILD_GPU"
ALL = "all"
KIND = "nvidia.com/gpu"
CAPABILITIES = (("gpu", "compute", "utility"),)
NO_GPU = "no GPU on this engine"

_NAMES = re.compile(r"[\w./-]+=[\w.:-]+\Z")
_NUMBERS = re.compile(r"[\w:-]+(?:,[\w:-]+)*\Z")
# each of them is about the machine; what else the toolkit says may well be about the image
_NONE = (
    "could not select device driver",
    "no known gpu vendor",
    "unresolvable cdi devices",
    "nvml error: driver not loaded",
    "nvml error: insufficient permissions",
    "load library failed: libnvidia-ml",
    "no nvidia gpu device is present",
    "unknown device: ",
)
_TOO_OLD = re.compile(r"unsatisfied condition: (\S+?)(?:,|\s|$)")
_UNWELL = re.compile(r"(?:initialization|detection) error: (.*?)(?:: unknown|$)")


class Way(StrEnum):
    """How the engine is asked for a GPU."""

    TOOLKIT = "toolkit"
    CDI = "cdi"


def wanted() -> str:
    """Which GPUs are meant: all, some by number or id, or a CDI device by its full name."""
    found = os.environ.get(ENVIRONMENT) or ALL
    if not (_NAMES.match(found) or _NUMBERS.match(found)):
        hint = "write it like all, 0, 0,1 or nvidia.com/gpu=0"
        raise InputError.of(f"{ENVIRONMENT} is '{found}', which names no GPU", hint=hint)
    return found


def ways(about: Mapping[str, Any], device: str) -> tuple[Way, ...]:
    """The ways that an engine may have, by what it says of itself, the likeliest first.

    The toolkit's hook works without its runtime being set up, and nothing that an engine says tells of it.
    """
    cdi = (Way.CDI,) if about.get("CDISpecDirs") else ()
    if "=" in device:
        return (Way.CDI,)
    if "nvidia" in (about.get("Runtimes") or {}):
        return (Way.TOOLKIT, *cdi)
    return (*cdi, Way.TOOLKIT)


def request(way: Way, device: str) -> DeviceRequest:
    """What the engine is asked for."""
    numbers = [] if device == ALL else device.split(",")
    if way is Way.CDI:
        names = [device] if "=" in device else [f"{KIND}={number}" for number in numbers or [ALL]]
        return DeviceRequest(driver="cdi", device_ids=names)
    capabilities = [list(group) for group in CAPABILITIES]
    if numbers:
        return DeviceRequest(device_ids=numbers, capabilities=capabilities)
    return DeviceRequest(count=-1, capabilities=capabilities)


def doubt(message: str) -> str:
    """Why a refused start says nothing of the image, or "" where it may."""
    low = message.lower()
    if any(sign in low for sign in _NONE):
        return NO_GPU
    if found := _TOO_OLD.search(low):
        return f"the driver is too old for the image's CUDA: it asks for {found[1]}"
    if found := _UNWELL.search(low):
        return f"the NVIDIA driver does not work: {found[1].strip()}"
    return ""
