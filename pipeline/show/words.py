"""Sizes, times and counts as people say them."""

from __future__ import annotations

from collections.abc import Callable

Paint = Callable[[str, str], str]
# what is drawn with, for those who can only be shown ASCII: a letter for a letter
ASCII = str.maketrans("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏✔✘·=…├─└│→", "|/-\\|/-\\|/+x.=~|-`|>")


def plain(text: str, colour: str) -> str:
    """No colour at all."""
    del colour
    return text


def visible(text: str) -> str:
    """The text with control characters escaped: names in a tree are data, and no orders to the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else repr(char)[1:-1] for char in text)


def one_line(text: str) -> str:
    """The text on one line: what an image says gives the terminal no orders, and is no line of ours."""
    return visible(" ".join(text.split()))


def size(count: int) -> str:
    """A number of bytes as people say it, in powers of ten."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit in {"B", "kB"} or value >= 100 else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """A time as people say it."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s"


def roughly(seconds: float) -> str:
    """A time that is only a guess: `3 min`."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 55:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 90 * 60:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h"


def clock(seconds: float) -> str:
    """A time that runs, in as few letters as can be: `0:07`, `1:02:03`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
