"""What every run pays for before it does anything."""

from __future__ import annotations

import subprocess
import sys

SLOW = ("asyncio", "docker", "networkx", "platformdirs", "requests", "rich", "ssl", "tenacity", "urllib3")


def test_what_is_slow_to_import_waits_until_it_is_needed() -> None:
    code = "import sys, pipeline.cli, pipeline.run.building; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(SLOW) & set(done.stdout.split()) == set()
