"""Who watches a run: a screen on a terminal, lines for everybody else."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pipeline.adapters.terminal.lines import GitHub, GitLab, Lines, Voice, nothing
from pipeline.adapters.terminal.streams import paint_for, say, talking
from pipeline.ports import Watch
from pipeline.show import Board, Part

PAUSE = 5.0


@contextmanager
def watching(cast: tuple[Part, ...], jobs: int, voice: Voice = Voice.NORMAL) -> Iterator[Watch]:
    """Somebody to tell what happens, for as long as the work takes."""
    names = {part.key: part.name for part in cast}
    if voice is Voice.QUIET:
        yield nothing
    elif voice is Voice.NORMAL and is_live():
        # only a terminal needs it, and it is slow to import
        from pipeline.adapters.terminal.live import Screen  # noqa: PLC0415

        board = Board(cast, jobs, time.monotonic())
        with Screen(board, paint_for()) as screen, talking(screen.say):
            yield screen.watch
    else:
        with beating(lines(names, voice, os.environ)) as told:
            yield told


@contextmanager
def beating(told: Lines) -> Iterator[Lines]:
    """Have the lines go on where nothing happens."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(PAUSE):
            told.beat(time.monotonic())

    threading.Thread(target=beat, daemon=True, name="stackbuild-beat").start()
    try:
        yield told
    finally:
        over.set()


def is_live() -> bool:
    """Whether standard error is a terminal that can be drawn on, with a person before it."""
    dumb = os.environ.get("TERM") == "dumb" or os.environ.get("CI")
    return sys.stderr is not None and sys.stderr.isatty() and not dumb


def lines(names: Mapping[str, str], voice: Voice, environment: Mapping[str, str]) -> Lines:
    """The lines that this log shows best."""
    if voice is Voice.VERBOSE:
        return Lines(say, paint_for(), names, verbose=True)
    kind = Lines
    if environment.get("GITHUB_ACTIONS") == "true":
        kind = GitHub
    elif environment.get("GITLAB_CI") == "true":
        kind = GitLab
    return kind(say, paint_for(), names, verbose=False)
