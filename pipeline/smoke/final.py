"""The last line of a probe that judges itself: the only thing it says that counts."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pipeline.outcome import Device, Hardware, Result

MARK = "stackbuild"
LONGEST = 500


@dataclass(frozen=True, slots=True)
class Final:
    """What a probe says of itself, and the hardware that it has seen."""

    result: Result
    reason: str = ""
    hardware: Hardware | None = None


def parse(line: str, nonce: str) -> Final | None:
    """The last line read, or None where it is none: only who was told the nonce can have written it."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not nonce or value.get(MARK) != nonce:
        return None
    try:
        result = Result(str(value.get("result")))
    except ValueError:
        return None
    reason = value.get("reason", "")
    text = " ".join(reason.split())[:LONGEST] if isinstance(reason, str) else ""
    return Final(result, text, _hardware(value.get("hardware")))


def _hardware(value: object) -> Hardware | None:
    """What was seen of the hardware; None where that is nothing, or nonsense."""
    if not isinstance(value, dict) or not isinstance(value.get("devices"), list):
        return None
    devices = []
    for device in value["devices"]:
        if not isinstance(device, dict) or not isinstance(device.get("name"), str) or not device["name"]:
            return None
        devices.append(Device(device["name"], str(device.get("capability") or "")))
    driver = value.get("driver")
    if not devices or not isinstance(driver, str) or not driver:
        return None
    return Hardware(tuple(sorted(devices, key=lambda device: (device.name, device.capability))), driver)
