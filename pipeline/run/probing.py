"""The probes that a run has left open: which of them run, and the verdicts that come of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from pipeline import smoke
from pipeline.adapters.state import State
from pipeline.outcome import Outcome, Verdict
from pipeline.ports import Ended, Event, NotStarted, Watch
from pipeline.run.decide import Decided, Decision, How
from pipeline.run.worker import Worker
from pipeline.smoke import Probe


def to_run(decided: Decided, how: How) -> tuple[Probe, ...]:
    """The open probes of all variants that are not turned off."""
    return tuple(
        probe for decision in decided.decisions for probe in decision.probes if not _is_off(probe, how)
    )


def verdicts(
    decision: Decision, how: How, worker: Worker, happened: Iterable[Outcome | Verdict]
) -> tuple[Verdict, ...]:
    """All verdicts on a variant's images that are there; what did not run is in doubt, not forgotten."""
    given = {(one.key, one.probe): one for one in happened if isinstance(one, Verdict)}
    found = list(decision.settled)
    for probe in decision.probes:
        if probe.key not in worker.image_ids:
            continue
        why = "GPU probes are off" if _is_off(probe, how) else "the probe was not run to its end"
        doubt = smoke.judge(probe, NotStarted(why, no_gpu=True))
        found.append(given.get((probe.key, probe.digest), doubt))
    return tuple(found)


def _is_off(probe: Probe, how: How) -> bool:
    return how.gpu == "off" and probe.smoke.gpu


def remembering(watch: Watch, state: State, worker: Worker) -> Watch:
    """A watch that stores each verdict as soon as it is given."""

    def remember(event: Event) -> None:
        if isinstance(event, Ended) and isinstance(event.outcome, Verdict):
            image_id = worker.image_ids[event.outcome.key]
            state.note_verdict(image_id, event.outcome, dataclasses.asdict(event.outcome))
        watch(event)

    return remember
