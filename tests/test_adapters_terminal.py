"""Progress for people: lines in logs, groups in CI, and a screen that fits its terminal."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from pipeline import show
from pipeline.adapters.terminal import lines, live, streams
from pipeline.adapters.terminal import watch as choice
from pipeline.adapters.terminal.lines import MOST_BYTES, SILENCE, GitHub, GitLab, Lines, Voice, nothing
from pipeline.errors import InputError
from pipeline.outcome import Blocked, Built, Failed, Pushed, Result, Verdict
from pipeline.plan import Action
from pipeline.ports import Began, Ended, Event, Moved, Progressed, Said
from pipeline.show import Board, Part, Row, Standing, Totals

Golden = Callable[[str, str], None]
KEY, OTHER = "0" * 64, "1" * 64
NAMES = {KEY: "base", OTHER: "child (gpu)"}


def events(log: str = "") -> list[Event]:
    """A short run."""
    return [
        Began(KEY, "base", "build"),
        Progressed(KEY, "base", "[1/2] FROM debian"),
        Progressed(KEY, "base", Moved(5, 10)),
        Progressed(KEY, "base", Said(("Get:1 bookworm", "##[add-mask]x ::warning::y"))),
        Ended(KEY, Built("base", KEY, "sha256:1", 72.0, 1_234_567_890, log)),
        Began(OTHER, "child", "build"),
        Progressed(OTHER, "child", Said(("no such package",))),
        Ended(OTHER, Failed("child", OTHER, "build", "images/child/Dockerfile:2: exit code: 1", log=log)),
        Ended("3", Blocked("leaf", "3", "build", ("child",))),
        Began(f"push:{KEY}", "base", "push"),
        Ended(f"push:{KEY}", Pushed("base", KEY, "sha256:2", 0.5)),
        Began(f"smoke:{KEY}:4", "base", "smoke"),
        Ended(f"smoke:{KEY}:4", Verdict("base", KEY, "4", "it runs", Result.INCONCLUSIVE, "no GPU here")),
    ]


def said(watch: Callable[[Callable[[str], None]], Lines], log: str = "") -> str:
    found: list[str] = []
    told = watch(found.append)
    for event in events(log):
        told(event)
    return "\n".join(found)


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "base.log"
    path.write_bytes(
        b"=== [2/2] RUN make\n\x1b[31mred\x1b[0m\n10%\r100%\n::error::forged\n##[group]forged\n\xff\n"
    )
    return str(path)


# lines


def test_elsewhere_than_on_a_terminal_each_event_is_a_line(golden: Golden) -> None:
    golden("lines.txt", said(lambda write: Lines(write, show.plain, NAMES, verbose=False)))


def test_verbose_lines_hold_all_that_builds_print_with_the_image_before_it(golden: Golden) -> None:
    golden("lines_verbose.txt", said(lambda write: Lines(write, show.plain, NAMES, verbose=True)))


def test_who_says_nothing_for_a_minute_says_what_still_runs() -> None:
    found: list[str] = []
    told = Lines(found.append, show.plain, NAMES, verbose=False)
    began = time.monotonic()
    for event in events()[:3] + events()[5:6]:
        told(event)
    found.clear()
    told.beat(began + SILENCE - 1)
    assert found == []
    told.beat(began + 180)
    assert found == ["still building base  [1/2] FROM debian, 3 min", "still building child (gpu)  3 min"]
    told(events()[4])
    found.clear()
    told.beat(time.monotonic() + SILENCE)
    assert found == ["still building child (gpu)  1 min"]
    found.clear()
    told.beat(time.monotonic())
    assert found == []


def test_lines_go_on_by_themselves_for_as_long_as_the_work_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "PAUSE", 0.001)
    monkeypatch.setattr(lines, "SILENCE", 0.0)
    said_it = threading.Event()

    def write(text: str) -> None:
        if text.startswith("still"):
            said_it.set()

    with choice.beating(Lines(write, show.plain, NAMES, verbose=False)) as told:
        told(events()[0])
        assert said_it.wait(10)


def test_a_github_log_has_a_group_for_each_build_in_which_nothing_is_obeyed(
    golden: Golden, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "token")
    golden("lines_github.txt", said(lambda write: GitHub(write, show.plain, NAMES, verbose=False), log))


def test_a_gitlab_log_has_a_closed_section_for_each_build(
    golden: Golden, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000_000.5)
    text = said(lambda write: GitLab(write, show.plain, NAMES, verbose=False), log)
    golden("lines_gitlab.txt", text.replace("\x1b", "<ESC>").replace("\r", "<CR>"))


def test_a_forged_message_is_no_second_order_to_the_runner() -> None:
    found: list[str] = []
    watch = GitHub(found.append, show.plain, {}, verbose=False)
    watch(Ended("1", Failed("a,b:c", "1", "build", "50%\n::set-env name=X::1")))
    assert found[0] == "::error title=a%2Cb%3Ac (build)::50%25%0A::set-env name=X::1"


def test_a_log_that_is_gone_or_huge_is_said_to_be(tmp_path: Path) -> None:
    found: list[str] = []
    watch = GitLab(found.append, show.plain, {}, verbose=False)
    watch(Ended("1", Built("a", KEY, "i", 1.0, 1, str(tmp_path / "none.log"))))
    assert found[1] == "the log cannot be read: no such file or directory"
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * MOST_BYTES + b"\nend\n")
    watch(Ended("1", Built("a", KEY, "i", 1.0, 1, str(path))))
    assert found[4] == f"(the first 5 B are in {path} only)"
    assert found[-2] == "end"


@pytest.mark.parametrize(
    ("voice", "environment", "kind"),
    [
        (Voice.NORMAL, {}, Lines),
        (Voice.NORMAL, {"CI": "true"}, Lines),
        (Voice.NORMAL, {"GITHUB_ACTIONS": "true"}, GitHub),
        (Voice.NORMAL, {"GITLAB_CI": "true"}, GitLab),
        (Voice.VERBOSE, {"GITHUB_ACTIONS": "true"}, Lines),
    ],
)
def test_the_log_decides_how_lines_are_grouped(
    voice: Voice, environment: dict[str, str], kind: type[Lines]
) -> None:
    assert type(choice.lines({}, voice, environment)) is kind


def test_quiet_is_silent_and_verbose_gives_the_runner_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    with choice.watching((), 1, Voice.QUIET) as watch:
        assert watch is nothing
        for event in events():
            watch(event)
    assert capsys.readouterr().err == ""
    with choice.watching((), 1, Voice.VERBOSE) as watch:
        for event in events():
            watch(event)
    err = capsys.readouterr().err
    assert "base | # #[add-mask]x" in err
    assert not any(line.startswith("::") for line in err.splitlines())


def test_the_end_of_a_failed_build_gives_the_runner_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    failed = Failed("a", KEY, "build", "exit code: 1", tail=("##[add-mask]x", "::warning::y"))
    for block in show.failures_text((failed,), " ".join, show.plain):
        streams.say(block)
    err = capsys.readouterr().err
    assert "  │ # #[add-mask]x" in err
    assert not any(line.startswith("::") for line in err.splitlines())


# the screen


def rows() -> tuple[Row, ...]:
    return (
        Row("base-notebook", "", Standing.REUSED),
        Row("minimal-notebook", "├─ ", Standing.BUILT, "1.2 GB", 72.0),
        Row("scipy-notebook", "│  ├─ ", Standing.BUILDING, "[4/9] RUN a  'b'\nof two lines", 34.0, 125.0),
        Row("データ科学", "│  ├─ ", Standing.PULLING, "12.0 MB of 45.0 MB 3 of 9 レイヤー", 3725.0),
        Row("r-notebook", "│  └─ ", Standing.FAILED, "images/r/Dockerfile:3: exit code: 1", 7.0),
        Row("rpy", "│     └─ ", Standing.BLOCKED, "by r-notebook"),
        Row("a-name-that-is-rather-long-for-an-image-of-any-kind", "├─ ", Standing.WAITING, "", None, 600.0),
        Row("evil\x1b[2J\u202ename", "└─ ", Standing.PROBING, "\x1b]0;title\x07step", 1.0),
    )  # fmt: skip


TOTALS = Totals(7, 3, 3, 1, 1, 345_000_000, 250.0, 725.0)


def picture(seen: tuple[Row, ...], width: int, height: int, plain: bool = False) -> list[str]:
    return [line.plain for line in live.frame((seen, TOTALS), (width, height), 0, plain)]


@pytest.mark.parametrize(("width", "height"), [(40, 15), (80, 24), (200, 50), (40, 6)])
def test_a_picture_is_as_it_was(width: int, height: int, golden: Golden) -> None:
    found = picture(rows(), width, height)
    golden(f"screen_{width}x{height}.txt", "\n".join(line.rstrip() for line in found))


def test_where_only_ascii_can_be_shown_the_picture_is_ascii() -> None:
    found = picture(
        tuple(row for row in rows() if row.name.isascii() and row.name.isprintable()), 80, 24, True
    )
    assert "\n".join(found).isascii()


def test_what_is_cut_off_ends_in_a_mark_in_wide_letters_too() -> None:
    (line, _) = picture((Row("本" * 10, "", Standing.WAITING),), 40, 9)
    assert line.rstrip().endswith("本…")
    assert cell_len(line) == 40


names = st.text(st.sampled_from("abc-é本\u0301\x1b\n🐍"), min_size=1, max_size=70)


@given(
    st.lists(
        st.builds(Row, names, st.just("├─ "), st.sampled_from(Standing), names, st.floats(0, 1e6)), max_size=9
    ),
    st.integers(20, 130),
    st.integers(3, 12),
)
def test_no_picture_is_wider_or_higher_than_its_terminal(seen: list[Row], width: int, height: int) -> None:
    found = picture(tuple(seen), width, height)
    assert len(found) < height
    assert max(map(cell_len, found)) <= width
    assert all(letter.isprintable() for line in found for letter in line)


def test_two_hundred_images_are_those_that_run_and_a_count() -> None:
    many = tuple(
        Row(f"image-{number}", "", Standing.BUILDING if number % 50 == 7 else Standing.WAITING)
        for number in range(200)
    )
    found = picture(many, 80, 10)
    assert len(found) == 9
    assert [line.split()[1] for line in found[:4]] == ["image-7", "image-57", "image-107", "image-157"]
    assert found[-2] == "  … 193 more: 193 waiting"


class Terminal:
    """A screen on a stream that is taken for a terminal of any size."""

    def __init__(self, width: int = 60, height: int = 12) -> None:
        self.out = io.StringIO()
        self.console = Console(
            file=self.out, width=width, height=height, force_terminal=True, color_system=None
        )
        self.board = Board((Part(KEY, "base", "", (), Action.BUILD, None),), 1, 0.0)
        self.screen = live.Screen(self.board, show.plain, self.console)


def test_what_ended_is_kept_above_what_runs() -> None:
    terminal = Terminal()
    with terminal.screen as screen, streams.talking(screen.say):
        screen.watch(Began(KEY, "base", "build"))
        screen.watch(Ended(KEY, Built("base", KEY, "sha256:1", 72.0, 1_234_567_890, "")))
        streams.say("waits for room on the disk")
    text = terminal.out.getvalue()
    assert "built base  1 min 12 s, 1.2 GB\n" in text
    assert "waits for room on the disk\n" in text
    # nothing of the picture stays
    assert text.endswith("\x1b[?25h\r\x1b[1A\x1b[2K\r\x1b[1A\x1b[2K") or text.rstrip("\x1b[2K1A\r").endswith(
        "\x1b[?25h"
    )


def test_a_terminal_of_another_size_is_drawn_from_its_top() -> None:
    terminal = Terminal()
    screen = terminal.screen
    screen._live.start()
    screen.say("kept")
    screen._step()
    before = len(terminal.out.getvalue())
    terminal.console.width = 40
    screen._step()
    screen._step()
    screen._live.stop()
    after = terminal.out.getvalue()[before:]
    assert after.count("\x1b[2J") == 1
    assert "kept\n" in after[after.index("\x1b[2J") :]


def test_a_terminal_that_takes_nothing_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.05)
    monkeypatch.setattr(live, "PAUSE", 0.01)
    stuck, free = threading.Event(), threading.Event()

    class Stopped(io.StringIO):
        def write(self, text: str) -> int:
            if "base" in text:
                stuck.set()
                free.wait(10)
            return len(text)

    terminal = Terminal()
    terminal.console.file = Stopped()
    with terminal.screen as screen:
        assert stuck.wait(10)
        for event in events():
            screen.watch(event)
    assert screen._thread.is_alive()
    free.set()


def test_a_terminal_that_is_gone_stops_nothing_and_is_no_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    monkeypatch.setattr(live, "PAUSE", 0.001)

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    terminal = Terminal()
    terminal.console.file = Gone()
    with terminal.screen as screen:
        for event in events():
            screen.watch(event)
        screen._thread.join(10)
        assert not screen._thread.is_alive()
    assert failures == []


@pytest.mark.parametrize(
    ("environment", "there"),
    [({}, True), ({"CI": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_a_screen_is_for_people_before_a_terminal(
    environment: dict[str, str], there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        for name in ("CI", "TERM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert choice.is_live() is there
    os.close(master)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert not choice.is_live()


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(
    environment: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert streams.colourful(Screen()) is colour
    assert not streams.colourful(io.StringIO())
    assert ("\x1b" in streams.paint_for(Screen())("x", "red")) is colour


def test_an_error_shows_control_characters_and_obeys_none(capsys: pytest.CaptureFixture[str]) -> None:
    streams.complain(InputError.of("no file 'a\x1b[2Jb\rc'", "im\x07ages:1", "try 'ü'"))
    assert capsys.readouterr().err == "error: im\\x07ages:1: no file 'a\\x1b[2Jb\\rc'\n  hint: try 'ü'\n"


def test_the_text_of_a_picture_is_taken_as_it_is() -> None:
    (line, _) = live.frame(((Row("a", "", Standing.BUILDING, "[red]RUN[/red]"),), TOTALS), (80, 9), 0)
    assert isinstance(line, Text)
    assert "[red]RUN[/red]" in line.plain
