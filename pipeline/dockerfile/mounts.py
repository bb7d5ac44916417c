"""`RUN --mount`: its fields, and what BuildKit refuses of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.dockerfile.model import Dockerfile

_TYPES = frozenset({"bind", "cache", "tmpfs", "secret", "ssh"})
_TRUTH = frozenset({"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})
_SAME_KEY = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_KEYS = frozenset(
    {
        *("type", "from", "source", "target", "readonly", "readwrite", "required", "size", "id", "sharing"),
        *("mode", "uid", "gid", "env"),
    }
)
_QUOTED = re.compile(r'"((?:[^"]|"")*)"(?=,|\Z)')


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount: `type` as in `--mount=type=`; `origin` is its `from=`, "" if none; `source` as substituted."""

    type: str
    origin: str
    source: str


def fields(text: str) -> list[str]:
    """The comma separated fields of a flag. Raises ValueError."""
    if '"' not in text:
        return text.split(",")
    out = []
    at = 0
    while True:
        if text[at : at + 1] == '"':
            match = _QUOTED.match(text, at)
            if match is None:
                raise ValueError(f"a quote in '{text}' is out of place")
            out.append(match[1].replace('""', '"'))
            at = match.end()
        else:
            end = text.find(",", at)
            end = len(text) if end < 0 else end
            if '"' in text[at:end]:
                raise ValueError(f"a quote in '{text}' is out of place")
            out.append(text[at:end])
            at = end
        if at >= len(text):
            return out
        at += 1


def origin(text: str) -> str:
    """The `from=` of a mount, which takes no variables. Raises ValueError."""
    found = ""
    for field in fields(text):
        key, equals, value = field.partition("=")
        if equals and key.lower() == "from":
            if "$" in value[:-1]:
                raise ValueError("'from' takes no variables")
            found = value
    return found


def mount(text: str, expand: Callable[[str], str]) -> Mount:
    """A mount with its variables substituted by `expand`. Raises ValueError for what BuildKit refuses."""
    values = {"type": "bind"}
    for field in fields(text):
        key, equals, value = field.partition("=")
        key = key.lower()
        key = _SAME_KEY.get(key, key)
        if key not in _KEYS:
            raise ValueError(f"unexpected key '{key}' in '{field}'")
        if not equals and key not in {"readonly", "readwrite", "required"}:
            raise ValueError(f"the field '{field}' must be key=value")
        value = expand(value) if equals else "true"
        if key == "type":
            value = value.lower()
        _check(key, value, values["type"])
        values[key] = value
    _check_whole(values)
    return Mount(values["type"], values.get("from", ""), values.get("source", ""))


def mounted_ids(dockerfile: Dockerfile) -> tuple[tuple[str, str], ...]:
    """The secrets and the keys that RUN asks for, as (`secret` or `ssh`, id); ids as written."""
    found: dict[tuple[str, str], None] = {}
    for instruction in dockerfile.instructions:
        for flag in (instruction.inner or instruction).flags:
            if flag.startswith("--mount="):
                kind, name = _asked(flag[8:])
                if name:
                    found[kind, name] = None
    return tuple(found)


def _asked(text: str) -> tuple[str, str]:
    """The type of a mount and the id that it asks for, as written; "" for a mount that asks for none."""
    values: dict[str, str] = {}
    for field in fields(text):
        key, _, value = field.partition("=")
        values[_SAME_KEY.get(key.lower(), key.lower())] = value
    kind = values.get("type", "bind").lower()
    if kind == "ssh":
        return kind, values.get("id") or "default"
    if kind == "secret":
        return kind, values.get("id") or values.get("source") or posixpath.basename(values.get("target", ""))
    return kind, ""


def _check(key: str, value: str, kind: str) -> None:
    bad = (
        (key == "type" and value not in _TYPES)
        or (key in {"readonly", "readwrite", "required"} and value not in _TRUTH)
        or (key == "sharing" and value.lower() not in {"shared", "private", "locked"})
        or (key in {"uid", "gid"} and not re.fullmatch("[0-9]{1,10}", value))
        or (key == "mode" and not re.fullmatch("[0-7]{1,11}", value))
    )
    if bad:
        raise ValueError(f"'{key}={value}' is not a value that a mount can have")
    allowed = {"required": {"secret", "ssh"}, "size": {"tmpfs"}}.get(key)
    if allowed is not None and kind not in allowed:
        raise ValueError(f"unexpected key '{key}' for a mount of type '{kind}'")


def _check_whole(values: dict[str, str]) -> None:
    kind = values["type"]
    if kind not in {"secret", "ssh", "cache"}:
        for key in ("mode", "uid", "gid"):
            if key in values:
                raise ValueError(f"'{key}' is not for a mount of type '{kind}'")
    if kind == "secret":
        if values.get("from"):
            raise ValueError("a secret mount has no 'from'")
        if values.get("source") and values.get("id"):
            raise ValueError("a secret mount has 'source' or 'id', not both")
        if not (values.get("source") or values.get("target") or values.get("id")):
            raise ValueError("a secret mount needs an 'id' or a 'target'")
    if kind == "ssh" and values.get("source"):
        raise ValueError("an ssh mount has no 'source'")
    if "sharing" in values and kind != "cache":
        raise ValueError(f"'sharing' is not for a mount of type '{kind}'")
