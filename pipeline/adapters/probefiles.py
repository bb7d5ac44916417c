"""What a probe finds in its container: its files, and what it is told of the image and of this run."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

from pipeline.ports import STAND_IN_LABEL, ProbeOrder

PLACE = "stackbuild"
# owned by nobody that a probe runs as, so that without capabilities not even root can change them
OWNER = 65533


def archive(order: ProbeOrder, about: dict[str, Any], nonce: str) -> bytes:
    """The files as a tar for the root of the container, readable by all and writable by none; b"" for none.

    A copy needs no folder that the engine's machine shares with this one, and what is copied is what the
    probe's digest was made of.
    """
    files = {file.path: file.content for file in order.files}
    if nonce:
        files["nonce"] = nonce.encode()
        files["order.json"] = json.dumps(_told(about, nonce)).encode()
    if not files:
        return b""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        # a file first: it takes the place of a folder, in which an image may have modules or tests
        tar.addfile(_entry(PLACE, tarfile.REGTYPE, 0o444))
        for folder in _folders(files):
            tar.addfile(_entry(folder, tarfile.DIRTYPE, 0o555))
        for path, content in files.items():
            entry = _entry(f"{PLACE}/{path}", tarfile.REGTYPE, 0o444)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def _told(about: dict[str, Any], nonce: str) -> dict[str, Any]:
    """What a built-in probe is told: how the image would start, and what its root stands in for."""
    config = about.get("Config") or {}
    return {
        "nonce": nonce,
        "entrypoint": config.get("Entrypoint") or [],
        "command": config.get("Cmd") or [],
        "health": (config.get("Healthcheck") or {}).get("Test") or [],
        "user": config.get("User") or "",
        "stand_in": (config.get("Labels") or {}).get(STAND_IN_LABEL, ""),
    }


def _folders(files: dict[str, bytes]) -> list[str]:
    found = {PLACE}
    for path in files:
        parts = path.split("/")[:-1]
        found |= {"/".join((PLACE, *parts[: depth + 1])) for depth in range(len(parts))}
    return sorted(found)


def _entry(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = kind, mode
    entry.uid = entry.gid = OWNER
    return entry
