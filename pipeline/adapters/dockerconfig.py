"""Docker's own configuration, as far as it decides how docker is used."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def folder() -> Path:
    """Where it lies."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def read() -> dict[str, Any] | None:
    """What it says: nothing where there is no file, None where it makes no sense."""
    try:
        found = json.loads((folder() / "config.json").read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def has_proxies() -> bool:
    """Whether clients of docker's give proxies from it to every build, or may do so."""
    found = read()
    return found is None or bool(found.get("proxies"))
