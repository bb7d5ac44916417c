"""Moves the names of what a run may promote."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from pipeline import publish
from pipeline.adapters import gitrepo
from pipeline.adapters.registry import Registry
from pipeline.outcome import HeldBack, Promoted, Verdict
from pipeline.run.decide import Ask, Decision, How
from pipeline.run.project import Project
from pipeline.run.worker import Worker


def run(
    project: Project,
    found: list[tuple[Decision, tuple[Verdict, ...]]],
    ask: Ask,
    how: How,
    worker: Worker,
) -> tuple[Promoted | HeldBack, ...]:
    """Move the names of every image that may be promoted."""
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    naming = publish.Naming(ask.registry, project.config.tags, today, gitrepo.commit(project.root))
    first = project.config.variant_names[0]
    promotions: list[publish.Promotion] = []
    held: list[HeldBack] = []
    for decision, verdicts in found:
        variant = decision.view.variant.name
        sources = {
            step.image: worker.digests[step.key] for step in decision.steps if step.key in worker.digests
        }
        may, why = publish.decide(decision.view.graph, sources, verdicts, allow_unsmoked=how.allow_unsmoked)
        for image, unsmoked in may.items():
            source = f"{ask.registry}/{publish.repository(image)[0]}@{sources[image]}"
            names = publish.names(naming, image, "" if variant == first else variant)
            promotions.append(publish.Promotion(image, variant, source, names, unsmoked))
        held += [HeldBack(image, variant, reason) for image, reason in why.items()]
        absent = [step.image for step in decision.steps if step.image not in sources]
        held += [HeldBack(image, variant, "it was not built and pushed") for image in absent]
    move: Callable[[str, tuple[str, ...]], None] = Registry(worker.engine).move
    clear, clashes = publish.distinct(promotions)
    return publish.move(clear, [*held, *clashes], move)
