"""What happened, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Built:
    """An image was built: its id in the engine, its size in bytes, and how long it took."""

    image: str
    key: str
    image_id: str
    seconds: float
    size: int
    log: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image was fetched from the registry."""

    image: str
    key: str
    image_id: str
    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image was sent to the registry under its key; `digest` is its manifest's."""

    image: str
    key: str
    digest: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A step ended badly: why, the end of its output, and where all of it is."""

    image: str
    key: str
    doing: str
    message: str
    seconds: float = 0.0
    tail: tuple[str, ...] = ()
    log: str = ""
    hint: str = ""
    exit_code: int = 1


@dataclass(frozen=True, slots=True)
class Blocked:
    """A step could not begin, because these images failed."""

    image: str
    key: str
    doing: str
    by: tuple[str, ...]


Outcome = Built | Pulled | Pushed | Failed | Blocked


class Result(StrEnum):
    """What a probe showed."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one probe said of one image, and why where it is no pass. `probe` is the probe's digest."""

    image: str
    key: str
    probe: str
    title: str
    result: Result
    reason: str = ""
    seconds: float = 0.0
    tail: tuple[str, ...] = ()
    gpu: bool = False


@dataclass(frozen=True, slots=True)
class Promoted:
    """All names of an image point at a digest; `moved` are those that did not before."""

    image: str
    variant: str
    digest: str
    names: tuple[str, ...]
    unsmoked: bool = False
    moved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Names were not moved, and why."""

    image: str
    variant: str
    why: str
