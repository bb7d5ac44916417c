"""The scripts of the built-in probes, as they are installed beside this program."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pipeline import smoke

FOLDER = Path(smoke.__file__).parent / "scripts"


@cache
def read(name: str) -> bytes:
    """One script's bytes."""
    return (FOLDER / name).read_bytes()
