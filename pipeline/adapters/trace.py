"""What BuildKit says of a build, as the engine passes it on: in protobuf."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# api/services/control/control.proto of BuildKit: the fields of each message that we look at
_VERTEX = {1: "digest", 3: "name", 4: "cached", 5: "started", 6: "completed", 7: "error"}
_STATUS = {1: "id", 2: "vertex", 4: "current", 5: "total"}
_LOG = {1: "vertex", 4: "data"}
_PARTS = {1: ("vertexes", _VERTEX), 2: ("statuses", _STATUS), 3: ("logs", _LOG)}
_VARINT, _LONG, _BYTES, _SHORT = 0, 1, 2, 5
# what stays as it is: output may end in the middle of a letter, and moments are not looked at
_RAW = frozenset({"data", "started", "completed"})


def event(message: bytes) -> dict[str, list[dict[str, Any]]]:
    """A StatusResponse, in the shape of an event of buildx's `rawjson`, with output as bytes.

    Raises ValueError for what is none.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for number, value in _fields(message):
        if number in _PARTS and isinstance(value, bytes):
            kind, names = _PARTS[number]
            found.setdefault(kind, []).append(_part(value, names))
    return found


def _part(message: bytes, names: dict[int, str]) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for number, value in _fields(message):
        if name := names.get(number):
            if isinstance(value, bytes) and name not in _RAW:
                part[name] = value.decode("utf-8", "replace")
            else:
                part[name] = value
    return part


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Every field of a message, by number: numbers, and everything else as bytes."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        size = {_LONG: 8, _SHORT: 4}.get(tag & 7, 0)
        if tag & 7 == _VARINT:
            value, at = _number(message, at)
            yield tag >> 3, value
            continue
        if tag & 7 == _BYTES:
            size, at = _number(message, at)
        elif not size:
            raise ValueError(f"no such kind of field: {tag & 7}")
        if at + size > len(message):
            raise ValueError("a field is cut off")
        yield tag >> 3, message[at : at + size]
        at += size


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    number = shift = 0
    while True:
        if at >= len(message):
            raise ValueError("a number is cut off")
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
