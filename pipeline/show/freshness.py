"""Which images are still fresh, as text."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.freshness import Finding
from pipeline.show.words import Paint


def fresh_text(findings: Iterable[Finding], paint: Paint) -> str:
    """A line for each image, then the packages that moved and what could not be asked."""
    every = tuple(findings)
    if not every:
        return "nothing is built: there is nothing to ask"
    width = max(len(one.image) for one in every)
    lines = []
    for one in every:
        if one.reason:
            word, why = paint("stale", "yellow"), str(one.reason)
        elif one.doubt:
            word, why = paint("doubt", "red"), one.doubt
        else:
            word, why = paint("fresh", "green"), ""
        lines.append(f"{one.image:<{width}}  {word}  {why}".rstrip())
        lines += [f"{'':<{width}}         {moved}" for moved in one.moved]
        lines += [f"{'':<{width}}         not asked: {what}" for what in one.unasked]
    return "\n".join(lines)
