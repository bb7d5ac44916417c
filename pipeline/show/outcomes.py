"""What happened in a run, as text."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.outcome import (
    Blocked,
    Built,
    Failed,
    HeldBack,
    Outcome,
    Promoted,
    Pulled,
    Pushed,
    Result,
    Reused,
    Verdict,
)
from pipeline.ports import Retried
from pipeline.show.words import Paint, duration, one_line, size

RESULT_COLOURS = {Result.PASSED: "green", Result.FAILED: "red", Result.INCONCLUSIVE: "yellow"}


def outcome_line(outcome: Outcome | Verdict | Promoted | HeldBack, paint: Paint) -> str:  # noqa: PLR0911
    """One line on what happened."""
    match outcome:
        case Built():
            took = f"{duration(outcome.seconds)}, {size(outcome.size)}"
            return f"{paint('built', 'green')} {outcome.image}  {took}"
        case Pulled():
            took = f"{duration(outcome.seconds)}, {size(outcome.size)}"
            return f"{paint('pulled', 'green')} {outcome.image}  {took}"
        case Reused():
            return f"{paint('reused', 'green')} {outcome.image}  another run has built it"
        case Pushed():
            return f"{paint('pushed', 'green')} {outcome.image}  {duration(outcome.seconds)}"
        case Failed():
            return f"{paint('failed', 'red')} {outcome.image} ({outcome.doing})  {outcome.message}"
        case Blocked(stopped=True):
            return f"{paint('not begun', 'yellow')} {outcome.image}  {', '.join(outcome.by)} failed"
        case Blocked():
            return f"{paint('blocked', 'yellow')} {outcome.image}  by {', '.join(outcome.by)}"
        case Verdict():
            word = paint(str(outcome.result), RESULT_COLOURS[outcome.result])
            why = f"  {one_line(outcome.reason)}" if outcome.reason else f"  {duration(outcome.seconds)}"
            return f"{word} {outcome.image}: {one_line(outcome.title)}{why}"
        case Promoted():
            mark = paint("  (unsmoked)", "yellow") if outcome.unsmoked else ""
            return f"{paint('named', 'green')} {outcome.image}  {', '.join(outcome.names)}{mark}"
        case HeldBack():
            return f"{paint('held back', 'yellow')} {outcome.image}  {outcome.why}"


def unprobed_text(variant: str, images: Iterable[str], paint: Paint) -> str:
    """A warning of images that get names although no probe looks into them."""
    what = f"variant {variant}: no probe looks into {', '.join(images)}"
    hint = "what they stand on has passed, and so they get names: give them a [[smoke]] of their own"
    return f"{paint('warning', 'yellow')}: {what}\n  hint: {hint}"


def retry_line(retried: Retried, paint: Paint) -> str:
    """One line on a try that came to nothing, and when there will be another."""
    attempt = retried.attempt
    what = f"{paint('trying again', 'yellow')} {retried.image} ({retried.doing})"
    return f"{what} in {duration(attempt.wait)}, after try {attempt.number}: {attempt.why}"


def summary(
    outcomes: Iterable[Outcome], verdicts: Iterable[Verdict], names: Iterable[Promoted | HeldBack]
) -> str:
    """One line on a whole run: `8 built, 5 passed, 1 inconclusive`."""
    words = {
        Built: "built", Pulled: "pulled", Reused: "reused", Pushed: "pushed",
        Failed: "failed", Blocked: "blocked",
    }  # fmt: skip
    counts: dict[str, int] = {}
    for outcome in outcomes:
        stopped = isinstance(outcome, Blocked) and outcome.stopped
        word = "not begun" if stopped else words[type(outcome)]
        counts[word] = counts.get(word, 0) + 1
    for verdict in verdicts:
        word = f"probes {verdict.result}"
        counts[word] = counts.get(word, 0) + 1
    for name in names:
        word = "held back" if isinstance(name, HeldBack) else "named"
        counts[word] = counts.get(word, 0) + 1
    said = [f"{n} {word.replace('probes', 'probe') if n == 1 else word}" for word, n in counts.items()]
    return ", ".join(said) or "nothing to do"
