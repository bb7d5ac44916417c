"""BuildKit, through `docker buildx`."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from pipeline.adapters import context
from pipeline.errors import FailedError, StackbuildError, UnreachableError
from pipeline.ports import BuildOrder, Product, Tell

TAIL = 20
GRACE = 10.0
MISSING = "install the package docker-buildx or docker-buildx-plugin, version 0.13 or newer"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
_ENGINE_GONE = ("cannot connect to the docker daemon", "error during connect")


class BuildFailedError(FailedError):
    """A build that ended badly, with the end of its output."""

    def __init__(self, message: str, tail: tuple[str, ...]) -> None:
        super().__init__()
        self.message = message
        self.tail = tail

    def __str__(self) -> str:
        return self.message


def version() -> str:
    """What `docker buildx version` says; raises UnreachableError where there is none."""
    try:
        done = subprocess.run(
            ["docker", "buildx", "version"], capture_output=True, text=True, timeout=60, check=False
        )
    except FileNotFoundError as error:
        raise UnreachableError.of(
            "no `docker` on PATH", hint="install docker-cli and docker-buildx"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UnreachableError.of("`docker buildx version` does not answer") from error
    if done.returncode:
        raise UnreachableError.of("docker has no buildx", hint=MISSING)
    return done.stdout.strip()


def command(order: BuildOrder, builder: str) -> list[str]:
    """The command line of a build; everything in it is an argument, nothing is ever a shell's."""
    line = ["docker", "buildx", "build", "--builder", builder, "--progress=rawjson", "--provenance=false"]
    line += ["--load", "--pull=false", "--platform", order.platform, "-f", context.dockerfile_name(order)]
    line += [f"--tag={tag}" for tag in order.tags]
    line += [f"--label={name}={value}" for name, value in order.labels]
    line += [f"--build-arg={name}={value}" for name, value in order.args]
    line += [f"--build-context={name}=docker-image://{target}" for name, target in order.bases]
    line += [f"--target={order.target}"] if order.target else []
    line += ["--no-cache"] if order.no_cache else []
    return [*line, "-"]


class Buildx:
    """Builds that can be stopped; `product` finds the image that a build has tagged."""

    def __init__(self, builder: str, product: Callable[[str], Product]) -> None:
        self._builder = builder
        self._product = product
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def build(self, order: BuildOrder, tell: Tell) -> Product:
        """Build an image, with its output in the order's log; raises BuildFailedError."""
        log = Path(order.log)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8", errors="replace") as file:
            record = _Record(file, tell)
            code, error = self._run(order, record)
        if code:
            if error:
                raise error
            raise self._failure(record)
        return self._product(order.tags[0])

    def _run(self, order: BuildOrder, record: _Record) -> tuple[int, StackbuildError | None]:
        with self._lock:
            if self._stopping:
                raise FailedError.of("interrupted")
            # a session of its own: a terminal's Ctrl-C must reach us first, and builds through `stop` alone
            process = subprocess.Popen(
                command(order, self._builder),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._running.add(process)
        assert process.stdin is not None
        assert process.stderr is not None
        failure: list[StackbuildError] = []
        feeder = threading.Thread(target=_feed, args=(order, process, failure), daemon=True)
        feeder.start()
        try:
            for line in process.stderr:
                record.take(line)
            feeder.join()
            return process.wait() or bool(failure), failure[0] if failure else None
        finally:
            with self._lock:
                self._running.discard(process)
            process.stderr.close()

    def _failure(self, record: _Record) -> StackbuildError:
        if self._stopping:
            return FailedError.of("interrupted")
        message = record.error or "docker buildx failed without a word"
        if any(sign in message.lower() for sign in _ENGINE_GONE):
            return UnreachableError.of(f"the engine is gone: {message}")
        return BuildFailedError(message, tuple(record.tail))

    def stop(self, *, kill: bool = False) -> None:
        """End every build that runs: asked to first, killed after a while or at once."""
        with self._lock:
            self._stopping = True
            running = tuple(self._running)
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGINT)
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
                continue
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _feed(order: BuildOrder, process: subprocess.Popen[bytes], failure: list[StackbuildError]) -> None:
    assert process.stdin is not None
    try:
        with process.stdin as stream:
            context.write(order, stream)
    except BrokenPipeError:
        # the build has ended before it wanted the rest: its own message says why
        return
    except StackbuildError as error:
        failure.append(error)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class _Record:
    """What a build has said so far: all of it in the log, its end and its error in memory."""

    def __init__(self, log: IO[str], tell: Tell) -> None:
        self._log = log
        self._tell = tell
        self._names: dict[str, str] = {}
        self._last = ""
        self.error = ""
        self.tail: deque[str] = deque(maxlen=TAIL)

    def take(self, line: bytes) -> None:
        """One line of the builder's: an event as JSON, or words."""
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            event = {}
        if not isinstance(event, dict) or not event.keys() & {"vertexes", "logs", "statuses", "warnings"}:
            self._words(line.decode("utf-8", "replace"))
            return
        for vertex in event.get("vertexes") or ():
            self._vertex(vertex)
        for entry in event.get("logs") or ():
            self._output(entry)

    def _words(self, line: str) -> None:
        text = line.strip()
        if not text:
            return
        self._log.write(f"{text}\n")
        if text.startswith("ERROR: ") or not self.error:
            self.error = text.removeprefix("ERROR: ")

    def _vertex(self, vertex: dict[str, Any]) -> None:
        name, known = str(vertex.get("name", "")), str(vertex.get("digest", ""))
        if known not in self._names:
            self._names[known] = name
        if vertex.get("started") and not vertex.get("completed") and not name.startswith("[internal]"):
            self._tell(name)
        if vertex.get("completed"):
            how = "CACHED" if vertex.get("cached") else vertex.get("error") or "done"
            self._log.write(f"--- {name}: {how}\n")

    def _output(self, entry: dict[str, Any]) -> None:
        text = base64.b64decode(entry.get("data", "")).decode("utf-8", "replace")
        vertex = str(entry.get("vertex", ""))
        if vertex != self._last:
            self._last = vertex
            self._log.write(f"=== {self._names.get(vertex, '')}\n")
        self._log.write(text)
        for line in _lines(text):
            self.tail.append(line)


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if plain := _CONTROL.sub("", line).strip():
            yield plain[:500]
