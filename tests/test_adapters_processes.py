"""Whose a container or a claim is, and whether nobody waits for it any more."""

from __future__ import annotations

import os
import subprocess
import sys

from pipeline.adapters import processes


def test_what_a_process_owns_is_orphaned_when_its_process_is_gone_and_only_then() -> None:
    mine = processes.owner()
    assert not processes.is_orphaned(mine)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        machine = mine.rpartition(" ")[0].rpartition(" ")[0]
        owner = f"{machine} {child.pid} {processes._began(child.pid)}"
        assert not processes.is_orphaned(owner)
    assert processes.is_orphaned(owner)
    # its number may be another's by now
    assert processes.is_orphaned(f"{machine} {os.getpid()} 1")
    # and of other machines nothing is known
    assert not processes.is_orphaned(f"elsewhere/pid:[1] {child.pid} 1")
    for label in ("", "1", "True", "a b c d", f"{machine} x 1"):
        assert not processes.is_orphaned(label)
