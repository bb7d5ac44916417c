"""A run on a terminal: every image as it stands, drawn anew several times a second in the room there is."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from pipeline import show
from pipeline.ports import Ended, Event, Retried
from pipeline.show import Board, Row, Standing, Totals
from pipeline.show.words import ASCII, visible

PAUSE = 0.2
# a terminal that was stopped with Ctrl-S takes nothing: nobody waits longer for it than this
PATIENCE = 2.0
WIDE, WIDEST = 72, 132
NAMES = (12, 48)
# so many letters of a name are seen where the tree is drawn; it is not where it takes their room
LEAST = 6
# a terminal shows Ctrl-C, twice, behind the last line, which must not break
ECHO = 4
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
MARKS = {
    Standing.WAITING: ("·", "dim"),
    Standing.BLOCKED: ("-", "yellow"),
    Standing.FAILED: ("✘", "red"),
    Standing.REUSED: ("=", "dim"),
}
DONE = ("✔", "green")
ACTIVE = {
    Standing.BUILDING: "yellow",
    Standing.PULLING: "cyan",
    Standing.PUSHING: "cyan",
    Standing.PROBING: "magenta",
}


class Screen:
    """The view of a board for as long as it is entered.

    It draws in a thread of its own: whoever has something to tell never waits for the terminal.
    """

    def __init__(self, board: Board, paint: show.Paint, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._board = board
        self._paint = paint
        self._lock = threading.Lock()
        self._kept: list[str] = []
        self._recent: deque[str] = deque(maxlen=200)
        self._over = threading.Event()
        self._size: tuple[int, int] = self._console.size
        self._live = self._new()
        self._thread = threading.Thread(target=self._draw, daemon=True, name="stackbuild-screen")

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(PATIENCE)
        if not self._thread.is_alive():
            with contextlib.suppress(OSError):
                self._step()
                self._live.stop()

    def watch(self, event: Event) -> None:
        """Take in what happened."""
        with self._lock:
            self._board.note(event, time.monotonic())
            if isinstance(event, Ended):
                self._kept.append(show.outcome_line(event.outcome, self._paint))
            elif isinstance(event, Retried):
                self._kept.append(show.retry_line(event, self._paint))

    def say(self, text: str) -> None:
        """Keep a text above what is drawn."""
        with self._lock:
            self._kept += text.split("\n")

    def _new(self) -> Live:
        return Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def _draw(self) -> None:
        # whatever the terminal has, the build goes on
        with contextlib.suppress(OSError):
            while not self._over.wait(PAUSE):
                self._step()

    def _step(self) -> None:
        with self._lock:
            kept, self._kept = self._kept, []
        now = time.monotonic()
        size = width, height = self._console.size
        with self._lock:
            rows, totals = self._board.rows(now), self._board.totals(now)
        picture = frame((rows, totals), (width, height), int(now / PAUSE), self._plain)
        self._recent.extend(kept)
        with self._console:
            if size != self._size:
                self._size = size
                kept = self._begin_again(max(height - len(picture), 0))
            for line in kept:
                self._console.print(Text.from_ansi(line))
            self._live.update(Group(*picture), refresh=True)

    def _begin_again(self, room: int) -> list[str]:
        """Clear the screen: the terminal has broken old lines anew, and nobody knows where.

        Gives the lines that were on it.
        """
        self._live.stop()
        self._console.clear()
        self._live = self._new()
        self._live.start()
        return list(self._recent)[-room:] if room else []

    @property
    def _plain(self) -> bool:
        return not self._console.encoding.lower().startswith("utf")


def frame(
    seen: tuple[tuple[Row, ...], Totals], room: tuple[int, int], tick: int, plain: bool = False
) -> list[Text]:
    """The lines to draw, none of them wider than the room and not more of them than it is high."""
    rows, totals = seen
    width, height = min(room[0], WIDEST), room[1]
    kept, rest = show.fitting(rows, max(height - 2, 1))
    most = min(max(NAMES[0], width * 2 // 5), NAMES[1])
    if any(cell_len(row.indent) + min(cell_len(row.name), LEAST) > most for row in kept):
        kept = show.flat(kept)
    names = min(max((cell_len(_name(row)) for row in kept), default=0), most)
    lines = [_line(row, names, width, tick) for row in kept]
    if rest:
        counts = ", ".join(f"{count} {standing}" for standing, count in rest.items())
        lines.append(Text(_cut(f"  … {sum(rest.values())} more: {counts}", width), "dim"))
    last = max(width - ECHO, 1)
    lines.append(Text(_cut(_summary(totals, last), last), "bold"))
    if plain:
        lines = [_translated(line) for line in lines]
    for line in lines:
        line.no_wrap, line.overflow = True, "crop"
    return lines


def _translated(line: Text) -> Text:
    changed = line.copy()
    changed.plain = line.plain.translate(ASCII)
    return changed


def _line(row: Row, names: int, width: int, tick: int) -> Text:
    active = row.standing in ACTIVE
    mark = (FRAMES[tick % len(FRAMES)], ACTIVE[row.standing]) if active else MARKS.get(row.standing, DONE)
    line = Text.assemble(mark, " ", (_fit(_name(row), names), "" if active else mark[1]))
    time_ = show.clock(row.seconds) if row.seconds is not None else ""
    left = f"~{show.clock(row.left)}" if row.left else ""
    if width >= WIDE:
        line.append(f" {row.standing:<8}", mark[1])
        tail = f" {time_:>7} {left:>8}"
    else:
        tail = f" {time_ or left:>5}"
    line.append(_fit(f" {' '.join(visible(row.text).split())}", max(width - line.cell_len - len(tail), 0)))
    line.append(tail, "dim" if not active else "")
    line.truncate(width)
    return line


def _name(row: Row) -> str:
    return row.indent + visible(row.name).replace("\n", "\\n")


def _summary(totals: Totals, width: int) -> str:
    words = [
        f"{totals.done} of {totals.total} done",
        show.clock(totals.seconds),
        f"~{show.clock(totals.left)} left" if totals.left else "",
        f"{totals.failed} failed" if totals.failed else "",
        f"{totals.running} running" if totals.running else "",
        f"{totals.blocked} blocked" if totals.blocked else "",
        f"{show.size(totals.moved)} moved" if totals.moved else "",
    ]
    text = ""
    for word in filter(None, words):
        longer = f"{text} · {word}" if text else word
        if len(longer) > width:
            break
        text = longer
    return text


def _fit(text: str, width: int) -> str:
    return set_cell_size(_cut(text, width), width)


def _cut(text: str, width: int) -> str:
    """The text in so many cells, of which a wide letter takes two."""
    if cell_len(text) <= width:
        return text
    return f"{set_cell_size(text, width - 1).rstrip()}…" if width > 0 else ""
