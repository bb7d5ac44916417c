"""Which probes of a variant are still to be run, and which verdicts of earlier runs stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pipeline import smoke
from pipeline.adapters.verdicts import Stored
from pipeline.config import Config, Smoke
from pipeline.graph import Graph
from pipeline.keys import KeyRecord
from pipeline.outcome import Verdict
from pipeline.plan import Step
from pipeline.smoke import Payload, Probe, cuda


@dataclass(frozen=True, slots=True)
class Ground:
    """What probes are chosen on.

    `payloads` are what the smokes bring along; `ids` the image that each key is, here or in the registry;
    `stored` the verdicts that are remembered, none where all probes are to be run again; `environment` gives
    the variables of a local image, none where there is no such image.
    """

    config: Config
    payloads: Mapping[Smoke, Payload]
    ids: Mapping[str, str]
    stored: Stored
    environment: Callable[[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Sorted:
    """Open probes, standing verdicts, and the probes of leaves that may turn out to stand on CUDA."""

    open: tuple[Probe, ...]
    settled: tuple[Verdict, ...]
    late: tuple[Probe, ...]


def sort(
    ground: Ground,
    variant: tuple[str, Graph, Mapping[str, KeyRecord]],
    steps: tuple[Step, ...],
    pinned: Callable[[str], str],
) -> Sorted:
    """The probes of one variant's steps, sorted; `pinned` is what a root is called with its locked digest."""
    name, graph, records = variant
    roots: dict[str, tuple[str, ...]] = {}
    for reference, image in cuda.unsure(graph).items():
        # what was built on it is at hand more often than the root itself
        built = ground.ids.get(records[image].key, "")
        variables = ground.environment(built) if built else ()
        roots[reference] = variables or ground.environment(pinned(reference))
    known = cuda.standing_on(graph, frozenset(r for r, variables in roots.items() if cuda.sets(variables)))
    unknown = cuda.standing_on(graph, frozenset(r for r, variables in roots.items() if not variables))
    every = smoke.probes(ground.config, name, graph, steps, ground.payloads, known)
    settled = {probe: verdict for probe in every if (verdict := _stands(probe, ground))}
    perhaps = smoke.probes(ground.config, name, graph, steps, ground.payloads, known | unknown)
    sure = frozenset(every)
    return Sorted(
        tuple(probe for probe in every if probe not in settled),
        tuple(settled.values()),
        tuple(probe for probe in perhaps if probe not in sure),
    )


def _stands(probe: Probe, ground: Ground) -> Verdict | None:
    """The verdict that stands on a probe; one of a GPU does only for its hardware, which is seen later."""
    if probe.smoke.gpu:
        return None
    return reused(probe, ground.stored.get((ground.ids.get(probe.key, ""), probe.digest), {}).get(""))


def reused(probe: Probe, verdict: Verdict | None) -> Verdict | None:
    """A remembered verdict, under the names that its image and probe have today."""
    if verdict is None:
        return None
    return replace(verdict, image=probe.image, key=probe.key, title=probe.title, reused=True)
