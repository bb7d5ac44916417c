"""What builds print, in any amount and any shape, or not at all: survived, with little memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.workshop import ROOT, Ran, Workshop

pytestmark = pytest.mark.engine

SHAPES = {
    "binary": "head -c 2000000 /dev/urandom",
    "escapes": r"for i in $(seq 2000); do printf '\033[2J\033[1;31mred\033[0m\033]0;title\007\r'; done",
    "no-newline": "head -c 3000000 /dev/zero | tr '\\0' x",
    "silent": "sleep 1",
}


def most_memory(workshop: Workshop, *arguments: str) -> tuple[Ran, float]:
    """A run, and the most memory that its own process has held, in MB."""
    running = workshop.start(*arguments)
    peak = 0.0
    status = Path(f"/proc/{running.process.pid}/status")
    while running.process.poll() is None:
        for line in status.read_text().splitlines() if status.exists() else ():
            if line.startswith("VmHWM:"):
                peak = max(peak, int(line.split()[1]) / 1024)
        os.sched_yield()
        try:
            running.process.wait(0.05)
        except Exception:
            continue
    return running.wait(), peak


def test_output_in_any_shape_at_once_is_survived(workshop: Workshop) -> None:
    for name, script in SHAPES.items():
        workshop.image(name, f"FROM {ROOT}\nRUN {script} # {workshop.nonce}\n")
    ran, peak = most_memory(workshop, "--jobs", "4")
    assert ran.code == 0, ran.err
    assert "\x1b[2J" not in ran.err
    assert peak < 150


def test_two_hundred_megabytes_are_survived_and_all_that_buildkit_passes_on_is_in_the_log(
    workshop: Workshop,
) -> None:
    size = int(os.environ.get("STACKBUILD_PRINTED", "40")) * 1_000_000
    script = f"yes 'a rather long line of output' | head -c {size}; echo the end"
    workshop.image("one", f"FROM {ROOT}\nRUN {script} # {workshop.nonce}\n")
    ran, peak = most_memory(workshop)
    assert ran.code == 0, ran.err
    assert peak < 150
    logs = list((workshop.root / ".stackbuild/logs").rglob("one-*.log"))
    assert logs
    assert sum(log.stat().st_size for log in logs) < size + 1_000_000
