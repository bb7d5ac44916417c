"""Keeps the manifests of what a run has built or published, beside the generations."""

from __future__ import annotations

from pipeline import shelf
from pipeline.adapters.engine import Engine
from pipeline.adapters.state import State
from pipeline.adapters.terminal import warn
from pipeline.errors import InterruptedRunError, StackbuildError
from pipeline.publish import Place
from pipeline.run.decide import Decided
from pipeline.run.worker import Worker


def run(decided: Decided, registry: str, worker: Worker, world: tuple[Engine, State]) -> None:
    """Keep what is not kept yet of the images that are here and in the registry.

    What cannot be kept is a warning: names do not wait for it, and the next publication tries again.
    """
    if worker.remote is None:
        return
    place = Place(worker.remote, registry)
    pushed = {step.key: step for step in decided.steps if step.key in worker.digests}
    try:
        todo = shelf.missing(place, pushed)
        here = [(pushed[key].image, key, worker.image_ids[key]) for key in todo if key in worker.image_ids]
        if here:
            from pipeline.run import contents  # noqa: PLC0415 (docker is slow to import)

            for found in contents.gather(here, world).values():
                shelf.keep(place, found)
    except InterruptedRunError:
        raise
    except StackbuildError as error:
        warn(f"no manifests are kept: {error.problems[0].message}")
