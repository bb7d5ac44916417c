"""What a registry says of a failure, in words a person can act on."""

from __future__ import annotations

import errno
import json
import os
from typing import Any

# what comes of reading what is no JSON, or is so deep that nobody means it
NO_JSON = (ValueError, RecursionError)
# what stays until somebody sees to the registry's storage
_STORAGE = {
    errno.ENOSPC: "make room on its disk, and run again",
    errno.EDQUOT: "make room on its disk, and run again",
    errno.EROFS: "its storage is read-only: let it be written to, and run again",
    errno.EACCES: "its storage does not belong to it: let it write there, and run again",
}


def said(status: int, body: bytes) -> str:
    """The registry's own words, on one line, with the status."""
    error = _error(body)
    words = f"{error.get('code', '')}: {error.get('message', '')}".strip(": ").lower()
    return f"{' '.join(words.split())[:200]} ({status})" if words else f"status {status}"


def storage(body: bytes) -> tuple[str, str]:
    """What keeps a registry from writing, and what to do about it; "" for nothing that it tells of.

    docker-registry, and all that is made of it, passes on the number of the system's error, and calls the
    error unknown (registry/storage/driver/storagedriver.go, Error).
    """
    detail = _error(body).get("detail")
    inner = detail.get("Enclosed") if isinstance(detail, dict) else None
    number = inner.get("Err") if isinstance(inner, dict) else None
    hint = _STORAGE.get(number, "") if isinstance(number, int) else ""
    return (os.strerror(number).lower(), hint) if hint and isinstance(number, int) else ("", "")


def _error(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)["errors"][0]
    except (*NO_JSON, KeyError, IndexError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
