"""Values that several sections write the same way."""

from __future__ import annotations

import re

from pipeline.tomlfile import Table

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SIZE = re.compile(r"(\d+)\s*([kmgt])b?\Z", re.IGNORECASE)
_POWERS = {"k": 10, "m": 20, "g": 30, "t": 40}
UNLIMITED = "unlimited"


def read_duration(table: Table, key: str, default: float) -> float:
    """A time in seconds, written like 90s, 2m or 1h."""
    text = table.take(key, str, f"{default}s")
    match = _DURATION.match(text)
    if match and float(match[1]) > 0:
        return float(match[1]) * _SECONDS[match[2]]
    table.problem(f"'{text}' is no duration", key, "write it like 90s, 2m or 1h")
    return default


def read_size(table: Table, key: str, default: int) -> int:
    """A number of bytes, written like 512m or 8g; 0 for `unlimited`."""
    if not table.has(key):
        table.take(key, str, "")
        return default
    text = table.take(key, str, UNLIMITED)
    match = _SIZE.match(text)
    if text != UNLIMITED and not (match and int(match[1])):
        table.problem(f"'{text}' is no size", key, f'write it like 512m or 8g, or "{UNLIMITED}"')
    return int(match[1]) << _POWERS[match[2].lower()] if match else 0
