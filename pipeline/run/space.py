"""Whether there is room for another build, where the engine and the state lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline import show
from pipeline.adapters import disk
from pipeline.adapters.engine import Engine
from pipeline.errors import Problem, StackbuildError

# a small disk may be fuller than a large one
SHARE = 20
HINTS = {
    "engine": "`stackbuild prune` and `docker builder prune` make room; [limits] free_disk says how much",
    "state": "`stackbuild prune` removes old logs; [limits] free_disk says how much must stay free",
}


def guard(engine: Engine, state: Path, least: int) -> Callable[[], Problem | None]:
    """What to ask before each build: whether so many bytes are free where engine and state lie."""
    places = list(_places(engine, state))

    def crowded() -> Problem | None:
        for whose, path in places:
            free, total = disk.room(path)
            if total and free < min(least, total // SHARE):
                message = f"no room for a build: {show.size(free)} free at {path}, where the {whose} lies"
                return Problem(message, hint=HINTS[whose])
        return None

    return crowded


def _places(engine: Engine, state: Path) -> Iterator[tuple[str, Path]]:
    """The folders that fill, as far as they are on this machine."""
    yield "state", state
    if engine.address.startswith("unix://"):
        try:
            root = Path(str(engine.about().get("DockerRootDir") or ""))
        except StackbuildError:
            return
        if root.is_absolute():
            yield "engine", root
