"""The scripts that measure: each says what it does, and starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"


@pytest.mark.parametrize("name", sorted(path.name for path in BENCH.iterdir() if path.is_file()))
def test_a_bench_starts_and_says_how_it_is_asked(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, BENCH / name, "--help"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"bench/{name}" in ran.stdout
