"""The Docker engine: what it holds, and containers run in it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest

from pipeline import refs
from pipeline.digest import key_tag
from pipeline.errors import FailedError, InputError, StackbuildError, UnreachableError
from pipeline.ports import (
    KEY_LABEL,
    STAND_IN_LABEL,
    Held,
    NotStarted,
    ProbeOrder,
    ProbeReport,
    Product,
    Ran,
    TimedOut,
)

LOCAL = "stackbuild.local"
PROBE_LABEL = "io.stackbuild.probe"
TAIL = 20
PROBE_HOST = "probe"
PIDS = 4096
DOCTOR = "start it, or say where it is with DOCKER_HOST; `stackbuild doctor` looks further"
NO_GPU_SIGNS = ("could not select device driver", "no known gpu vendor", "unresolvable cdi devices")


def local_name(image: str, key: str) -> str:
    """What the engine calls an image's build."""
    return f"{LOCAL}/{image.lower()}:{key_tag(key)}"


def host_of_context() -> tuple[str, str]:
    """The engine's address ("" for the default) and the name of buildx's builder for it."""
    if os.environ.get("DOCKER_HOST"):
        return "", "default"
    from docker.context import ContextAPI  # noqa: PLC0415 (rarely needed, and slow to import)

    with contextlib.suppress(Exception):
        context = ContextAPI.get_current_context()
        if context is not None and context.name != "default":
            return str(context.Host or ""), str(context.name)
    return "", "default"


@dataclass(frozen=True, slots=True)
class RootFound:
    """A root image as a registry knows it, and what it stands in for ("" for the real thing)."""

    digest: str
    stand_in: str = ""


class Engine:
    """A connection to one engine; every error of docker's becomes one of ours here."""

    def __init__(self) -> None:
        address, self.builder = host_of_context()
        self.address = address or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        self._probes: set[str] = set()
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        with self._mapped():
            client = (
                docker.DockerClient(base_url=address, version="auto")
                if address
                else docker.from_env(version="auto")
            )
        self._client = client
        # the stubs of the low-level client are incomplete
        self._api: Any = client.api

    @contextlib.contextmanager
    def _mapped(self, registry: str = "") -> Iterator[None]:
        try:
            yield
        except StackbuildError:
            raise
        except APIError as error:
            raise refusal(error, registry) from error
        except (DockerException, requests.RequestException, OSError) as error:
            hint = DOCTOR
            if "permission denied" in str(error).lower():
                hint = "this user may not use it: join the group 'docker', or run as root"
            raise UnreachableError.of(f"no docker engine answers at {self.address}", hint=hint) from error

    def keys(self) -> dict[str, Held]:
        """The builds that the engine holds, by key; asked once, by label."""
        with self._mapped():
            found: list[dict[str, Any]] = self._api.images(filters={"label": KEY_LABEL})
        held = {}
        for image in found:
            labels = image.get("Labels") or {}
            key = labels.get(KEY_LABEL, "")
            # images built by hand on one of ours inherit its labels, but not its name
            tag = f":{key_tag(key)}"
            if any(n.startswith(f"{LOCAL}/") and n.endswith(tag) for n in image.get("RepoTags") or ()):
                held[key] = Held(str(image["Id"]), labels.get(STAND_IN_LABEL, ""))
        return held

    def product(self, name: str) -> Product:
        """The image of this name."""
        with self._mapped():
            found = self._api.inspect_image(name)
        return Product(str(found["Id"]), int(found["Size"]))

    def stand_in(self, reference: str) -> str:
        """What the local image of this reference stands in for, "" for the real thing or no local image."""
        try:
            with self._mapped():
                config = self._api.inspect_image(reference).get("Config") or {}
        except NotFoundError:
            return ""
        return str((config.get("Labels") or {}).get(STAND_IN_LABEL, ""))

    def find_root(self, reference: str) -> RootFound:
        """The digest that the reference has in its registry now; raises NotFoundError for a 404 alone."""
        registry = reference.partition("/")[0]
        with self._mapped(registry):
            found = self._api.inspect_distribution(reference)
        digest = str(found["Descriptor"]["digest"])
        return RootFound(digest, self.stand_in(f"{refs.parse(reference).name}@{digest}"))

    def pull(self, remote: str, local: str, key: str) -> Product:
        """Fetch an image from the registry and give it its local name; its key label must be the key."""
        with self._mapped(remote.partition("/")[0]):
            repository, _, reference = remote.rpartition("@") if "@" in remote else remote.rpartition(":")
            image = self._client.images.pull(repository, tag=reference)
            if image.labels.get(KEY_LABEL) != key:
                hint = "somebody else wrote to this tag: remove it from the registry"
                raise FailedError.of(f"'{remote}' does not carry the key it is filed under", hint=hint)
            name, _, tag = local.rpartition(":")
            image.tag(name, tag=tag)
        return self.product(local)

    def push(self, local: str, remote: str, tell: Callable[[str], None]) -> str:
        """Send an image to the registry and give the digest of its manifest there."""
        name, _, tag = remote.rpartition(":")
        registry = remote.partition("/")[0]
        with self._mapped(registry):
            self._api.tag(local, name, tag=tag)
            layers: dict[str, str] = {}
            digest = ""
            for message in self._api.push(name, tag=tag, stream=True, decode=True):
                if self.stopping.is_set():
                    raise FailedError.of("interrupted")
                if "error" in message:
                    raise refused_text(str(message["error"]), registry)
                digest = (message.get("aux") or {}).get("Digest") or digest
                if message.get("id"):
                    layers[message["id"]] = message.get("status", "")
                    there = sum(status in {"Pushed", "Layer already exists"} for status in layers.values())
                    tell(f"{there} of {len(layers)} layers")
        if not digest:
            raise UnreachableError.of(f"the registry {registry} took '{remote}' without naming its digest")
        return digest

    def run_probe(self, order: ProbeOrder) -> ProbeReport:
        """Run a command in a container of its own: no network, no capabilities, removed in any case."""
        try:
            with self._mapped():
                gpus = [DeviceRequest(count=-1, capabilities=[["gpu"]])] if order.gpu else []
                container = self._client.containers.create(
                    order.image_id,
                    # the image's own entrypoint may swallow commands: the probe is the whole program
                    entrypoint=[order.run[0]],
                    command=list(order.run[1:]),
                    network_mode="none",
                    # without a network docker writes no name into /etc/hosts, and Java looks its own up
                    hostname=PROBE_HOST,
                    extra_hosts={PROBE_HOST: "127.0.0.1"},
                    cap_drop=["ALL"],
                    security_opt=["no-new-privileges"],
                    pids_limit=PIDS,
                    device_requests=gpus,
                    labels={PROBE_LABEL: "1"},
                )
        except FailedError as error:
            return NotStarted(error.problems[0].message)
        identity = str(container.id)
        with self._lock:
            self._probes.add(identity)
        try:
            return self._watch(container, order.timeout)
        finally:
            with self._lock:
                self._probes.discard(identity)
            with contextlib.suppress(DockerException, requests.RequestException):
                container.remove(force=True, v=True)

    def _watch(self, container: Any, timeout: float) -> ProbeReport:
        began = time.monotonic()
        try:
            with self._mapped():
                container.start()
        except StackbuildError as error:
            message = error.problems[0].message
            if any(sign in message.lower() for sign in NO_GPU_SIGNS):
                return NotStarted("no GPU on this engine", no_gpu=True)
            return NotStarted(f"could not start: {message}")
        code: int | None = None
        try:
            code = int(container.wait(timeout=timeout)["StatusCode"])
        except (requests.ConnectionError, requests.Timeout):
            with contextlib.suppress(DockerException):
                container.kill()
        seconds = time.monotonic() - began
        with self._mapped():
            text = container.logs(tail=TAIL).decode("utf-8", "replace")
        tail = tuple(line[:500] for line in text.splitlines()[-TAIL:])
        return TimedOut(tail, seconds) if code is None else Ran(code, tail, seconds)

    def stop(self) -> None:
        """End every probe that runs, so that whoever waits for one returns."""
        self.stopping.set()
        with self._lock:
            running = tuple(self._probes)
        for identity in running:
            with contextlib.suppress(DockerException, requests.RequestException):
                self._api.kill(identity)

    def about(self) -> Mapping[str, Any]:
        """What the engine says of itself."""
        with self._mapped():
            info: Mapping[str, Any] = self._api.info()
        return info


class NotFoundError(InputError):
    """A reference that its registry, or the engine, does not know: a 404 and nothing else."""


def refusal(error: APIError, registry: str) -> StackbuildError:
    """One of our errors for one of the engine's answers."""
    text = " ".join(str(error.explanation or error).split())
    if isinstance(error, ImageNotFound | NotFound) or "manifest unknown" in text.lower():
        return NotFoundError.of(f"not found: {text}")
    return refused_text(text, registry)


def refused_text(text: str, registry: str) -> StackbuildError:
    """One of our errors for the words of the engine, said of a registry where one was asked."""
    low = text.lower()
    if not registry:
        return FailedError.of(f"the engine refuses: {text}")
    if any(sign in low for sign in ("unauthorized", "no basic auth", "denied", "authentication required")):
        hint = f"docker login {registry}"
        return UnreachableError.of(f"the registry {registry} refuses: {text}", hint=hint)
    hint = "check its address, and that this machine's engine reaches it"
    return UnreachableError.of(f"the registry {registry} does not answer: {text}", hint=hint)
