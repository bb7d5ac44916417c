"""Standard output for data, standard error for talk, and what either can show."""

from __future__ import annotations

import codecs
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from pipeline import show
from pipeline.adapters.progress import CONTROL
from pipeline.errors import FailedError, StackbuildError
from pipeline.show.words import ASCII, visible

CHUNK = 1 << 20
# who talks instead while something is drawn on the terminal, which other text would tear
_instead: list[Callable[[str], None]] = []


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
    if _instead:
        _instead[-1](text)
        return
    # a GitHub runner takes it for an order anywhere in a line, and no words of ours begin like that
    text = text.replace("##[", "# #[")
    _write(sys.stderr, f"{text}\n".encode(*_encoding(sys.stderr)))


def warn(text: str) -> None:
    """Talk of what is not as it should be, and ends nothing."""
    say(f"{paint_for()('warning', 'yellow')}: {text}")


@contextmanager
def talking(instead: Callable[[str], None]) -> Iterator[None]:
    """Have this say what is to be said, for as long as it is in charge of the terminal."""
    _instead.append(instead)
    try:
        yield
    finally:
        _instead.remove(instead)


def complain(error: StackbuildError) -> None:
    """Say what went wrong: every problem on its line, each with what to try."""
    paint = paint_for()
    for problem in error.problems:
        place = f"{problem.where}: " if problem.where else ""
        say(f"{paint('error', 'red')}: {visible(place + problem.message)}")
        if problem.hint:
            say(f"  hint: {visible(problem.hint)}")


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
    """Give a file's text on standard output, byte for byte; a terminal gets no orders from it."""
    if sys.stdout is not None and sys.stdout.isatty():
        put(visible(text.removesuffix("\n")))
        return
    _write(sys.stdout, text.encode("utf-8", "surrogateescape"))


def put_log(path: Path) -> None:
    """Give a log on standard output; on a terminal without what it would obey, else byte for byte."""
    try:
        with path.open("rb") as file:
            if sys.stdout is not None and sys.stdout.isatty():
                for line in file:
                    put(visible(CONTROL.sub("", line.decode("utf-8", "replace").rstrip("\r\n"))))
            else:
                while part := file.read(CHUNK):
                    _write(sys.stdout, part)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise FailedError.of(f"the log cannot be read: {why}", str(path)) from error


def _encoding(stream: TextIO | None) -> tuple[str, str]:
    encoding = (stream and stream.encoding) or "utf-8"
    return encoding, "replace" if is_utf8(stream) else _DRAWN


def _drawn(error: UnicodeError) -> tuple[str, int]:
    """What stands for letters that the stream has not: trees stay trees, all else is escaped."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end].translate(ASCII)
    return letters.encode("ascii", "backslashreplace").decode(), error.end


_DRAWN = "stackbuild.drawn"
codecs.register_error(_DRAWN, _drawn)


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
