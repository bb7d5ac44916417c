"""What is pruned, as text."""

from __future__ import annotations

from pipeline.digest import short
from pipeline.prune import Choice, Stored, Why
from pipeline.show.runs import columns
from pipeline.show.words import Paint, counted, size


def prune_text(choice: Choice, now: float, paint: Paint) -> str:
    """The images that go, and those that nobody needs and that stay for another reason; the oldest first."""
    rows = [("remove", *_cells(one, now), "") for one in choice.gone]
    rows += [
        ("keep", *_cells(one, now), str(why))
        for one, why in choice.kept
        if why not in {Why.NEEDED, Why.RUNNING}
    ]
    lines = columns(rows)
    return "\n".join(
        line.replace("remove", paint("remove", "yellow"), 1) if row[0] == "remove" else line
        for line, row in zip(lines, rows, strict=True)
    )


def _cells(one: Stored, now: float) -> tuple[str, str, str, str]:
    return one.image, short(one.key), size(one.size), f"{age(now - one.made)} old"


def prune_summary(choice: Choice, beside: tuple[int, int, int], *, done: bool) -> str:
    """What goes in all; `beside` counts runs with logs, their bytes, and states that were set aside."""
    runs, logs_size, states = beside
    parts = []
    if choice.gone:
        parts.append(f"{counted(len(choice.gone), 'image')} ({size(choice.freed)})")
    if runs:
        parts.append(f"the logs of {counted(runs, 'run')} ({size(logs_size)})")
    if states:
        parts.append(counted(states, "unreadable state"))
    if not parts:
        return f"nothing to remove; {size(choice.left)} are kept"
    what = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"removed {what}; {size(choice.left)} are kept" if done else f"{what} could go: --yes removes them"


def age(seconds: float) -> str:
    """How long ago something was: `3 days`."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return counted(int(seconds // length), unit)
    return counted(int(max(seconds, 0)), "second")
