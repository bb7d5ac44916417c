"""Programs that stand in for those on PATH."""

from __future__ import annotations

from pathlib import Path


def program(path: Path, script: str) -> None:
    """Write it."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
