"""Docker's own configuration, as far as it decides how docker is used."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FILE = "config.json"
HINT = "logins in it are not used: mend it, or say with DOCKER_CONFIG in which folder it is"


def folder() -> Path:
    """Where it lies."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def read() -> dict[str, Any] | None:
    """What it says: nothing where there is no file, None where it makes no sense."""
    return _read()[0]


def trouble() -> str:
    """Why it makes no sense, so that logins in it are not used; "" where it does."""
    found, why = _read()
    return "" if found is not None else f"docker's configuration {folder() / FILE} {why}"


def _read() -> tuple[dict[str, Any] | None, str]:
    try:
        found = json.loads((folder() / FILE).read_bytes())
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return None, f"cannot be read: {(error.strerror or str(error)).lower()}"
    except ValueError as error:
        return None, f"is no valid JSON: {error}"
    return (found, "") if isinstance(found, dict) else (None, "is no JSON object")


def has_proxies() -> bool:
    """Whether clients of docker's give proxies from it to every build, or may do so."""
    found = read()
    return found is None or bool(found.get("proxies"))
