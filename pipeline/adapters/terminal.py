"""Progress for people: live on a terminal, a line per event elsewhere."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

from pipeline import show
from pipeline.errors import FailedError, StackbuildError
from pipeline.ports import Began, Ended, Event, Progressed, Retried, Watch

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

DOING = {"build": "building", "pull": "pulling", "push": "pushing", "smoke": "probing"}
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def colourful(stream: object = None) -> bool:
    """Whether colour belongs on the stream (standard error unless told otherwise)."""
    stream = stream or sys.stderr
    terminal = bool(getattr(stream, "isatty", lambda: False)())
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint_for(stream: object = None) -> show.Paint:
    """How text for the stream is coloured."""
    return (lambda text, colour: click.style(text, fg=colour)) if colourful(stream) else show.plain


def say(text: str = "") -> None:
    """Talk, on standard error; standard output is for data."""
    _write(sys.stderr, f"{text}\n".encode(*_encoding(sys.stderr)))


def complain(error: StackbuildError) -> None:
    """Say what went wrong: every problem on its line, each with what to try."""
    paint = paint_for()
    for problem in error.problems:
        place = f"{problem.where}: " if problem.where else ""
        say(f"{paint('error', 'red')}: {visible(place + problem.message)}")
        if problem.hint:
            say(f"  hint: {visible(problem.hint)}")


def visible(text: str) -> str:
    """The text with control characters escaped: names in a tree are data, and no orders to the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)


def crashed() -> None:
    """Say that the exception at hand is nobody's fault but ours, and put its traceback into a file."""
    with tempfile.NamedTemporaryFile("w", prefix="stackbuild-crash-", suffix=".txt", delete=False) as file:
        traceback.print_exc(file=file)
    say(f"error: stackbuild itself failed: {sys.exc_info()[1]!r}")
    say(f"  hint: this is a defect; please report it with {file.name}")


def put(text: str) -> None:
    """Give data, a line or more, on standard output."""
    _write(sys.stdout, f"{text}\n".encode(*_encoding(sys.stdout)))


def put_file(text: str) -> None:
    """Give a file's text on standard output, byte for byte as the file is."""
    _write(sys.stdout, text.encode("utf-8", "surrogateescape"))


def _encoding(stream: TextIO | None) -> tuple[str, str]:
    encoding = (stream and stream.encoding) or "utf-8"
    return encoding, "replace" if is_utf8(stream) else "backslashreplace"


def is_utf8(stream: TextIO | None) -> bool:
    """Whether the stream takes any text there is."""
    encoding = (stream and stream.encoding) or "utf-8"
    return encoding.lower().replace("-", "") == "utf8"


def _write(stream: TextIO | None, data: bytes) -> None:
    if stream is None:
        return
    try:
        stream.buffer.write(data)
        stream.flush()
    except OSError as error:
        # python must not try again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        # whoever read us has enough, or has closed the terminal: what we do goes on
        if isinstance(error, BrokenPipeError) or stream is sys.stderr:
            return
        why = (error.strerror or str(error)).lower()
        raise FailedError.of(f"the output cannot be written: {why}") from error


class _Lines:
    """A line per event."""

    def __init__(self, write: Callable[[str], None], paint: show.Paint) -> None:
        self._write = write
        self._paint = paint
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Began):
                self._write(f"{DOING[event.doing]} {event.image}")
            elif isinstance(event, Retried):
                self._write(show.retry_line(event, self._paint))
            elif isinstance(event, Ended):
                self._write(show.outcome_line(event.outcome, self._paint))


class _Running:
    """What runs now, as the lines that rich draws anew several times a second."""

    def __init__(self, paint: show.Paint) -> None:
        self._rows: dict[str, tuple[str, str, float]] = {}
        self._paint = paint
        self._lock = threading.Lock()

    def note(self, event: Event) -> str:
        """Take an event in; what it gives is a line to keep, or ""."""
        with self._lock:
            match event:
                case Began():
                    self._rows[event.task] = (event.image, DOING[event.doing], time.monotonic())
                case Progressed():
                    if event.task in self._rows:
                        image, _, began = self._rows[event.task]
                        self._rows[event.task] = (image, event.text, began)
                case Retried():
                    return show.retry_line(event, self._paint)
                case Ended():
                    self._rows.pop(event.task, None)
                    return show.outcome_line(event.outcome, self._paint)
        return ""

    def __rich__(self) -> RenderableType:
        from rich.table import Table  # noqa: PLC0415 (only a terminal needs it)
        from rich.text import Text  # noqa: PLC0415

        now = time.monotonic()
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=1)
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=24)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        with self._lock:
            rows = tuple(self._rows.values())
        frame = FRAMES[int(now * 8) % len(FRAMES)]
        for image, text, began in rows:
            grid.add_row(frame, Text(image), Text(" ".join(text.split())), show.duration(now - began))
        return grid


@contextmanager
def watching() -> Iterator[Watch]:
    """Somebody to tell what happens, for as long as the work takes."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or os.environ.get("CI"):
        yield _Lines(say, paint_for())
        return
    from rich.console import Console  # noqa: PLC0415 (only a terminal needs it)
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console: Console = Console(stderr=True, highlight=False)
    running = _Running(paint_for())
    with Live(running, console=console, refresh_per_second=8, transient=True, redirect_stdout=False):

        def watch(event: Event) -> None:
            if line := running.note(event):
                console.print(Text.from_ansi(line))

        yield watch
