"""Whose a probe's container is, so that a later run can tell whether anybody still wants it."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

LABEL = "io.stackbuild.probe"
ALIVE = "-"


def owner() -> str:
    """Which process a probe belongs to, so that a later one on this machine can tell whether it lives."""
    return f"{_machine()} {os.getpid()} {_began(os.getpid())}"


def orphaned(owner: str) -> bool:
    """Whether the process that an owner names is one of this machine, and no more."""
    machine, _, process = owner.rpartition(" ")[0].rpartition(" ")
    if machine != _machine() or not process.isdecimal():
        return False
    return _began(int(process)) not in {owner.rpartition(" ")[2], ALIVE}


def _machine() -> str:
    """The machine, or rather what of it shares process numbers: containers have their own."""
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}/{Path('/proc/self/ns/pid').readlink()}"
    return socket.gethostname()


def _began(process: int) -> str:
    """When a process began, in the kernel's ticks; ALIVE where only that can be seen, "" if it is no more."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        # the program's name stands in brackets, and may hold anything
        return status.rpartition(")")[2].split()[19]
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return ALIVE
    return ALIVE
