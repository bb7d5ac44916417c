"""The records and function types that cross the edge between deciding and doing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pipeline import digest
from pipeline.config import Secret, Ssh
from pipeline.keys import FileState
from pipeline.outcome import Attempt, Outcome, Verdict
from pipeline.tree import Overlaid

KEY_LABEL = "io.stackbuild.key"
IMAGE_LABEL = "io.stackbuild.image"
STAND_IN_LABEL = "io.stackbuild.stand-in"


@dataclass(frozen=True, slots=True)
class Cache:
    """Where BuildKit keeps layers for other builds: a folder, or a reference of a registry."""

    path: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Means:
    """What helps a build along and is no part of the image, nor of its key.

    Of secrets only where their values are. `proxies` are build args, None for the environment's value.
    """

    secrets: tuple[Secret, ...] = ()
    ssh: tuple[Ssh, ...] = ()
    cache_from: tuple[Cache, ...] = ()
    cache_to: tuple[Cache, ...] = ()
    network: str = "default"
    hosts: tuple[tuple[str, str], ...] = ()
    proxies: tuple[tuple[str, str | None], ...] = ()


NO_MEANS = Means()


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """All that a builder is told of one image, and nothing it could read beside it.

    `files` lie below `context`, an absolute folder, and must still be in the state that the key was made
    from, save those that are `overlaid`, which are taken as they are here; `bases` map references, as the
    Dockerfile names them, to what to take for them; `outside` are images that are none of ours, with those of
    `bases`; `tags` are given to the result. With `apart` the Dockerfile must not lie in the context, because
    the build would read it there; with `asks` it mounts secrets or keys, be they given or not. `attest` are
    the attestations to make, as buildx takes them.
    """

    image: str
    key: str
    dockerfile: bytes
    dockerfile_path: str
    context: str
    files: tuple[FileState, ...]
    bases: tuple[tuple[str, str], ...]
    outside: tuple[str, ...]
    args: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]
    platform: str
    target: str
    log: str
    no_cache: bool = False
    apart: bool = False
    asks: bool = False
    means: Means = NO_MEANS
    attest: tuple[str, ...] = ()
    overlaid: Mapping[str, Overlaid] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Product:
    """An image in the engine: its id and its size in bytes."""

    image_id: str
    size: int


@dataclass(frozen=True, slots=True)
class Held:
    """A build that the engine holds: its image's id, what a root below it stands in for, when it was made.

    `created` is in seconds of Unix time, 0 where it is not known.
    """

    image_id: str
    stand_in: str = ""
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class ProbeFile:
    """A file that a probe brings along: its path below the probe's own folder, and its content."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """A command to run in an image; `timeout` is in seconds, `memory` in bytes; 0 is no limit.

    A probe that judges itself is told a nonce, and what it says counts only with that. The whole output and
    the state in which the container ended are kept in the file `log`, where one is named.
    """

    image_id: str
    run: tuple[str, ...]
    gpu: bool
    timeout: float
    env: tuple[tuple[str, str], ...] = ()
    user: str = ""
    network: bool = False
    capabilities: tuple[str, ...] = ()
    memory: int = 0
    pids: int = 0
    files: tuple[ProbeFile, ...] = ()
    log: str = ""
    judges_itself: bool = False


@dataclass(frozen=True, slots=True)
class Ran:
    """The command ended by itself.

    `tail` is the end of its output in lines, `output` rather more of it as it is, `last` the last line on its
    standard output, and `nonce` what that line must hold to be believed. `oom`: the kernel killed it for
    want of memory.
    """

    exit_code: int
    tail: tuple[str, ...]
    seconds: float
    output: str = ""
    last: str = ""
    nonce: str = ""
    oom: bool = False


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The command was stopped when its time was over."""

    tail: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The command never began; `doubt` where that says nothing of the image."""

    why: str
    doubt: bool = False


ProbeReport = Ran | TimedOut | NotStarted


@dataclass(frozen=True, slots=True)
class Began:
    """A task has started: `doing` is build, pull, push or smoke."""

    task: str
    image: str
    doing: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A task's bytes: how many have been transferred so far, of how many (0: nobody knows)."""

    done: int
    total: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """Whole lines of a build's output, fit to be shown."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waits:
    """A task waits for another run that does the same: which process that is, and since when."""

    who: str


# what a task tells of itself: the step that it has come to, or more
Word = str | Moved | Said | Waits


@dataclass(frozen=True, slots=True)
class Progressed:
    """A running task has something to tell."""

    task: str
    image: str
    word: Word


@dataclass(frozen=True, slots=True)
class Retried:
    """A running task has come to nothing for a passing reason, and is tried again once it has waited."""

    task: str
    image: str
    doing: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Ended:
    """A task is over."""

    task: str
    outcome: Outcome | Verdict


Event = Began | Progressed | Retried | Ended
Watch = Callable[[Event], None]
Tell = Callable[[Word], None]
Build = Callable[[BuildOrder, Tell], Product]
RunProbe = Callable[[ProbeOrder], ProbeReport]


@dataclass(frozen=True, slots=True)
class Stored:
    """A manifest as a registry has it, byte for byte."""

    body: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """What it is called by its content."""
        return f"sha256:{digest.of_bytes(self.body)}"


class Remote(Protocol):
    """What is asked of a registry. Names are whole: `reg.example/team/base:latest`, or with `@` a digest.

    Absent is a 404 and nothing else; any doubt is raised as UnreachableError.
    """

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """The digest that each name points at; names that are absent are left out."""

    def manifests(self, names: Iterable[str]) -> dict[str, Stored]:
        """The manifest under each name; names that are absent are left out."""

    def manifest(self, name: str) -> Stored | None:
        """The manifest under a name or digest, its content verified."""

    def put(self, name: str, stored: Stored) -> None:
        """Let a tag point at a manifest, which what it speaks of must be there for."""

    def tags(self, repository: str) -> tuple[str, ...]:
        """All tags of a repository, none where there is no such repository."""

    def blob(self, repository: str, digest: str) -> bytes | None:
        """A blob's content, verified."""

    def upload(self, repository: str, data: bytes) -> str:
        """Store a blob; gives its digest."""
