"""docs/decisions: each decision has a number of its own."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "docs/decisions"


def test_no_number_is_taken_twice() -> None:
    numbers = sorted(path.name[:4] for path in FOLDER.iterdir())
    assert numbers == sorted(set(numbers))
