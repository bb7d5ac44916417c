"""`ci`: a pipeline for what is invalidated now."""

from __future__ import annotations

from pipeline import cifiles, plan
from pipeline.adapters.engine import Engine
from pipeline.adapters.state import State
from pipeline.cifiles import Pipeline
from pipeline.errors import InputError
from pipeline.plan import Known, Request
from pipeline.run.decide import Ask, decide, roots_of
from pipeline.run.project import LOCK, Opening, open_project, views


def run_ci(file: str, variants: tuple[str, ...], images: tuple[str, ...], told: Pipeline) -> Pipeline:
    """The pipeline for these variants and images (none: all), as it is `told` to be but for its jobs.

    What the registry has is not built; what only this machine's engine has is, because no job would find it.
    Raises InputError without a registry or a complete lock.
    """
    project = open_project(file, "", Opening(locked=True))
    registry = (told.registry or project.config.registry).rstrip("/")
    if not registry:
        hint = "give [project] a 'registry' in stacks.toml, or use --registry"
        raise InputError.of("jobs hand images over through a registry, and there is none", hint=hint)
    found = views(project, variants)
    if missing := sorted(roots_of(found).keys() - project.lock.roots.keys()):
        hint = "run `stackbuild lock`, and commit it: every job must build on the same roots"
        raise InputError.of(f"{LOCK} does not pin {', '.join(missing)}", hint=hint)
    wanted = plan.matching(project.tree.images, images)
    state = State(project.state, write=False)
    try:
        # as if names were to move: then the registry is asked for everything, whatever is remembered
        decided = decide(
            project, found, Ask(wanted, registry=registry, locked=True, publish=True), (Engine(), state)
        )
    finally:
        state.close()
    known = Known(registry=frozenset(decided.pushed), places=("registry",))
    steps = [
        (decision.view.variant.name, step)
        for decision in decided.decisions
        for step in plan.make(decision.view.graph, decision.records, known, Request(wanted))
    ]
    return Pipeline(cifiles.jobs(steps), registry, told.minutes, told.publish)
