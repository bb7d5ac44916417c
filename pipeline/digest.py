"""The only hashing there is."""

from __future__ import annotations

import hashlib
import json
from typing import Any

SHORT = 12
TAG_LENGTH = 32


def of_bytes(data: bytes) -> str:
    """The sha256 of the bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def of_value(value: Any) -> str:
    """The sha256 of a JSON value in its one canonical spelling, as 64 hex digits.

    Text that is no valid UTF-8 arrives as surrogates (see `os.fsdecode`); ASCII-only JSON spells those
    as escapes, so that every file name has a digest.
    """
    return of_bytes(json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode())


def short(key: str) -> str:
    """What people are shown of a key or a digest."""
    return key.removeprefix("sha256:")[:SHORT]


def key_tag(key: str) -> str:
    """The registry tag of a key: 128 of its bits."""
    return f"k-{key[:TAG_LENGTH]}"
