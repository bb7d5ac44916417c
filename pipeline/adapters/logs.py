"""The logs of builds and probes: a folder for each run, a file for each of them in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = "logs"


@dataclass(frozen=True, slots=True)
class RunLogs:
    """The logs of a run: their folder, their size in bytes, when the last of them was written."""

    number: int
    folder: Path
    size: int
    written: float


def folder(state: Path, number: int) -> Path:
    """Where the logs of a run are."""
    return state / FOLDER / str(number)


def name(image: str, key: str) -> str:
    """What the log of a build is called."""
    return f"{image.replace('/', '--')}-{key[:12]}.log"


def probe_name(image: str, key: str, probe: str) -> str:
    """What the log of a probe is called; it lies beside that of the build."""
    return f"{image.replace('/', '--')}-{key[:12]}-probe-{probe[:8]}.txt"


def find(state: Path, image: str, number: int | None = None, key: str = "") -> Path | None:
    """The newest log of an image, of one run, of one key; None where there is none."""
    start, end = f"{image.replace('/', '--')}-", f"{key[:12]}.log"
    found = [
        path
        for path in _files(state)
        if path.name.startswith(start)
        and path.name.endswith(end)
        and len(path.name) == len(start) + len("0123456789ab.log")
        and (number is None or path.parent.name == str(number))
    ]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def images(state: Path) -> set[str]:
    """The images that there are logs of."""
    return {path.name[: -len("-0123456789ab.log")].replace("--", "/") for path in _files(state)}


def kept(state: Path) -> list[RunLogs]:
    """The logs of every run, the oldest first."""
    found = []
    for path in sorted((state / FOLDER).glob("[0-9]*")):
        if path.is_dir() and path.name.isdecimal():
            stats = [file.stat() for file in (path, *path.iterdir())]
            size = sum(stat.st_size for stat in stats[1:])
            found.append(RunLogs(int(path.name), path, size, max(stat.st_mtime for stat in stats)))
    return sorted(found, key=lambda one: one.number)


def remove(one: RunLogs) -> None:
    """Remove the logs of a run."""
    shutil.rmtree(one.folder, ignore_errors=True)


def _files(state: Path) -> Iterator[Path]:
    yield from (state / FOLDER).glob("*/*.log")
    # where builds before the first run that has a number left theirs
    yield from (state / FOLDER).glob("*.log")
