"""Which probes of a variant are still to be run, and which verdicts of earlier runs stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pipeline import smoke
from pipeline.config import Config, Smoke
from pipeline.graph import Graph
from pipeline.keys import KeyRecord
from pipeline.outcome import Verdict
from pipeline.plan import Step
from pipeline.smoke import Payload, Probe, Stored, cuda


@dataclass(frozen=True, slots=True)
class Ground:
    """What probes are chosen on.

    `payloads` are what the smokes bring along; `ids` the image that each key is, here or in the registry;
    `stored` the verdicts that are remembered, none where all probes are to be run again, and `borrow` those
    that other machines gave on some of the probes. `variables` gives those that an image's build sets, here
    or in the registry, `environment` those of a local image: none where there is none. `now` is in seconds of
    Unix time.
    """

    config: Config
    payloads: Mapping[Smoke, Payload]
    ids: Mapping[str, str]
    stored: Stored
    borrow: Callable[[Iterable[Probe]], Stored]
    variables: Callable[[str, str], tuple[str, ...]]
    environment: Callable[[str], tuple[str, ...]]
    now: float


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
        variables = ground.variables(image, records[image].key)
        roots[reference] = variables or ground.environment(pinned(reference))
    known = cuda.standing_on(graph, frozenset(r for r, variables in roots.items() if cuda.sets(variables)))
    unknown = cuda.standing_on(graph, frozenset(r for r, variables in roots.items() if not variables))
    every = smoke.probes(ground.config, name, graph, steps, ground.payloads, known)
    stored = smoke.joined(ground.stored, ground.borrow(every))
    settled = {probe: verdict for probe in every if (verdict := _stands(probe, ground, stored))}
    perhaps = smoke.probes(ground.config, name, graph, steps, ground.payloads, known | unknown)
    sure = frozenset(every)
    return Sorted(
        tuple(probe for probe in every if probe not in settled),
        tuple(settled.values()),
        tuple(probe for probe in perhaps if probe not in sure),
    )


def _stands(probe: Probe, ground: Ground, stored: Stored) -> Verdict | None:
    known = stored.get((ground.ids.get(probe.key, ""), probe.digest), {})
    return smoke.stands(probe, known, ground.now, any_gpu=ground.config.sharing.any_gpu)
