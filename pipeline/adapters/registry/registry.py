"""What is asked of a registry, and how its API is asked."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import urljoin

from pipeline import refs
from pipeline.adapters import pools
from pipeline.adapters.credentials import Credentials
from pipeline.adapters.patience import TemporaryError, patiently
from pipeline.adapters.registry.http import TIMEOUT, TOGETHER, Host, Response
from pipeline.adapters.registry.words import NO_JSON
from pipeline.digest import of_bytes
from pipeline.errors import UnreachableError
from pipeline.ports import Stored

T = TypeVar("T")

MEDIA_TYPES = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)


class Registry:
    """Registries as docker reaches them from here: the same credentials, the same authorities."""

    def __init__(self, credentials: Credentials | None = None, timeout: float = TIMEOUT) -> None:
        self._credentials = credentials or Credentials()
        self._timeout = timeout
        self._hosts: dict[str, Host] = {}

    def _host(self, name: str) -> tuple[Host, str, str]:
        """Where a name is: its host, its repository, and its tag or digest ("" for neither)."""
        found = refs.parse(name)
        if found.registry not in self._hosts:
            self._hosts[found.registry] = Host(found.registry, self._credentials, self._timeout)
        return self._hosts[found.registry], found.repository, found.digest or found.tag

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """The digest that each name points at, many asked at once; names that are absent are left out."""
        return self._each(self._digest, names)

    def manifests(self, names: Iterable[str]) -> dict[str, Stored]:
        """The manifest under each name, many asked at once; names that are absent are left out."""
        return self._each(self.manifest, names)

    def _each(self, ask: Callable[[str], T | None], names: Iterable[str]) -> dict[str, T]:
        wanted = tuple(dict.fromkeys(names))
        if wanted:
            self._host(wanted[0])
        with pools.threads(TOGETHER) as pool:
            found = zip(wanted, pool.map(ask, wanted), strict=True)
            return {name: one for name, one in found if one}

    def _digest(self, name: str) -> str:
        host, repository, reference = self._host(name)
        accept = {"Accept": MEDIA_TYPES}
        response = host.ask("HEAD", f"{repository}/manifests/{reference}", headers=accept)
        if response.status == 404:
            return ""
        if where := response.headers.get("docker-content-digest"):
            return where
        stored = self.manifest(name)
        return stored.digest if stored else ""

    def manifest(self, name: str) -> Stored | None:
        """The manifest under a name or digest, its content verified; None where there is none."""
        host, repository, reference = self._host(name)
        expected = reference if ":" in reference else ""
        path = f"{repository}/manifests/{reference}"
        response = host.fetch(path, expected, {"Accept": MEDIA_TYPES})
        if response.status == 404:
            return None
        if not _is_manifest(response.body):
            message = f"the registry {host.name} sends something else than a manifest for '{name}'"
            raise TemporaryError.of(message, hint="is there a proxy, or a login page, in between?")
        return Stored(response.body, response.headers.get("content-type", "") or _media_type(response))

    def put(self, name: str, stored: Stored) -> None:
        """Let a tag point at a manifest; the registry must call it what we call it."""
        host, repository, tag = self._host(name)
        headers = {"Content-Type": stored.media_type}
        response = host.ask("PUT", f"{repository}/manifests/{tag}", stored.body, headers)
        _must_be_there(host, response, repository)
        where = response.headers.get("docker-content-digest", stored.digest)
        if where != stored.digest:
            message = f"the registry {host.name} made another manifest of '{name}': {where}"
            raise UnreachableError.of(message, hint=f"it was {stored.digest}")

    def delete(self, name: str) -> None:
        """Let the registry forget a manifest by its digest, with all tags that point at it.

        Raises UnreachableError where it does not allow that.
        """
        host, repository, digest = self._host(name)
        # gone already is as good
        host.ask("DELETE", f"{repository}/manifests/{digest}")

    def tags(self, repository: str) -> tuple[str, ...]:
        """All tags of a repository, none where there is no such repository."""
        host, path, _ = self._host(repository)
        found: list[str] = []
        here = f"{path}/tags/list"
        while here:
            response = host.ask("GET", here)
            if response.status == 404:
                return tuple(found)
            try:
                found += map(str, json.loads(response.body)["tags"] or ())
            except (*NO_JSON, KeyError, TypeError) as error:
                message = f"the registry {host.name} gives no list of the tags of '{repository}'"
                raise UnreachableError.of(message) from error
            link, _, kind = response.headers.get("link", "").partition(">")
            here = urljoin("/v2/", link.lstrip(" <")) if 'rel="next"' in kind else ""
        return tuple(found)

    def blob(self, repository: str, digest: str) -> bytes | None:
        """A blob's content, verified; None where there is none."""
        host, path, _ = self._host(repository)
        response = host.fetch(f"{path}/blobs/{digest}", digest)
        return None if response.status == 404 else response.body

    def must_take(self, repository: str) -> None:
        """Begin an upload, and give it up again; raises what the registry has against it."""
        host, path, _ = self._host(repository)
        begun = host.once("POST", f"{path}/blobs/uploads/", b"")
        _must_be_there(host, begun, path)
        host.once("DELETE", begun.headers.get("location", ""))

    @patiently
    def upload(self, repository: str, data: bytes) -> str:
        """Store a blob, unless it is there; gives its digest."""
        host, path, _ = self._host(repository)
        where = f"sha256:{of_bytes(data)}"
        if host.once("HEAD", f"{path}/blobs/{where}").status == 200:
            return where
        begun = host.once("POST", f"{path}/blobs/uploads/", b"")
        _must_be_there(host, begun, path)
        place = begun.headers.get("location", "")
        place += ("&" if "?" in place else "?") + f"digest={where}"
        headers = {"Content-Type": "application/octet-stream"}
        response = host.once("PUT", place, data, headers)
        if response.status == 404:
            raise TemporaryError.of(
                f"the registry {host.name} has forgotten an upload", hint="try again later"
            )
        return where


def _is_manifest(body: bytes) -> bool:
    """Whether this tells of an image, of several, or of anything else that is kept as one is."""
    with contextlib.suppress(*NO_JSON):
        found = json.loads(body)
        return isinstance(found, dict) and bool(found.keys() & {"config", "manifests"})
    return False


def _must_be_there(host: Host, response: Response, repository: str) -> None:
    if response.status == 404:
        hint = f"create the repository '{repository}' there, or let this user create it"
        raise UnreachableError.of(
            f"the registry {host.name} refuses: no repository '{repository}'", hint=hint
        )


def _media_type(response: Response) -> str:
    with contextlib.suppress(ValueError, AttributeError):
        return str(json.loads(response.body).get("mediaType", ""))
    return ""
