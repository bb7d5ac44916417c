"""What is left of a probe once its container is gone: its output, and how it ended."""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.ports import ProbeOrder

TAIL = 20
LINE = 500
KEPT = 64 << 10


@dataclass(frozen=True, slots=True)
class Kept:
    """The end of the output, as lines and as text, and the last line of standard output."""

    tail: tuple[str, ...]
    output: str
    last: str
    oom: bool


def keep(container: Any, order: ProbeOrder, seconds: float) -> Kept:
    """Read an ended container's output and state, and write both to the order's log.

    The engine keeps the last megabytes alone of what a probe prints.
    """
    state = container.client.api.inspect_container(container.id)["State"]
    said = _end(container.logs(stdout=True, stderr=False, stream=True))
    lines = [line for line in said.splitlines() if line.strip()]
    output = _written(container, order, (state, seconds))
    tail = tuple(line[:LINE] for line in output.splitlines()[-TAIL:])
    return Kept(tail, output, lines[-1] if lines else "", bool(state.get("OOMKilled")))


def _written(container: Any, order: ProbeOrder, ended: tuple[dict[str, Any], float]) -> str:
    """The end of the whole output, which goes into the log on the way; a full disk costs the log alone."""
    chunks = container.logs(stream=True)
    if not order.log:
        return _end(chunks)
    state, seconds = ended
    path = Path(order.log)
    how = {
        "image": order.image_id,
        "exit_code": state.get("ExitCode"),
        "out_of_memory": bool(state.get("OOMKilled")),
        "error": state.get("Error") or "",
        "started": state.get("StartedAt"),
        "finished": state.get("FinishedAt"),
        "seconds": round(seconds, 3),
    }
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            output = _end(_through(chunks, file))
            file.write(f"\n-- {json.dumps(how)}\n".encode())
            return output
    return _end(container.logs(stream=True))


def _through(chunks: Iterable[bytes], file: Any) -> Iterable[bytes]:
    for chunk in chunks:
        file.write(chunk)
        yield chunk


def _end(chunks: Iterable[bytes]) -> str:
    """The last of the bytes, as text."""
    kept: deque[bytes] = deque()
    length = 0
    for chunk in chunks:
        kept.append(chunk[-KEPT:])
        length += len(kept[-1])
        while length - len(kept[0]) >= KEPT:
            length -= len(kept.popleft())
    return b"".join(kept)[-KEPT:].decode("utf-8", "replace")
