"""`[retention]`: which generations the registry keeps."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.values import read_duration
from pipeline.tomlfile import Table


@dataclass(frozen=True, slots=True)
class Retention:
    """The newest so many generations stay, and those younger than so many seconds; both 0: all of them."""

    generations: int = 0
    age: float = 0.0

    @property
    def limited(self) -> bool:
        """Whether any generation may go."""
        return bool(self.generations or self.age)


def read_retention(table: Table) -> Retention:
    """The section, or what is meant without it."""
    generations = table.take("generations", int, 0)
    if table.has("generations") and generations < 1:
        table.problem("'generations' must be at least 1: the newest one always stays", "generations")
    age = read_duration(table, "age", 1.0) if table.has("age") else 0.0
    table.take("age", str, "")
    table.close()
    return Retention(max(generations, 0), age)
