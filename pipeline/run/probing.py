"""Runs the probes that a run has left open, and remembers their verdicts."""

from __future__ import annotations

import dataclasses
from concurrent.futures import Executor

from pipeline import smoke
from pipeline.adapters.state import State
from pipeline.outcome import Verdict
from pipeline.ports import Ended, Event, NotStarted, Watch
from pipeline.run.decide import Decision, How
from pipeline.run.worker import Worker


def run(decision: Decision, how: How, world: tuple[Worker, Executor, Watch]) -> tuple[Verdict, ...]:
    """The verdicts of a variant's open probes; those that are turned off are in doubt, not forgotten."""
    worker, executor, watch = world
    there = [probe for probe in decision.probes if probe.key in worker.image_ids]
    off = [probe for probe in there if how.gpu == "off" and probe.smoke.gpu]
    run = tuple(probe for probe in there if probe not in off)
    doubts = (smoke.judge(probe, NotStarted("GPU probes are off", no_gpu=True)) for probe in off)
    return (*smoke.run(run, worker.image_ids, worker.probes.run, executor, watch), *doubts)


def remembering(watch: Watch, state: State, worker: Worker) -> Watch:
    """A watch that stores each verdict as soon as it is given."""

    def remember(event: Event) -> None:
        if isinstance(event, Ended) and isinstance(event.outcome, Verdict):
            image_id = worker.image_ids[event.outcome.key]
            state.note_verdict(image_id, event.outcome, dataclasses.asdict(event.outcome))
        watch(event)

    return remember
