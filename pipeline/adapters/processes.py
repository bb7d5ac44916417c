"""Which process something belongs to, so that a later one on this machine can tell whether it lives."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

ALIVE = "-"


def owner() -> str:
    """The process that asks, as a label or a row names it: its machine, its number, and when it began."""
    return f"{_machine()} {os.getpid()} {_began(os.getpid())}"


def number_of(owned_by: str) -> str:
    """The process number that an owner names, for people; "" where it names none."""
    number = owned_by.rpartition(" ")[0].rpartition(" ")[2]
    return number if number.isdecimal() else ""


def is_orphaned(owned_by: str) -> bool:
    """Whether the process is surely gone; of what another machine owns, or nobody can read, it is not."""
    machine, _, process = owned_by.rpartition(" ")[0].rpartition(" ")
    if machine != _machine() or not process.isdecimal():
        return False
    return _began(int(process)) not in {owned_by.rpartition(" ")[2], ALIVE}


def lives(process: int) -> bool:
    """Whether there is a process of this number here."""
    return bool(_began(process))


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
