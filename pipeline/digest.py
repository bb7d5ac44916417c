"""The only hashing there is."""

from __future__ import annotations

import hashlib
import json
from io import BufferedReader
from typing import IO, Any

SHORT = 12
TAG_LENGTH = 32


def of_bytes(data: bytes) -> str:
    """The sha256 of the bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def of_file(file: BufferedReader) -> str:
    """The sha256 of what is left of an open file, as 64 hex digits."""
    return hashlib.file_digest(file, "sha256").hexdigest()


class Reader:
    """An open file that is hashed while somebody else reads it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self._sha256.update(data)
        return data

    @property
    def digest(self) -> str:
        """The sha256 of all that has been read, as 64 hex digits."""
        return self._sha256.hexdigest()


def of_value(value: Any) -> str:
    """The sha256 of a JSON value in its one canonical spelling, as 64 hex digits."""
    return of_bytes(canonical(value))


def canonical(value: Any) -> bytes:
    """The one canonical spelling of a JSON value.

    Text that is no valid UTF-8 arrives as surrogates (see `os.fsdecode`); ASCII-only JSON spells those
    as escapes, so that every file name has a digest.
    """
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


def short(key: str) -> str:
    """What people are shown of a key or a digest."""
    return key.removeprefix("sha256:")[:SHORT]


def key_tag(key: str) -> str:
    """The registry tag of a key: 128 of its bits."""
    return f"k-{key[:TAG_LENGTH]}"
