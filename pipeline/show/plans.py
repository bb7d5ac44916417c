"""Plans as text and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from pipeline.digest import short
from pipeline.expected import Expected
from pipeline.graph import Graph
from pipeline.plan import Action, Cause, Reason, Step
from pipeline.show.graphs import tree_lines
from pipeline.show.words import Paint, roughly, visible

ACTION_COLOURS = {Action.BUILD: "yellow", Action.PULL: "cyan", Action.REUSE: "green"}


def plan_text(graph: Graph, steps: tuple[Step, ...], paint: Paint) -> str:
    """The steps of one variant as a tree, each with its action and reasons."""
    by_name = {step.image: step for step in steps}
    rows = list(tree_lines(graph, frozenset(by_name)))
    width = max((len(indent) + len(name) for indent, name in rows), default=0)
    lines = []
    for indent, name in rows:
        step = by_name.get(name)
        if step is None:
            lines.append(f"  {name}")
            continue
        action = paint(f"{step.action:<5}", ACTION_COLOURS[step.action])
        why = visible("; ".join(map(str, step.reasons)))
        gap = " " * (width - len(indent) - len(name))
        lines.append(f"  {indent}{name}{gap}  {action}  {short(step.key)}  {why}".rstrip())
    return "\n".join(lines)


def plan_json(steps: tuple[Step, ...]) -> dict[str, object]:
    """The steps of one variant as `{"images": {NAME: {"action", "key", "reasons", "why"}}}`.

    `reasons` are for people; `why` are the same as data.
    """
    return {
        "images": {
            step.image: {
                "action": str(step.action),
                "key": step.key,
                "reasons": [str(reason) for reason in step.reasons],
                "why": [reason_json(reason) for reason in step.reasons],
            }
            for step in steps
        }
    }


def reason_json(reason: Reason) -> dict[str, object]:
    """A reason as `{"cause"}`, with "images" or "places" it is about, or with the "parts" that changed."""
    found: dict[str, object] = {"cause": str(reason.cause)}
    if reason.about:
        found["places" if reason.cause is Cause.LOST else "images"] = list(reason.about)
    if reason.parts:
        found["parts"] = [asdict(part) for part in reason.parts]
    return found


def tally(steps: Iterable[Step]) -> str:
    """`5 to build, 3 up to date`."""
    words = {Action.BUILD: "to build", Action.PULL: "to pull", Action.REUSE: "up to date"}
    counts = dict.fromkeys(words, 0)
    for step in steps:
        counts[step.action] += 1
    return (
        ", ".join(f"{count} {words[action]}" for action, count in counts.items() if count) or "nothing to do"
    )


def stand_ins_text(stand_ins: Mapping[str, str]) -> str:
    """Which roots are not the real ones."""
    return "\n".join(f"stand-in: {what}" for _, what in sorted(stand_ins.items()))


def unlocked_text(roots: Iterable[str]) -> str:
    """Which roots count as they are named, because the lock does not know their digests."""
    return "\n".join(f"unlocked: {root} (counts as it is named; `stackbuild lock` pins it)" for root in roots)


def expected_text(expected: Expected) -> str:
    """How long a plan will take, and what tells so."""
    told = "all" if expected.known == expected.total else f"{expected.known} of {expected.total}"
    builds = "its build" if expected.total == 1 else f"{told} builds"
    return f"expected: about {roughly(expected.seconds)}, by earlier times of {builds}"
