"""What git knows of a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit(folder: Path) -> str:
    """The commit that is checked out around the folder, 12 hex digits; "" without git or a commit."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
