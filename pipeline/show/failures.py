"""What has failed in a run, cause by cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.outcome import Blocked, Failed, Outcome
from pipeline.show.words import Paint, counted, visible

# images → the command that tries them again
Again = Callable[[tuple[str, ...]], str]


def failures_text(outcomes: Iterable[Outcome], again: Again, paint: Paint) -> tuple[str, ...]:
    """A block for each cause: what failed, its last words, what it blocks, how to try just that again."""
    every = tuple(outcomes)
    causes: dict[tuple[str, str, str], list[Failed]] = {}
    for outcome in every:
        if isinstance(outcome, Failed):
            # what a Dockerfile has at its line is its own cause; a full disk is everybody's
            own = outcome.key if outcome.tail else ""
            causes.setdefault((outcome.doing, outcome.message, own), []).append(outcome)
    return tuple(_block(failed, _blocked_by(failed, every), again, paint) for failed in causes.values())


def _block(failed: list[Failed], blocked: tuple[str, ...], again: Again, paint: Paint) -> str:
    first = failed[0]
    names = tuple(dict.fromkeys(one.image for one in failed))
    who = names[0] if len(names) == 1 else f"{counted(len(names), 'image')} ({', '.join(names)})"
    lines = [f"{paint(f'{who}: {first.doing} failed', 'red')}: {first.message}"]
    lines += [f"  │ {visible(line)}" for line in first.tail]
    if first.attempts:
        lines.append(f"  tried {len(first.attempts) + 1} times")
    if blocked:
        lines.append(f"  blocks {counted(len(blocked), 'image')}: {', '.join(blocked)}")
    lines += [f"  log: {one.log}" for one in failed if one.log]
    lines += [f"  hint: {first.hint}"] if first.hint else []
    lines.append(f"  again: {again(names)}")
    return "\n".join(lines)


def _blocked_by(failed: Iterable[Failed], outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    names = {one.image for one in failed}
    found = (
        one.image for one in outcomes if isinstance(one, Blocked) and not one.stopped and names & set(one.by)
    )
    return tuple(dict.fromkeys(found))
