"""`[fresh]`: how old images may be, and who is asked whether they would come out differently now."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from pipeline.config.values import read_duration
from pipeline.tomlfile import Table, nearest

MANAGERS = ("apt", "pip", "conda")


@dataclass(frozen=True, slots=True)
class Fresh:
    """`max_age` in seconds, 0 for any; `ages` are those of images by glob, where the first that fits counts.

    `drift` are the managers to ask, `where` is the section's place.
    """

    max_age: float = 0.0
    ages: tuple[tuple[str, float], ...] = ()
    drift: tuple[str, ...] = MANAGERS
    where: str = field(default="", compare=False)

    def most(self, image: str) -> float:
        """How old an image may be, in seconds; 0 for any age."""
        for glob, seconds in self.ages:
            if fnmatchcase(image, glob):
                return seconds
        return self.max_age


def read_fresh(table: Table) -> Fresh:
    """The section, or what is meant without it."""
    drift = table.strings("drift", MANAGERS)
    for manager in drift:
        if manager not in MANAGERS:
            hint = nearest(manager, MANAGERS) or f"one of {', '.join(MANAGERS)}"
            table.problem(f"'{manager}' cannot be asked", "drift", hint)
    most = read_duration(table, "max_age", 1.0) if table.has("max_age") else 0.0
    images = table.table("images")
    ages = tuple((glob, read_duration(images, glob, 1.0)) for glob in images.keys())  # noqa: SIM118 (no dict)
    table.close()
    return Fresh(most, ages, drift, table.where)
