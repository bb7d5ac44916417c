"""Builds through buildx, which can do everything that a build may ask for."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from pipeline import refs
from pipeline.adapters import context, plugin
from pipeline.adapters.clients import Client, Clients, send
from pipeline.adapters.patience import fallen_silent
from pipeline.adapters.processes import lives
from pipeline.adapters.progress import Progress
from pipeline.config import INLINE
from pipeline.errors import InterruptedRunError, UnreachableError
from pipeline.ports import BuildOrder, Cache, Means

OLDEST = (0, 13)
GET_IT = "install the package docker-buildx or docker-buildx-plugin, version 0.13 or newer"


def version() -> str:
    """What `docker buildx version` says; raises UnreachableError where there is none, or an old one."""
    try:
        done = subprocess.run(
            [*plugin.buildx(), "version"], capture_output=True, text=True, timeout=60, check=False
        )
    except FileNotFoundError as error:
        hint = "install docker-cli and docker-buildx"
        raise UnreachableError.of("no `docker` on PATH", hint=hint) from error
    except OSError as error:
        raise UnreachableError.of(f"`docker` cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise UnreachableError.of("`docker buildx version` does not answer") from error
    if done.returncode:
        raise UnreachableError.of("docker has no buildx", hint=GET_IT)
    text = done.stdout.strip()
    # a build of one's own may be called anything: then it is taken to be new
    found = re.search(r"\bv?(\d+)\.(\d+)\.\d+", text)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise UnreachableError.of(f"buildx is too old: {found[0]}", hint=GET_IT)
    return text


def command(order: BuildOrder, builder: str, folder: tuple[Path, Path] | None = None) -> list[str]:
    """The command line of a build; everything in it is an argument, nothing is ever a shell's.

    The context comes as a tar on standard input, or from a folder with a Dockerfile beside it.
    """
    line = [*plugin.buildx(), "build", "--builder", builder, "--progress=rawjson"]
    line += ["--load", "--pull=false", "--platform", order.platform]
    line += [f"--tag={tag}" for tag in order.tags]
    line += [f"--label={name}={value}" for name, value in order.labels]
    line += [f"--build-arg={name}={value}" for name, value in order.args]
    line += [f"--build-context={name}=docker-image://{target}" for name, target in order.bases]
    line += [f"--target={order.target}"] if order.target else []
    line += ["--no-cache"] if order.no_cache else []
    line += [f"--attest={one}" for one in order.attest]
    # what nobody wants would make a list of manifests out of an image
    line += [] if any("provenance" in one for one in order.attest) else ["--provenance=false"]
    line += _means(order.means)
    where, dockerfile = folder or ("-", context.dockerfile_name(order))
    return [*line, "--file", str(dockerfile), str(where)]


def _means(means: Means) -> Iterator[str]:
    """Options for what helps a build along; of a secret only where its value is."""
    for secret in means.secrets:
        source = ("env", secret.env) if secret.env else ("src", secret.file)
        yield f"--secret={_fields(('id', secret.id), source)}"
    for key in means.ssh:
        yield f"--ssh={key.id}={key.file}" if key.file else f"--ssh={key.id}"
    for cache in means.cache_from:
        # a folder that is not there yet is no cache yet
        if cache.reference or os.path.exists(os.path.join(cache.path, "index.json")):
            yield f"--cache-from={_cache(cache, 'src')}"
    for cache in means.cache_to:
        yield f"--cache-to={_cache(cache, 'dest', ('mode', 'max'))}"
    if means.network != "default":
        yield f"--network={means.network}"
    for name, address in means.hosts:
        yield f"--add-host={name}:{address}"
    for name, value in means.proxies:
        yield f"--build-arg={name}" if value is None else f"--build-arg={name}={value}"


def _cache(cache: Cache, path: str, *more: tuple[str, str]) -> str:
    if cache.reference == INLINE:
        return "type=inline"
    if cache.reference:
        return _fields(("type", "registry"), ("ref", cache.reference), *more)
    return _fields(("type", "local"), (path, cache.path), *more)


def _fields(*pairs: tuple[str, str]) -> str:
    """Fields as buildx reads them, which is as CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([f"{name}={value}" for name, value in pairs])
    return line.getvalue()


class Buildx:
    """Builds by a client of docker's for each; contexts that must lie in folders do so in `scratch`.

    A registry that BuildKit waits for may say nothing for `silence` seconds: BuildKit itself waits for ever.
    """

    def __init__(self, builder: str, scratch: Path, silence: float) -> None:
        self._builder = builder
        self._scratch = scratch
        self._silence = silence
        _sweep(scratch)
        self._clients = Clients()

    def run(self, order: BuildOrder, progress: Progress) -> bool:
        """Build, and say how it goes; gives whether it went well."""
        with _laid_out(order, self._scratch) as folder:
            client = self._clients.start(command(order, self._builder, folder))
            assert client.stderr is not None
            failure: list[Exception] = []
            feeder = threading.Thread(target=_feed, args=(order, client, failure, folder), daemon=True)
            feeder.start()
            try:
                with _listened_to(progress, client, self._silence) as silent:
                    for line in client.stderr:
                        progress.take(line)
                if silent:
                    raise fallen_silent(refs.parse(silent[0]).registry, self._silence)
                feeder.join()
                code = client.wait()
                if failure:
                    raise failure[0]
            finally:
                # after an exception it still runs: a full disk must not leave builds behind
                send(client, signal.SIGKILL)
                feeder.join()
                self._clients.ended(client)
        if code and self._clients.stopping:
            raise InterruptedRunError.of("interrupted")
        return not code

    def stop(self, *, kill: bool = False) -> None:
        """End every build that runs: asked to first, killed after a while or at once."""
        self._clients.stop(kill=kill)


def _sweep(scratch: Path) -> None:
    """Remove what a killed run has left of its contexts; each folder is called by its process."""
    for folder in scratch.glob("*-*"):
        process = folder.name.partition("-")[0]
        if process.isdecimal() and not lives(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _laid_out(order: BuildOrder, scratch: Path) -> Iterator[tuple[Path, Path] | None]:
    """The context as a folder, where a build would read the Dockerfile in a tar."""
    if not order.apart:
        yield None
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=scratch) as folder:
        yield context.lay_out(order, Path(folder))


@contextlib.contextmanager
def _listened_to(progress: Progress, client: Client, most: float) -> Iterator[list[str]]:
    """Kill a client whose build waits for a registry for too long; gives what it has waited for, then."""
    silent: list[str] = []
    over = threading.Event()

    def listen() -> None:
        while not over.wait(min(1.0, most / 4)):
            awaited = progress.awaited(most)
            if awaited:
                silent.append(awaited)
                send(client, signal.SIGKILL)
                return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield silent
    finally:
        over.set()
        listener.join()


def _feed(
    order: BuildOrder,
    client: Client,
    failure: list[Exception],
    folder: tuple[Path, Path] | None,
) -> None:
    assert client.stdin is not None
    try:
        if not folder:
            context.write(order, client.stdin)
        client.stdin.close()
    except BrokenPipeError:
        # the build has ended before it wanted the rest: its own message says why
        return
    except Exception as error:
        failure.append(error)
        # killed before its input ends: it must not take what it has for the whole
        send(client, signal.SIGKILL)
