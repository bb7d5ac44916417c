"""The processes of buildx that run."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from functools import cache

from pipeline.errors import InterruptedRunError, UnreachableError

GRACE = 10.0

Client = subprocess.Popen[bytes]


class Clients:
    """Every client that was started and has not ended; `stop` is for good."""

    def __init__(self) -> None:
        self._running: set[Client] = set()
        self._lock = threading.Lock()
        self.stopping = False

    def start(self, line: Sequence[str]) -> Client:
        """A client for this command line, its standard input still unread."""
        with self._lock:
            if self.stopping:
                raise InterruptedRunError.of("interrupted")
            try:
                # a session of its own: a terminal's Ctrl-C must reach us first, and builds by `stop`
                client = subprocess.Popen(
                    # what is not there shall be missed as itself
                    [*_tie(), *line] if shutil.which(line[0]) else line,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                raise UnreachableError.of(f"`{line[0]}` cannot be run: {error.strerror}") from error
            self._running.add(client)
            return client

    def ended(self, client: Client) -> None:
        """Make sure that a client is gone, and forget it."""
        send(client, signal.SIGKILL)
        client.wait()
        for stream in (client.stdin, client.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        with self._lock:
            self._running.discard(client)

    def stop(self, *, kill: bool = False) -> None:
        """End every client: asked to first, killed after a while or at once."""
        with self._lock:
            self.stopping = True
            running = tuple(self._running)
        for client in running:
            send(client, signal.SIGKILL if kill else signal.SIGINT)
        until = time.monotonic() + GRACE
        for client in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                client.wait(max(0.0, until - time.monotonic()))
                continue
            send(client, signal.SIGKILL)


@cache
def _tie() -> tuple[str, ...]:
    """A command in front of another that ends it once we are gone, be it by kill -9; () where none can.

    A client left behind would have the engine go on with a RUN that nobody wants. What the kernel looks at is
    the thread that has started it: that one must wait for its end.
    """
    found = shutil.which("setpriv")
    if found:
        line = (found, "--pdeathsig", "KILL", "--")
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            # there is one that cannot do this
            subprocess.run([*line, "true"], check=True, capture_output=True, timeout=10)
            return line
    return ()


def send(client: Client, number: signal.Signals) -> None:
    """Send a signal to a client and all it has started."""
    if client.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(client.pid, number)
