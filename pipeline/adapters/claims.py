"""Claims: who is building what, so that two runs on one project build nothing twice.

A claim is a locked file. The kernel unlocks it when its process ends, however that happens: the dead hold
nobody up, and containers that share the folder see each other's claims.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import InterruptedRunError
from pipeline.ports import Tell, Waits

FOLDER = "claims"
LENGTH = 32
SECONDS = 0.1


class Claims:
    """The claims of one run on a project's builds; `state` is the project's folder for what it remembers."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Wait for nobody any more."""
        self._stopping.set()

    @contextlib.contextmanager
    def held(self, key: str, tell: Tell) -> Iterator[None]:
        """Be the only one on this machine who builds a key, once whoever else does has ended.

        Where files cannot be locked, everybody builds. Raises InterruptedRunError when stopped.
        """
        path = self._folder / key[:LENGTH]
        file = self._locked(path, tell)
        try:
            yield
        finally:
            if file is not None:
                # unlinked while it is locked: nobody else can be about to
                path.unlink(missing_ok=True)
                os.close(file)

    def elsewhere(self, key: str) -> str:
        """Who builds a key now, for people; "" where nobody does."""
        try:
            file = os.open(self._folder / key[:LENGTH], os.O_RDONLY)
        except OSError:
            return ""
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(file)
        except OSError:
            return ""
        finally:
            os.close(file)
        return ""

    def _locked(self, path: Path, tell: Tell) -> int | None:
        told = ""
        while True:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            except OSError:
                return None
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_there(file, path):
                    os.truncate(file, 0)
                    os.write(file, f"{os.getpid()} {time.time():.0f}".encode("ascii"))
                    return file
            except BlockingIOError:
                if (who := _holder(file)) != told:
                    told = who
                    tell(Waits(who))
            except OSError:
                os.close(file)
                return None
            os.close(file)
            if self._stopping.wait(SECONDS):
                raise InterruptedRunError.of("interrupted")


def _is_there(file: int, path: Path) -> bool:
    """Whether a locked file is still the one of its name: its holder before may have unlinked it."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


def _holder(file: int) -> str:
    """Who has the claim, for people: its process, and since when."""
    process, _, since = os.pread(file, 64, 0).decode("ascii", "replace").partition(" ")
    if not process.isdecimal() or not since.isdecimal():
        return "another run"
    return f"process {process}, since {time.strftime('%H:%M:%S', time.localtime(int(since)))}"
