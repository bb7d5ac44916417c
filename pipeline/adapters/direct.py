"""Builds that the engine is asked for itself, where nothing is wanted of it that only a client can give."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pipeline.adapters import context, dockerconfig, proxies, trace
from pipeline.adapters.patience import TemporaryError
from pipeline.adapters.progress import Progress
from pipeline.adapters.question import SCHEME
from pipeline.errors import InterruptedRunError
from pipeline.ports import BuildOrder

if TYPE_CHECKING:
    from http.client import HTTPResponse

# of the engine's API: BuildKit, and not the builder that was there before it
BUILDKIT = "2"
TRACE = "moby.buildkit.trace"
EPOCH = "SOURCE_DATE_EPOCH"
HALFWAY = "the engine is gone: it has stopped in the middle of a build"


class Direct:
    """Builds by the engine at this address; `has` says whether it holds an image of a name.

    A build costs the engine as much as through a client, which takes some 0.1 s of a processor for itself.
    """

    def __init__(self, address: str, has: Callable[[str], bool]) -> None:
        self._path = address.removeprefix(SCHEME) if address.startswith(SCHEME) else ""
        self._has = has
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def takes(self, order: BuildOrder) -> bool:
        """Whether the engine can do this by itself.

        It cannot ask a client: for a login to fetch an image with, for a secret, for another image under a
        name. And it knows nothing of docker's configuration, which may add build args.
        """
        means = order.means
        given = (order.bases, order.attest, means.secrets, means.ssh, means.cache_from, means.cache_to)
        # where a secret is not given, BuildKit asks for it all the same
        if not self._path or order.apart or order.asks or any(given) or dockerconfig.has_proxies():
            return False
        return all(map(self._has, order.outside))

    def run(self, order: BuildOrder, progress: Progress) -> bool:
        """Build, and say how it goes; gives whether it went well.

        Raises FailedError for files that have changed, TemporaryError for an engine that goes away.
        """
        failure: list[Exception] = []
        try:
            with self._line() as line:
                with _gone():
                    line.connect(self._path)
                    line.sendall(_head(order))
                feeder = threading.Thread(target=_feed, args=(order, line, failure), daemon=True)
                feeder.start()
                try:
                    return _follow(line, progress)
                finally:
                    _hang_up(line)
                    feeder.join()
        except TemporaryError:
            if self._stopping:
                raise InterruptedRunError.of("interrupted") from None
            if failure:
                raise failure[0] from None
            raise

    @contextlib.contextmanager
    def _line(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX) as line:
            with self._lock:
                if self._stopping:
                    raise InterruptedRunError.of("interrupted")
                self._lines.add(line)
            try:
                yield line
            finally:
                with self._lock:
                    self._lines.discard(line)

    def stop(self) -> None:
        """End every build: the engine cancels what nobody listens to any more."""
        with self._lock:
            self._stopping = True
            for line in self._lines:
                _hang_up(line)


def _head(order: BuildOrder) -> bytes:
    """The head of the request; what is in an order is data, and cannot become another header."""
    # buildx takes this one from the environment as well, unless it is empty
    epoch = {EPOCH: value} if (value := os.environ.get(EPOCH)) else {}
    args = {**epoch, **proxies.of(order.means), **dict(order.args)}
    query = [
        ("version", BUILDKIT),
        ("dockerfile", context.dockerfile_name(order)),
        ("platform", order.platform),
        ("target", order.target),
        ("nocache", "1" if order.no_cache else ""),
        ("networkmode", "" if order.means.network == "default" else order.means.network),
        ("buildargs", json.dumps(args)),
        ("labels", json.dumps(dict(order.labels))),
        *(("t", tag) for tag in order.tags),
        *(("extrahosts", f"{name}:{address}") for name, address in order.means.hosts),
    ]
    path = f"/build?{urlencode([(name, value) for name, value in query if value])}"
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: docker",
        "Connection: close",
        "Content-Type: application/x-tar",
        "Transfer-Encoding: chunked",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


class _Chunks:
    """A request's body, in pieces whose sizes are told one by one."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def write(self, data: bytes) -> int:
        if data:
            self._line.sendall(b"%x\r\n%b\r\n" % (len(data), data))
        return len(data)

    def close(self) -> None:
        self._line.sendall(b"0\r\n\r\n")


def _feed(order: BuildOrder, line: socket.socket, failure: list[Exception]) -> None:
    body: Any = _Chunks(line)
    try:
        context.write(order, body)
        body.close()
    except (BrokenPipeError, ConnectionResetError):
        # the build has ended before it wanted the rest: its own message says why
        return
    except Exception as error:
        failure.append(error)
        # without the end of the body: it must not take what it has for the whole
        _hang_up(line)


def _follow(line: socket.socket, progress: Progress) -> bool:
    """Follow a build to its end; gives whether that is an image."""
    from http.client import OK, HTTPResponse  # noqa: PLC0415 (slow to import)

    answer = HTTPResponse(line, method="POST")
    with _gone():
        answer.begin()
        if answer.status != OK:
            progress.fail(_refusal(answer.read()))
            return False
    went = False
    for message in _messages(answer):
        if error := message.get("error"):
            progress.fail(str((message.get("errorDetail") or {}).get("message") or error))
            return False
        aux = message.get("aux")
        if message.get("id") == TRACE and isinstance(aux, str):
            with contextlib.suppress(ValueError):
                progress.hear(trace.event(base64.b64decode(aux)))
        went = went or (isinstance(aux, dict) and "ID" in aux)
    if not went:
        raise TemporaryError.of(HALFWAY)
    return True


def _messages(answer: HTTPResponse) -> Iterator[dict[str, Any]]:
    while True:
        with _gone():
            line = answer.readline()
        if not line:
            return
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            if isinstance(message, dict):
                yield message


@contextlib.contextmanager
def _gone() -> Iterator[None]:
    """What becomes of a line's errors; those of a log that is written meanwhile are not among them."""
    from http.client import HTTPException  # noqa: PLC0415 (slow to import)

    try:
        yield
    except HTTPException as error:
        raise TemporaryError.of(HALFWAY) from error
    except OSError as error:
        raise TemporaryError.of(f"the engine is gone: {str(error.strerror or error).lower()}") from error


def _refusal(body: bytes) -> str:
    with contextlib.suppress(ValueError, AttributeError):
        return str(json.loads(body).get("message"))
    return body.decode("utf-8", "replace").strip() or "the engine refuses to build, without a word"


def _hang_up(line: socket.socket) -> None:
    # closing it would not wake who reads from it
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
