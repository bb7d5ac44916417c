"""The probes that a run has left open: which of them run, and the verdicts that come of them."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline import smoke
from pipeline.adapters import verdicts as remembered
from pipeline.adapters.state import State
from pipeline.outcome import Outcome, Verdict
from pipeline.ports import Ended, Event, NotStarted, Watch
from pipeline.run.decide import Ask, Decided, Decision
from pipeline.run.worker import Worker
from pipeline.smoke import Probe, cuda

LATE = "its root provides CUDA, which showed only once it was built: run again to probe it"


def to_run(decided: Decided, ask: Ask) -> tuple[Probe, ...]:
    """The open probes of all variants that are not turned off."""
    return tuple(
        probe
        for decision in decided.decisions
        for probe in decision.probes
        if not smoke.turned_off(probe, ask.smoke, ask.gpu)
    )


def verdicts(
    decision: Decision, ask: Ask, worker: Worker, happened: Iterable[Outcome | Verdict]
) -> tuple[Verdict, ...]:
    """All verdicts on a variant's images that are there; what did not run is in doubt, not forgotten."""
    given = {(one.key, one.probe): one for one in happened if isinstance(one, Verdict)}
    found = list(decision.settled)
    for probe in decision.probes:
        off = smoke.turned_off(probe, ask.smoke, ask.gpu)
        there = probe.key in worker.image_ids
        if there or (off and probe.key in worker.digests):
            doubt = _doubt(probe, off or "the probe was not run to its end")
            found.append(given.get((probe.key, probe.digest), doubt))
    return (*found, *(_doubt(probe, LATE) for probe in decision.late if _shows_now(probe, worker)))


def _doubt(probe: Probe, why: str) -> Verdict:
    return smoke.judge(probe, NotStarted(why, doubt=True))


def _shows_now(probe: Probe, worker: Worker) -> bool:
    """Whether the image that is there now turns out to stand on CUDA."""
    image_id = worker.image_ids.get(probe.key, "")
    return bool(image_id) and cuda.sets(worker.engine.environment(image_id))


def remembering(watch: Watch, state: State, worker: Worker) -> Watch:
    """A watch that stores each verdict as soon as it is given."""

    def remember(event: Event) -> None:
        if isinstance(event, Ended) and isinstance(event.outcome, Verdict) and not event.outcome.reused:
            remembered.note(state, worker.image_ids[event.outcome.key], event.outcome)
        watch(event)

    return remember
