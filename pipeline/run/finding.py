"""What is found of a machine, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a part of the machine is."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the machine, how it is, and what to do about it."""

    part: str
    health: Health
    text: str
    hint: str = ""
