"""A registry in memory: what a real one does with manifests, blobs and tags, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from pipeline.digest import of_bytes
from pipeline.errors import UnreachableError
from pipeline.ports import KEY_LABEL, Stored

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def nothing(_what: str) -> None:
    """Let every request pass."""


class Memory:
    """Repositories by name. `before` and `after` are told of each request, and may raise."""

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.stored: dict[tuple[str, str], Stored] = {}
        self.names: dict[tuple[str, str], str] = {}

    @staticmethod
    def split(name: str) -> tuple[str, str]:
        """A repository, and a tag or digest."""
        if "@" in name:
            repository, _, digest = name.partition("@")
            return repository, digest
        repository, _, tag = name.rpartition(":")
        return repository, tag

    def at(self, name: str) -> str:
        """The digest that a name points at, "" for none."""
        repository, reference = self.split(name)
        digest = reference if ":" in reference else self.names.get((repository, reference), "")
        return digest if (repository, digest) in self.stored else ""

    def seen_by(
        self, before: Callable[[str], None] = nothing, after: Callable[[str], None] = nothing
    ) -> Client:
        """The registry as one client reaches it."""
        return Client(self, before, after)

    def image(self, repository: str, key: str, layers: tuple[str, ...]) -> str:
        """Push an image; gives its digest."""
        client = self.seen_by()
        config = json.dumps({"config": {"Labels": {KEY_LABEL: key}}, "rootfs": {"diff_ids": layers}}).encode()
        where = client.upload(repository, config)
        value = {"mediaType": MANIFEST, "config": {"digest": where, "size": len(config)}, "layers": []}
        stored = Stored(json.dumps(value).encode(), MANIFEST)
        client.put(f"{repository}:k-{key[:32]}", stored)
        return stored.digest


class Client:
    """One client's requests: each is one moment, in which all of it happens or nothing."""

    def __init__(self, memory: Memory, before: Callable[[str], None], after: Callable[[str], None]) -> None:
        self._memory = memory
        self._before = before
        self._after = after

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        found = {}
        for name in names:
            self._before(f"HEAD {name}")
            if where := self._memory.at(name):
                found[name] = where
            self._after(f"HEAD {name}")
        return found

    def manifests(self, names: Iterable[str]) -> dict[str, Stored]:
        return {name: found for name in names if (found := self.manifest(name))}

    def manifest(self, name: str) -> Stored | None:
        self._before(f"GET {name}")
        found = self._memory.stored.get((self._memory.split(name)[0], self._memory.at(name)))
        self._after(f"GET {name}")
        return found

    def put(self, name: str, stored: Stored) -> None:
        self._before(f"PUT {name}")
        repository, tag = self._memory.split(name)
        value = json.loads(stored.body)
        parts = [value.get("config"), *value.get("layers", ())]
        if any(part and (repository, part["digest"]) not in self._memory.blobs for part in parts):
            raise UnreachableError.of("the registry memory refuses: blob unknown (404)")
        self._memory.stored[repository, stored.digest] = stored
        self._memory.names[repository, tag] = stored.digest
        self._after(f"PUT {name}")

    def tags(self, repository: str) -> tuple[str, ...]:
        self._before(f"LIST {repository}")
        found = tuple(sorted(tag for folder, tag in self._memory.names if folder == repository))
        self._after(f"LIST {repository}")
        return found

    def blob(self, repository: str, digest: str) -> bytes | None:
        self._before(f"BLOB {repository}")
        found = self._memory.blobs.get((repository, digest))
        self._after(f"BLOB {repository}")
        return found

    def upload(self, repository: str, data: bytes) -> str:
        self._before(f"UPLOAD {repository}")
        digest = f"sha256:{of_bytes(data)}"
        self._memory.blobs[repository, digest] = data
        self._after(f"UPLOAD {repository}")
        return digest
