"""`[verdicts]`: whether machines share what their probes have shown, and whose GPU counts."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.tomlfile import Table, nearest

GPUS = ("same", "any")


@dataclass(frozen=True, slots=True)
class Sharing:
    """Whether verdicts are shared through the registry; with `any_gpu` a pass counts whatever GPU gave it."""

    wanted: bool = True
    any_gpu: bool = False


def read_sharing(table: Table) -> Sharing:
    """The section, or what is meant without it."""
    gpu = table.take("gpu", str, GPUS[0])
    if gpu not in GPUS:
        table.problem(
            f"'{gpu}' is no rule for GPUs", "gpu", nearest(gpu, GPUS) or f"one of {', '.join(GPUS)}"
        )
    found = Sharing(table.take("share", bool, default=True), gpu == "any")
    table.close()
    return found
