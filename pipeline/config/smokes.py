"""`[[smoke]]`."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.values import read_duration
from pipeline.tomlfile import Table, nearest

DEFAULT_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Smoke:
    """One `[[smoke]]`: a command to run in built images; no globs: the leaves, no variants: all."""

    run: tuple[str, ...]
    where: str
    name: str = ""
    images: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    gpu: bool = False
    timeout: float = DEFAULT_TIMEOUT


def read_smoke(table: Table, variants: list[str]) -> Smoke:
    """One probe; `variants` are those that there are."""
    wanted = table.strings("variants")
    for variant in wanted:
        if variant not in variants:
            hint = nearest(variant, variants) or f"there are: {', '.join(variants)}"
            table.problem(f"no variant '{variant}'", "variants", hint)
    run = table.strings("run")
    if not run:
        table.problem("a probe needs 'run'", hint='give the command as a list: run = ["python3", "-c", "…"]')
    smoke = Smoke(
        run=run,
        where=table.where,
        name=table.take("name", str, ""),
        images=table.strings("images"),
        variants=wanted,
        gpu=table.take("gpu", bool, default=False),
        timeout=read_duration(table, "timeout", DEFAULT_TIMEOUT),
    )
    table.close()
    return smoke
