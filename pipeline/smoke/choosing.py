"""Which probes which images get: the declared ones, and one for the GPU where nobody has declared any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from pipeline.config import Config, Smoke
from pipeline.errors import Problem
from pipeline.graph import Graph
from pipeline.plan import Step
from pipeline.smoke.probe import NOTHING, Payload, Probe
from pipeline.tomlfile import among

TAKEN = "an overlay's [[variant]] has put its Dockerfile into another image: name that one"


def declared(config: Config, images: Iterable[str], graphs: Mapping[str, Graph]) -> list[Problem]:
    """The globs of `[[smoke]]` that name no image of the trees, or none in the variants they are for.

    `images` are those of the trees, `graphs` those of the variants in use; of others nothing is known here.
    """
    there = tuple(images)
    problems = []
    for smoke in config.smokes:
        wanted = smoke.variants or config.variant_names
        seen = {name for variant in wanted if variant in graphs for name in graphs[variant].nodes}
        every = all(variant in graphs for variant in wanted)
        for glob in smoke.images:
            if not _named(glob, there):
                problem = Problem(f"no image is called '{glob}'", smoke.where, among(glob, there))
            elif every and not _named(glob, seen):
                these = f"variant {wanted[0]}" if len(wanted) == 1 else f"the variants {', '.join(wanted)}"
                problem = Problem(f"no image is called '{glob}' in {these}", smoke.where, TAKEN)
            else:
                continue
            problems.append(problem)
    return problems


def _named(glob: str, images: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for name in images)


def probes(
    config: Config,
    variant: str,
    graph: Graph,
    steps: tuple[Step, ...],
    payloads: Mapping[Smoke, Payload] | None = None,
    cuda: frozenset[str] = frozenset(),
) -> tuple[Probe, ...]:
    """The probes of a variant for the images of its steps.

    `payloads` are what the smokes bring along, `cuda` the images whose root provides CUDA.
    """
    found = [
        Probe(step.image, step.key, smoke, (payloads or {}).get(smoke, NOTHING))
        for smoke in config.smokes
        if not smoke.variants or variant in smoke.variants
        for names in (_images(smoke, graph),)
        for step in steps
        if step.image in names
    ]
    seen = {probe.image for probe in found if probe.smoke.gpu}
    default = next((one.default_probe for one in config.variants if one.name == variant), None)
    if default:
        wanted = (cuda & frozenset(graph.leaves())) - seen
        found += [
            Probe(step.image, step.key, default, (payloads or {}).get(default, NOTHING))
            for step in steps
            if step.image in wanted
        ]
    return tuple(found)


def _images(smoke: Smoke, graph: Graph) -> frozenset[str]:
    """The images that a smoke is for."""
    globs = smoke.images or tuple(graph.leaves())
    names = [name for name in graph.nodes if any(fnmatchcase(name, glob) for glob in globs)]
    return graph.descendants(names) if smoke.inherit else frozenset(names)


def turned_off(probe: Probe, policy: str, gpu: str) -> str:
    """Why a probe does not run although it could, or ""; `policy` and `gpu` are what was asked for."""
    if policy == "off":
        return "probes are off"
    return "GPU probes are off" if gpu == "off" and probe.smoke.gpu else ""
