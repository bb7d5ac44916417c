"""One probe of one image: what it runs, what it brings along, and the digest of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from pipeline import digest
from pipeline.config import Smoke
from pipeline.ports import ProbeFile, ProbeOrder
from pipeline.smoke.built_in import FILES, TESTS, command_of

# what runs a folder of tests; their images are not written to
# without -v, a -q of the tests' own settings would keep the summary away, which tells whether any test passed
PYTEST = ("python3", "-B", "-m", "pytest", "-v", "--color=no", "-p", "no:cacheprovider", TESTS)


@dataclass(frozen=True, slots=True)
class Payload:
    """What a probe brings along: paths below the folder that it finds it in, and contents."""

    files: tuple[ProbeFile, ...] = ()
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        parts = [[file.path, digest.of_bytes(file.content)] for file in self.files]
        object.__setattr__(self, "digest", digest.of_value(parts))


NOTHING = Payload()


@dataclass(frozen=True, slots=True)
class Probe:
    """One declared command or built-in probe, for one image of one variant."""

    image: str
    key: str
    smoke: Smoke
    payload: Payload = NOTHING

    @property
    def digest(self) -> str:
        """Of all that decides what the probe can say; its time-out cannot turn a failure into a pass."""
        return _digest(self.smoke, self.payload)

    @property
    def task(self) -> str:
        """What the probe's task in a schedule is called: that of one key in two variants is one task."""
        return f"smoke:{self.key}:{self.digest}"

    @property
    def title(self) -> str:
        """The probe's name, or else its command, short enough for a line."""
        smoke = self.smoke
        line = " ".join((smoke.name or smoke.probe or smoke.tests or " ".join(smoke.run)).split())
        return line if len(line) <= 60 else f"{line[:59]}…"

    @property
    def command(self) -> tuple[str, ...]:
        """The program and its arguments, whatever the image's own entrypoint is."""
        return _command(self.smoke)


def _command(smoke: Smoke) -> tuple[str, ...]:
    if smoke.probe:
        return command_of(smoke.probe)
    return smoke.run or PYTEST


@cache
def _digest(smoke: Smoke, payload: Payload) -> str:
    record = {
        "run": _command(smoke),
        "probe": smoke.probe,
        "gpu": smoke.gpu,
        "env": smoke.env,
        "user": smoke.user,
        "network": smoke.network,
        "expect": smoke.expect,
        "capabilities": smoke.capabilities,
        "memory": smoke.memory,
        "pids": smoke.pids,
        "payload": payload.digest,
    }
    return digest.of_value(record)


def order_of(probe: Probe, image_id: str, log: str = "") -> ProbeOrder:
    """What to run, in the image that the engine holds under the probe's key."""
    smoke = probe.smoke
    places = [("STACKBUILD_FILES", FILES)] if smoke.files else []
    places += [("STACKBUILD_TESTS", TESTS)] if smoke.tests else []
    return ProbeOrder(
        image_id,
        probe.command,
        gpu=smoke.gpu,
        timeout=smoke.timeout,
        env=(*places, *smoke.env),
        user=smoke.user,
        network=smoke.network,
        capabilities=smoke.capabilities,
        memory=smoke.memory,
        pids=smoke.pids,
        files=probe.payload.files,
        log=log,
        judges_itself=bool(smoke.probe),
    )
