"""The processes of buildx: those that build, and those that wait for a context to build."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.errors import InterruptedRunError, UnreachableError

GRACE = 10.0
# a login may have been renewed since one that has waited for longer was started, in seconds
STALE = 300.0
# seconds between two builds that begin. A step takes some 0.4 s of a processor to start and to end; those
# that start together are all as slow as the last, and stay together, with idle processors in between; all of
# it would be too much where nothing follows that could make use of the order
APART = 0.2 / (os.cpu_count() or 1)

Client = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A client that has come as far as it can without its context, and when it was started."""

    client: Client
    since: float


class Clients:
    """Every client that was started and has not ended; `stop` is for good."""

    def __init__(self) -> None:
        self._running: set[Client] = set()
        self._waiting: dict[tuple[str, ...], _Waiting] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._next = 0.0

    @property
    def stopping(self) -> bool:
        """Whether everything is to end."""
        return self._stopped.is_set()

    def start(self, line: list[str]) -> Client:
        """A client for this command line, its standard input still unread: one that waits, or a new one."""
        self._turn()
        with self._lock:
            waiting = self._waiting.pop(tuple(line), None)
            client = _fresh(waiting) if waiting else None
            client = client or self._started(line)
            self._running.add(client)
            return client

    def _turn(self) -> None:
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + APART
        self._stopped.wait(at - now)

    def expect(self, lines: Iterable[list[str]]) -> None:
        """Start clients for what will most likely be built next, and end those that wait for anything else.

        A client takes as long to start and to find its engine as to build something small; it does so beside
        the builds that it waits for.
        """
        wanted = dict.fromkeys(map(tuple, lines))
        with self._lock, contextlib.suppress(InterruptedRunError, UnreachableError):
            for unwanted in self._waiting.keys() - wanted.keys():
                _end(self._waiting.pop(unwanted).client)
            for line in wanted:
                if line not in self._waiting:
                    self._waiting[line] = _Waiting(self._started(line), time.monotonic())

    def _started(self, line: Sequence[str]) -> Client:
        if self.stopping:
            raise InterruptedRunError.of("interrupted")
        try:
            # a session of its own: a terminal's Ctrl-C must reach us first, and builds by `stop`
            return subprocess.Popen(
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise UnreachableError.of(f"`{line[0]}` cannot be run: {error.strerror}") from error

    def ended(self, client: Client) -> None:
        """Make sure that a client is gone, and forget it."""
        _end(client)
        with self._lock:
            self._running.discard(client)

    def stop(self, *, kill: bool = False) -> None:
        """End every client: asked to first, killed after a while or at once."""
        with self._lock:
            self._stopped.set()
            running = tuple(self._running)
        self.expect(())
        for client in running:
            send(client, signal.SIGKILL if kill else signal.SIGINT)
        until = time.monotonic() + GRACE
        for client in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                client.wait(max(0.0, until - time.monotonic()))
                continue
            send(client, signal.SIGKILL)


def send(client: Client, number: signal.Signals) -> None:
    """Send a signal to a client and all it has started."""
    if client.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(client.pid, number)


def _fresh(waiting: _Waiting) -> Client | None:
    """The client that has waited, unless it has waited too long, or no longer does."""
    if waiting.client.poll() is None and time.monotonic() - waiting.since < STALE:
        return waiting.client
    _end(waiting.client)
    return None


def _end(client: Client) -> None:
    send(client, signal.SIGKILL)
    client.wait()
    for stream in (client.stdin, client.stderr):
        if stream:
            with contextlib.suppress(OSError):
                stream.close()
