"""What happened, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that came to nothing for a passing reason, and for how many seconds the next one waited."""

    number: int
    why: str
    wait: float


@dataclass(frozen=True, slots=True)
class Built:
    """An image was built: its id in the engine, its size in bytes, how long the try that succeeded took."""

    image: str
    key: str
    image_id: str
    seconds: float
    size: int
    log: str
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image was fetched from the registry."""

    image: str
    key: str
    image_id: str
    seconds: float
    size: int
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Reused:
    """An image was there after all when its turn came: another run had built it meanwhile."""

    image: str
    key: str
    image_id: str
    size: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image was sent to the registry under its key; `digest` is its manifest's."""

    image: str
    key: str
    digest: str
    seconds: float
    attempts: tuple[Attempt, ...] = ()


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
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocked:
    """A step could not begin, because these images failed.

    With `stopped` it stands on none of them: after the first failure nothing more was to begin.
    """

    image: str
    key: str
    doing: str
    by: tuple[str, ...]
    stopped: bool = False


Outcome = Built | Pulled | Reused | Pushed | Failed | Blocked


class Result(StrEnum):
    """What a probe showed."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU: its name and its compute capability ("9.0", or "" where the driver is too old to say)."""

    name: str
    capability: str = ""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a GPU probe ran on: the devices, sorted, and the version of their driver."""

    devices: tuple[Device, ...]
    driver: str

    def __str__(self) -> str:
        counts = {device: self.devices.count(device) for device in self.devices}
        words = [
            f"{count} x {device.name}" + (f" ({device.capability})" if device.capability else "")
            for device, count in counts.items()
        ]
        return f"{', '.join(words)}, driver {self.driver}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one probe said of one image, and why where it is no pass. `probe` is the probe's digest.

    `hardware` is what a GPU probe ran on, None where it saw nothing. `lasting` is False where the reason may
    be gone the next time: then the verdict is not used again. `reused` tells one of an earlier run, `at` when
    it was given, in seconds of Unix time.
    """

    image: str
    key: str
    probe: str
    title: str
    result: Result
    reason: str = ""
    seconds: float = 0.0
    tail: tuple[str, ...] = ()
    gpu: bool = False
    hardware: Hardware | None = None
    log: str = ""
    lasting: bool = True
    reused: bool = False
    at: float = 0.0


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
