"""Run probes in built images and give verdicts; what was not seen is never called passed."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeline import digest
from pipeline.config import Config, Smoke
from pipeline.errors import InputError, Problem
from pipeline.graph import Graph
from pipeline.outcome import Result, Verdict
from pipeline.plan import Step
from pipeline.ports import NotStarted, ProbeOrder, ProbeReport, Ran, TimedOut
from pipeline.tomlfile import nearest


@dataclass(frozen=True, slots=True)
class Probe:
    """One declared command, for one image of one variant."""

    image: str
    key: str
    smoke: Smoke

    @property
    def digest(self) -> str:
        """Of all that decides what the probe can say; its time-out cannot turn a failure into a pass."""
        return digest.of_value(["run", self.smoke.run, self.smoke.gpu])

    @property
    def task(self) -> str:
        """What the probe's task in a schedule is called: that of one key in two variants is one task."""
        return f"smoke:{self.key}:{self.digest}"

    @property
    def title(self) -> str:
        """The probe's name, or else its command, short enough for a line."""
        line = " ".join((self.smoke.name or " ".join(self.smoke.run)).split())
        return line if len(line) <= 60 else f"{line[:59]}…"


def declared(config: Config, graph: Graph) -> tuple[Problem, ...]:
    """The globs of `[[smoke]]` that name no image."""
    return tuple(
        Problem(f"no image is called '{glob}'", smoke.where, nearest(glob, graph.nodes))
        for smoke in config.smokes
        for glob in smoke.images
        if not any(fnmatchcase(name, glob) for name in graph.nodes)
    )


def probes(config: Config, variant: str, graph: Graph, steps: tuple[Step, ...]) -> tuple[Probe, ...]:
    """The probes of a variant for the images of its steps; raises InputError where a glob names no image."""
    if problems := declared(config, graph):
        raise InputError(*problems)
    found: list[Probe] = []
    leaves = graph.leaves()
    for smoke in config.smokes:
        if smoke.variants and variant not in smoke.variants:
            continue
        globs = smoke.images or leaves
        found += [
            Probe(step.image, step.key, smoke)
            for step in steps
            if any(fnmatchcase(step.image, glob) for glob in globs)
        ]
    return tuple(found)


def judge(probe: Probe, report: ProbeReport) -> Verdict:
    """The verdict that a report allows."""
    match report:
        case Ran(exit_code=0, tail=tail, seconds=seconds):
            return _verdict(probe, Result.PASSED, "", (seconds, tail))
        case Ran(exit_code=code, tail=tail, seconds=seconds):
            why = "out of memory, or killed (exit 137)" if code == 137 else f"exit {code}"
            return _verdict(probe, Result.FAILED, why, (seconds, tail))
        case TimedOut(tail=tail, seconds=seconds):
            return _verdict(probe, Result.FAILED, f"not done within {seconds:.0f} s", (seconds, tail))
        case NotStarted(why=why, no_gpu=no_gpu):
            result = Result.INCONCLUSIVE if no_gpu else Result.FAILED
            return _verdict(probe, result, why, (0.0, ()))


def _verdict(probe: Probe, result: Result, reason: str, seen: tuple[float, tuple[str, ...]]) -> Verdict:
    seconds, tail = seen
    return Verdict(
        probe.image, probe.key, probe.digest, probe.title, result, reason, seconds, tail, probe.smoke.gpu
    )


def order_of(probe: Probe, image_id: str) -> ProbeOrder:
    """What to run, in the image that the engine holds under the probe's key."""
    return ProbeOrder(image_id, probe.smoke.run, gpu=probe.smoke.gpu, timeout=probe.smoke.timeout)
