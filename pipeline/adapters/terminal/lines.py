"""Progress as lines, for files and for logs of CI: a line per event, and the whole output where asked for."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipeline import show
from pipeline.adapters.progress import shown
from pipeline.outcome import Built, Failed
from pipeline.ports import Began, Ended, Event, Progressed, Retried, Said, Waits
from pipeline.show.words import visible

DOING = {"build": "building", "pull": "pulling", "push": "pushing", "smoke": "probing"}
COLOURS = ("cyan", "magenta", "blue", "bright_cyan", "bright_magenta", "bright_blue")
# as much of a log as is read by anybody; all of it stays in its file
MOST_BYTES = 1 << 20
# some CI ends a job that says nothing for ten minutes; in seconds
SILENCE = 60.0

Write = Callable[[str], None]


class Voice(StrEnum):
    """How much is said of a run that goes on."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


def nothing(event: Event) -> None:
    """Say nothing of it."""
    del event


@dataclass(slots=True)
class _Task:
    """What runs: since when, and the step that it has come to."""

    doing: str
    image: str
    began: float
    step: str = ""


class Lines:
    """A line per event; with `verbose` all output of builds as well, each line with its image."""

    def __init__(self, write: Write, paint: show.Paint, names: Mapping[str, str], *, verbose: bool) -> None:
        self._out = write
        self._paint = paint
        self._names = names
        self._verbose = verbose
        self._lock = threading.Lock()
        self._running: dict[str, _Task] = {}
        self._last = time.monotonic()

    def _write(self, text: str) -> None:
        self._last = time.monotonic()
        self._out(text)

    def beat(self, now: float) -> None:
        """Say what still runs, a line each, where nothing was said for long; `now` is monotonic."""
        with self._lock:
            if now - self._last < SILENCE:
                return
            for task in self._running.values():
                step = f"{' '.join(visible(task.step).split())}, " if task.step else ""
                self._write(f"still {task.doing} {task.image}  {step}{show.roughly(now - task.began)}")

    def __call__(self, event: Event) -> None:
        """Say what has happened."""
        with self._lock:
            self._follow(event)
            match event:
                case Began():
                    self._write(f"{DOING.get(event.doing, event.doing)} {event.image}")
                case Progressed(word=Waits(who=who)):
                    self._write(f"waiting {event.image}  it is built by {who}")
                case Progressed(word=Said(lines=lines)) if self._verbose:
                    prefix = self._prefix(event)
                    for line in lines:
                        self._write(f"{prefix}{line}")
                case Progressed(word=str(step)) if self._verbose:
                    self._write(f"{self._prefix(event)}{' '.join(step.split())}")
                case Retried():
                    self._write(show.retry_line(event, self._paint))
                case Ended():
                    self.ended(event)

    def _follow(self, event: Event) -> None:
        """Take in what runs."""
        match event:
            case Began():
                doing = DOING.get(event.doing, event.doing)
                self._running[event.task] = _Task(doing, self._name(event), time.monotonic())
            case Progressed(word=str(step)) if event.task in self._running:
                self._running[event.task].step = step
            case Ended():
                self._running.pop(event.task, None)

    def ended(self, event: Ended) -> None:
        """Say how a task ended."""
        self._write(show.outcome_line(event.outcome, self._paint))

    def _name(self, event: Began | Progressed) -> str:
        return self._names.get(show.key_of(event.task, self._names), event.image)

    def _prefix(self, event: Progressed) -> str:
        key = show.key_of(event.task, self._names)
        number = list(self._names).index(key) if key else 0
        return f"{self._paint(self._name(event), COLOURS[number % len(COLOURS)])} | "


class GitHub(Lines):
    """Lines for the log of a GitHub workflow: the output of each build in a group that can be opened."""

    def ended(self, event: Ended) -> None:
        """A group with the log of a build, and an annotation for a failure."""
        outcome = event.outcome
        line = show.outcome_line(outcome, self._paint)
        if isinstance(outcome, Failed):
            title = _property(f"{outcome.image} ({outcome.doing})")
            self._write(f"::error title={title}::{_data(outcome.message)}")
        if not isinstance(outcome, Built | Failed) or not outcome.log:
            self._write(line)
            return
        # what a build prints may look like an order to the runner, which obeys none until it hears the token
        token = secrets.token_hex(16)
        self._write(f"::group::{_data(line)}")
        self._write(f"::stop-commands::{token}")
        for text in log_lines(Path(outcome.log)):
            self._write(text)
        self._write(f"::{token}::")
        self._write("::endgroup::")


class GitLab(Lines):
    """Lines for the log of a GitLab job: the output of each build in a section, closed at first."""

    def ended(self, event: Ended) -> None:
        """A section with the log of a build, as long as the build took."""
        outcome = event.outcome
        line = show.outcome_line(outcome, self._paint)
        if not isinstance(outcome, Built | Failed) or not outcome.log:
            self._write(line)
            return
        now = int(time.time())
        name = re.sub(r"[^a-z0-9_.-]", "_", f"{outcome.image}-{outcome.key[:12]}".lower())
        began = now - int(outcome.seconds)
        self._write(f"\x1b[0Ksection_start:{began}:{name}[collapsed=true]\r\x1b[0K{line}")
        for text in log_lines(Path(outcome.log)):
            self._write(text)
        self._write(f"\x1b[0Ksection_end:{now}:{name}\r\x1b[0K")


def log_lines(path: Path) -> list[str]:
    """The end of a log, fit to be shown."""
    try:
        with path.open("rb") as file:
            skipped = max(0, path.stat().st_size - MOST_BYTES)
            file.seek(skipped)
            text = file.read().decode("utf-8", "replace")
    except OSError as error:
        return [f"the log cannot be read: {(error.strerror or str(error)).lower()}"]
    first = [f"(the first {show.size(skipped)} are in {path} only)"] if skipped else []
    return [*first, *(plain for line in text.split("\n") for plain in shown(line))]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
