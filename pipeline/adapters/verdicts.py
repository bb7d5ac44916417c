"""The verdicts that this machine remembers: by the image's exact id, the probe's digest and the hardware."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterable

from pipeline.adapters.state import State
from pipeline.digest import TAG_LENGTH
from pipeline.outcome import Device, Hardware, Result, Verdict
from pipeline.smoke import Stored


def stored(state: State) -> Stored:
    """Every verdict that may be used again, by the image's id and the probe's digest, then by hardware."""
    found: Stored = {}
    for image_id, probe, hardware, text, at in state.rows(
        "select image_id, probe, hardware, verdict, at from judged"
    ):
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            verdict = _read({"at": at, **json.loads(str(text))})
            found.setdefault((str(image_id), str(probe)), {})[str(hardware)] = verdict
    return found


def note(state: State, image_id: str, verdict: Verdict) -> None:
    """Remember a verdict that will last, and forget the one that it replaces otherwise."""
    hardware = str(verdict.hardware or "")
    if verdict.lasting:
        text = json.dumps(dataclasses.asdict(verdict))
        row = (image_id, verdict.probe, hardware, text, verdict.at or time.time())
        state.change("insert or replace into judged values (?, ?, ?, ?, ?)", [row])
    else:
        query = "delete from judged where image_id = ? and probe = ? and hardware = ?"
        state.change(query, [(image_id, verdict.probe, hardware)])


def shared(state: State, registry: str) -> frozenset[tuple[str, str]]:
    """The verdicts that are known to lie in a registry, by key and the probe's digest."""
    rows = state.rows("select key, probe from shared where registry = ?", registry)
    return frozenset((str(key), str(probe)) for key, probe in rows)


def note_shared(state: State, registry: str, found: Iterable[Verdict]) -> None:
    """Remember that a registry has these verdicts."""
    rows = [(registry, one.key, one.probe) for one in found]
    if rows:
        state.change("insert or replace into shared values (?, ?, ?)", rows)


def forget_pushed(state: State, registry: str, tags: Iterable[str]) -> None:
    """Forget that a registry has what it had under these key tags, and what was said of it."""
    rows = [(registry, TAG_LENGTH, tag.removeprefix("k-")) for tag in tags]
    for table in ("pushed", "shared") if rows else ():
        state.change(f"delete from {table} where registry = ? and substr(key, 1, ?) = ?", rows)  # noqa: S608


def _read(value: dict[str, object]) -> Verdict:
    known = {field.name for field in dataclasses.fields(Verdict)}
    fields = {name: inner for name, inner in value.items() if name in known}
    fields["result"] = Result(str(fields["result"]))
    fields["tail"] = tuple(map(str, fields["tail"]))  # type: ignore[call-overload]
    fields["hardware"] = _hardware(fields.get("hardware"))
    return Verdict(**fields)  # type: ignore[arg-type]


def _hardware(value: object) -> Hardware | None:
    if not isinstance(value, dict):
        return None
    devices = tuple(Device(str(one["name"]), str(one["capability"])) for one in value["devices"])
    return Hardware(devices, str(value["driver"]))
