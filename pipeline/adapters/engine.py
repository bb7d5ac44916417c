"""The Docker engine: what it holds, and what it sends to registries and gets from them."""

from __future__ import annotations

import contextlib
import math
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from pipeline import refs
from pipeline.adapters import absence, dockerconfig, question
from pipeline.adapters.credentials import Credentials
from pipeline.adapters.patience import TemporaryError, fallen_silent, is_temporary, patiently
from pipeline.adapters.processes import is_orphaned
from pipeline.digest import key_tag
from pipeline.errors import FailedError, InputError, InterruptedRunError, StackbuildError, UnreachableError
from pipeline.patience import Patience
from pipeline.ports import KEY_LABEL, STAND_IN_LABEL, Held, Moved, Product, Tell

if TYPE_CHECKING:
    import docker
    from docker.errors import APIError
    from docker.tls import TLSConfig

LOCAL = "stackbuild.local"
PROBE_LABEL = "io.stackbuild.probe"
HERE = "unix:///var/run/docker.sock"
THERE = frozenset({"Pushed", "Layer already exists", "Mounted", "Pull complete", "Already exists"})
_DIGEST = re.compile(r": digest: (sha256:[0-9a-f]{64}) size: \d+")
TEMPORARY = frozenset({429, 502, 503, 504})
# how long an engine may take for an answer, in seconds, and how long one that is well takes at most
SECONDS, AT_ONCE = 60, 10
REFUSALS = ("unauthorized", "no basic auth", "denied", "authentication required", "forbidden")


def local_name(image: str, key: str) -> str:
    """What the engine calls an image's build."""
    return f"{LOCAL}/{image.lower()}:{key_tag(key)}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the engine is ("" for wherever the environment says), and the name of buildx's builder for it."""

    address: str = ""
    builder: str = "default"
    tls: TLSConfig | None = None


def endpoint() -> Endpoint:
    """The engine that the docker command would use: DOCKER_HOST, or the context that is chosen."""
    if os.environ.get("DOCKER_HOST") or _no_context():
        return Endpoint()
    from docker.context import ContextAPI  # noqa: PLC0415 (rarely needed, and slow to import)

    name = os.environ.get("DOCKER_CONTEXT") or ""
    hint = "`docker context ls` shows what there is"
    try:
        context = ContextAPI.get_context(name or None)
    except Exception as error:
        raise UnreachableError.of(
            f"the docker context '{name}' cannot be read: {error}", hint=hint
        ) from error
    if context is None:
        raise UnreachableError.of(f"no docker context '{name}'", hint=hint)
    if context.name == "default":
        return Endpoint()
    return Endpoint(str(context.Host or ""), str(context.name), context.TLSConfig)


def _no_context() -> bool:
    """Whether docker's configuration surely chooses no context, so that its client need not be asked."""
    if os.environ.get("DOCKER_CONTEXT"):
        return False
    found = dockerconfig.read()
    return found is not None and "currentContext" not in found


@dataclass(frozen=True, slots=True)
class RootFound:
    """A root image as a registry knows it, and what it stands in for ("" for the real thing)."""

    digest: str
    stand_in: str = ""


class Engine:
    """A connection to one engine; every error of docker's becomes one of ours here.

    Docker's client comes only when it is needed: a run that finds nothing to do has two questions, and asks
    them itself. Where they get no plain answer, the client says why. `silence` is for how many seconds a
    registry may say nothing.
    """

    def __init__(self, silence: float = Patience().silence) -> None:
        found = endpoint()
        self.builder = found.builder
        self.address = found.address or os.environ.get("DOCKER_HOST") or HERE
        self._found = found
        self.silence = silence
        self._stopping = False
        # logins that docker's own configuration does not have
        self.credentials = Credentials()
        if question.ask(self.address, "/version") is None:
            self.api.version()

    @cached_property
    def client(self) -> docker.DockerClient:
        """Docker's own client."""
        return self._connected(SECONDS)

    @cached_property
    def _transfers(self) -> Any:
        """Its low-level half for what waits for registries as well."""
        return self._connected(math.ceil(self.silence)).api

    def _connected(self, patience: int) -> docker.DockerClient:
        """A client that waits for so many seconds at most for every answer, and every part of one."""
        import docker  # noqa: PLC0415 (slow to import)

        found, tls = self._found, self._found.tls or False
        try:
            with self.mapped():
                if found.address:
                    return docker.DockerClient(found.address, version="auto", timeout=patience, tls=tls)
                return docker.from_env(version="auto", timeout=patience)
        except (AttributeError, ValueError) as error:
            # docker's client trips over a configuration that is no object
            if trouble := dockerconfig.trouble():
                raise UnreachableError.of(trouble, hint=dockerconfig.HINT) from error
            raise absence.of(self.address, error) from error

    @property
    def api(self) -> Any:
        """Its low-level half, whose stubs are incomplete."""
        return self.client.api

    @contextlib.contextmanager
    def mapped(self, registry: str = "") -> Iterator[None]:
        """Every error of docker's as one of ours, said of a registry where one is asked."""
        try:
            yield
        except StackbuildError:
            raise
        except Exception as error:
            from docker.errors import APIError, DockerException, StreamParseError  # noqa: PLC0415 (slow)
            from urllib3.exceptions import HTTPError  # noqa: PLC0415 (slow to import)

            if isinstance(error, APIError):
                raise refusal(error, registry) from error
            # requests' errors are OSErrors; in the middle of an answer they are still urllib3's
            if not isinstance(error, (DockerException, OSError, HTTPError, StreamParseError)):
                raise
            if registry and _is_silence(error) and self._answers():
                raise fallen_silent(registry, self.silence) from error
            raise absence.of(self.address, error) from error

    def _answers(self) -> bool:
        """Whether it answers now, and without delay."""
        with contextlib.suppress(StackbuildError), contextlib.closing(self._connected(AT_ONCE)):
            return True
        return False

    def keys(self) -> dict[str, Held]:
        """The builds that the engine holds, by key; asked once, by label."""
        found: list[dict[str, Any]] | None
        found = question.ask(self.address, "/images/json", filters={"label": [KEY_LABEL]})
        if found is None:
            with self.mapped():
                found = self.api.images(filters={"label": KEY_LABEL})
        held = {}
        for image in found:
            labels = image.get("Labels") or {}
            key = labels.get(KEY_LABEL, "")
            # images built by hand on one of ours inherit its labels, but not its name
            tag = f":{key_tag(key)}"
            if any(n.startswith(f"{LOCAL}/") and n.endswith(tag) for n in image.get("RepoTags") or ()):
                held[key] = Held(str(image["Id"]), labels.get(STAND_IN_LABEL, ""), _moment(image))
        return held

    def has_orphans(self) -> bool:
        """Whether there may be containers of probes that a killed run has left behind."""
        label = {"label": [PROBE_LABEL]}
        found = question.ask(self.address, "/containers/json", all=1, filters=label)
        return found is None or any(
            is_orphaned(str((one.get("Labels") or {}).get(PROBE_LABEL))) for one in found
        )

    def product(self, name: str) -> Product:
        """The image of this name."""
        found = self._inspected(name)
        return Product(str(found["Id"]), int(found["Size"]))

    def _inspected(self, name: str) -> Mapping[str, Any]:
        """All that the engine knows of an image. Raises NotFoundError where it has none of the name."""
        try:
            found = question.ask(self.address, f"/images/{quote(name, safe='/:@')}/json")
        except question.AbsentError as error:
            raise NotFoundError.of(f"not found: no image '{name}'") from error
        if not isinstance(found, dict):
            with self.mapped():
                found = self.api.inspect_image(name)
        return cast("Mapping[str, Any]", found)

    def has(self, name: str) -> bool:
        """Whether it holds an image of this name, so that nobody has to fetch it."""
        try:
            return bool(self._inspected(name))
        except NotFoundError:
            return False

    def layers(self, image_id: str) -> tuple[str, ...]:
        """The digests of an image's layers, the lowest first; none where it is gone."""
        try:
            found = self._inspected(image_id)
        except NotFoundError:
            return ()
        return tuple((found.get("RootFS") or {}).get("Layers") or ())

    def found(self, name: str, key: str) -> Product | None:
        """The image of this name, if there is one that was built for the key."""
        try:
            found = self._inspected(name)
        except NotFoundError:
            return None
        labels = (found.get("Config") or {}).get("Labels") or {}
        return Product(str(found["Id"]), int(found["Size"])) if labels.get(KEY_LABEL) == key else None

    def stand_in(self, reference: str) -> str:
        """What the local image of this reference stands in for, "" for the real thing or no local image."""
        try:
            config = self._inspected(reference).get("Config") or {}
        except NotFoundError:
            return ""
        return str((config.get("Labels") or {}).get(STAND_IN_LABEL, ""))

    def environment(self, reference: str) -> tuple[str, ...]:
        """The variables that a local image sets, as `NAME=VALUE`; none where there is no such image."""
        try:
            found = self._inspected(reference)
        except NotFoundError:
            return ()
        return tuple((found.get("Config") or {}).get("Env") or ())

    @patiently
    def find_root(self, reference: str) -> RootFound:
        """The digest that the reference has in its registry now; raises NotFoundError for a 404 alone."""
        registry = refs.parse(reference).registry
        with self.mapped(registry):
            found = self._transfers.inspect_distribution(reference, auth_config=self._login(registry))
        digest = str(found["Descriptor"]["digest"])
        return RootFound(digest, self.stand_in(f"{refs.parse(reference).name}@{digest}"))

    def pull(self, remote: str, local: str, key: str, tell: Tell) -> Product:
        """Fetch an image by tag or digest, and give it its local name; its key label must be the key."""
        name, _, digest = remote.partition("@") if "@" in remote else remote.rpartition(":")
        registry = remote.partition("/")[0]
        with self.mapped(registry):
            login = self._login(registry)
            messages = self._transfers.pull(name, tag=digest, stream=True, decode=True, auth_config=login)
            self._follow(messages, registry, tell)
            image = self.client.images.get(remote)
            if image.labels.get(KEY_LABEL) != key:
                hint = "somebody else wrote to its tag: remove it from the registry"
                raise FailedError.of(f"'{remote}' does not carry the key it is filed under", hint=hint)
            name, _, tag = local.rpartition(":")
            image.tag(name, tag=tag)
        return self.product(local)

    def push(self, local: str, remote: str, tell: Tell) -> str:
        """Send an image to the registry and give the digest of its manifest there."""
        name, _, tag = remote.rpartition(":")
        registry = remote.partition("/")[0]
        with self.mapped(registry):
            self.api.tag(local, name, tag=tag)
            login = self._login(registry)
            messages = self._transfers.push(name, tag=tag, stream=True, decode=True, auth_config=login)
            digest = self._follow(messages, registry, tell)
        if not digest:
            raise UnreachableError.of(f"the registry {registry} took '{remote}' without naming its digest")
        return digest

    def _login(self, registry: str) -> dict[str, str] | None:
        login = self.credentials.from_environment(registry)
        return login.for_engine if login else None

    def _follow(self, messages: Iterable[dict[str, Any]], registry: str, tell: Tell) -> str:
        """Follow a push or pull to its end; gives the digest that it names."""
        layers: dict[str, str] = {}
        counts: dict[str, tuple[int, int]] = {}
        digest = ""
        for message in messages:
            if self._stopping:
                raise InterruptedRunError.of("interrupted")
            if "error" in message:
                raise refused_text(str(message["error"]), registry)
            # containerd's image store names it in words alone
            said = _DIGEST.search(str(message.get("status", "")))
            digest = (message.get("aux") or {}).get("Digest") or (said[1] if said else digest)
            if message.get("id") and "status" in message:
                layers[message["id"]] = message["status"]
                tell(f"{sum(status in THERE for status in layers.values())} of {len(layers)} layers")
                count = message.get("progressDetail") or {}
                # a layer that is unpacked counts its bytes once more
                if count.get("current") and message["status"] in {"Downloading", "Pushing"}:
                    counts[message["id"]] = (count["current"], count.get("total") or 0)
                    tell(Moved(*map(sum, zip(*counts.values(), strict=True))))
        return digest

    def comes_back(self, within: float, stopped: threading.Event) -> bool:
        """Wait until the engine answers again, for so many seconds at most."""
        until = time.monotonic() + within
        while time.monotonic() < until and not stopped.is_set():
            with contextlib.suppress(StackbuildError), self.mapped():
                self.api.ping()
                return True
            stopped.wait(0.5)
        return False

    def stop(self) -> None:
        """End every push and pull, at its next word."""
        self._stopping = True

    def attests(self) -> bool:
        """Whether its builder can keep attestations: only containerd's image store holds them."""
        status = self.about().get("DriverStatus") or ()
        return any(str(value).startswith("io.containerd.snapshotter") for _, value in status)

    def about(self) -> Mapping[str, Any]:
        """What the engine says of itself."""
        info = question.ask(self.address, "/info")
        if not isinstance(info, dict):
            with self.mapped():
                info = self.api.info()
        return cast("Mapping[str, Any]", info)


def _moment(image: Mapping[str, Any]) -> float:
    """When an image was made; builders that want the same bytes each time say the year 1970."""
    return max(0.0, float(image.get("Created") or 0))


def _is_silence(error: Exception) -> bool:
    """Whether it is that nothing came any more, before an answer or in the middle of one."""
    from requests.exceptions import ReadTimeout  # noqa: PLC0415 (slow to import)
    from urllib3.exceptions import ReadTimeoutError  # noqa: PLC0415 (slow to import)

    return isinstance(error, (ReadTimeout, ReadTimeoutError))


class NotFoundError(InputError):
    """A reference that its registry, or the engine, does not know: a 404 and nothing else."""


def refusal(error: APIError, registry: str) -> StackbuildError:
    """One of our errors for one of the engine's answers."""
    from docker.errors import NotFound  # noqa: PLC0415 (slow to import)

    text = " ".join(str(error.explanation or error).split())
    # 409 says of a container that is just being removed what 404 says a moment later
    if isinstance(error, NotFound) or "marked for removal" in text:
        return NotFoundError.of(f"not found: {text}")
    after = error.response.headers.get("Retry-After", "") if error.response is not None else ""
    text += f" (retry-after: {after} s)" if after.isdecimal() else ""
    if registry and error.status_code in TEMPORARY:
        return TemporaryError.of(f"the registry {registry} is in trouble: {text}", hint="try again later")
    return refused_text(text, registry)


def refused_text(text: str, registry: str) -> StackbuildError:
    """One of our errors for the words of the engine, said of a registry where one was asked."""
    text = " ".join(text.split())
    low = text.lower()
    if not registry:
        return FailedError.of(f"the engine refuses: {text}")
    if "manifest unknown" in low:
        return NotFoundError.of(f"not found: {text}")
    if any(sign in low for sign in REFUSALS):
        hint = f"docker login {registry}"
        return UnreachableError.of(f"the registry {registry} refuses: {text}", hint=hint)
    if "not allowed" in low or "unsupported" in low:
        return UnreachableError.of(f"the registry {registry} refuses: {text}", hint="is it read-only?")
    hint = "check its address, and that this machine's engine reaches it"
    if is_temporary(text):
        refuses = "connection refused" in low
        what, todo = ("does not answer", hint) if refuses else ("is in trouble", "try again later")
        return TemporaryError.of(f"the registry {registry} {what}: {text}", hint=todo)
    return UnreachableError.of(f"the registry {registry} does not answer: {text}", hint=hint)
