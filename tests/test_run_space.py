"""Whether there is room for another build."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.adapters import disk
from pipeline.run import space


def engine(root: str, address: str = "unix:///x.sock") -> Any:
    """An engine that keeps its images there."""
    return SimpleNamespace(address=address, about=lambda: {"DockerRootDir": root})


@pytest.mark.parametrize(
    ("state", "images", "whose"),
    [
        ((50, 10_000), (999, 10_000), "state"),
        ((999, 10_000), (50, 10_000), "engine"),
        ((100, 10_000), (100, 10_000), ""),
        ((6, 100), (6, 100), ""),
        ((4, 100), (6, 100), "state"),
        ((0, 0), (0, 0), ""),
    ],
)
def test_a_folder_is_too_full_below_the_limit_or_a_twentieth_of_a_small_disk(
    state: tuple[int, int], images: tuple[int, int], whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "room", {Path("/state"): state, Path("/engine"): images}.__getitem__)
    found = space.guard(engine("/engine"), Path("/state"), 100)()
    assert bool(found) == bool(whose)
    if found:
        assert f"where the {whose} lies" in found.message
        assert "prune" in found.hint


def test_the_folder_of_an_engine_elsewhere_is_not_looked_for_here(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def room(path: Path) -> tuple[int, int]:
        asked.append(path)
        return 0, 0

    monkeypatch.setattr(disk, "room", room)
    space.guard(engine("/engine", "tcp://elsewhere:2375"), Path("/state"), 100)()
    assert asked == [Path("/state")]


def test_what_is_free_is_asked_of_the_disk(tmp_path: Path) -> None:
    free, total = disk.room(tmp_path)
    assert 0 < free <= total
    assert disk.room(tmp_path / "nowhere") == (0, 0)
