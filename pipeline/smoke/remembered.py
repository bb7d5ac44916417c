"""Verdicts of earlier runs: which of them count today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline.outcome import Result, Verdict
from pipeline.smoke.probe import Probe

# by the image's id and the probe's digest: a verdict for each hardware, "" where none is needed
Stored = dict[tuple[str, str], dict[str, Verdict]]


def reused(probe: Probe, verdict: Verdict | None, now: float) -> Verdict | None:
    """A remembered verdict, under the names that its image and probe have today; None once it is too old."""
    if verdict is None or 0 < probe.smoke.max_age < now - verdict.at:
        return None
    return replace(verdict, image=probe.image, key=probe.key, title=probe.title, reused=True)


def stands(
    probe: Probe, known: Mapping[str, Verdict], now: float, *, any_gpu: bool = False
) -> Verdict | None:
    """The verdict that counts before anything is looked at; `known` are those on the image, by hardware.

    One of a GPU counts for its own hardware alone, which is seen later; with `any_gpu` a pass does wherever
    it was given, unless the probe has failed elsewhere.
    """
    if not probe.smoke.gpu:
        return reused(probe, known.get(""), now)
    fresh = [one for one in (reused(probe, verdict, now) for verdict in known.values()) if one]
    passed = [one for one in fresh if one.result is Result.PASSED and one.hardware]
    unsaid = not any_gpu or any(one.result is Result.FAILED for one in fresh)
    return None if unsaid or not passed else passed[0]


def joined(ours: Stored, theirs: Stored) -> Stored:
    """Two memories as one; theirs are asked for only where ours are silent or too old, and count then."""
    return {who: {**ours.get(who, {}), **theirs.get(who, {})} for who in {**ours, **theirs}}


def silent(probe: Probe, known: Mapping[str, Verdict], now: float) -> bool:
    """Whether nothing is remembered of a probe, or nothing that still counts."""
    return not any(reused(probe, verdict, now) for verdict in known.values())
