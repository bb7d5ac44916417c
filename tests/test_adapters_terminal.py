"""Progress for people: a line per event, or on a terminal what runs now, in the width that there is."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from pipeline import show
from pipeline.adapters import terminal
from pipeline.errors import InputError
from pipeline.outcome import Blocked, Built, Failed, Pushed, Result, Verdict
from pipeline.ports import Began, Ended, Event, Progressed

KEY = "0" * 64
BUILT = Built("base", KEY, "sha256:1", 72.0, 1_234_567_890, "/logs/base.log")
EVENTS: list[Event] = [
    Began("1", "base", "build"),
    Progressed("1", "base", "[1/2] FROM debian"),
    Ended("1", BUILT),
    Began("2", "child", "build"),
    Ended("2", Failed("child", KEY, "build", "exit code: 1")),
    Ended("3", Blocked("leaf", KEY, "build", ("child",))),
    Began("push:1", "base", "push"),
    Ended("push:1", Pushed("base", KEY, "sha256:2", 0.5)),
    Began("smoke:1", "base", "smoke"),
    Ended("smoke:1", Verdict("base", KEY, "4", "it runs", Result.INCONCLUSIVE, "no GPU on this engine")),
]


def test_elsewhere_than_on_a_terminal_each_event_is_a_line() -> None:
    said: list[str] = []
    watch = terminal._Lines(said.append, show.plain)
    for event in EVENTS:
        watch(event)
    assert said == [
        "building base",
        "built base  1 min 12 s, 1.2 GB",
        "building child",
        "failed child (build)  exit code: 1",
        "blocked leaf  by child",
        "pushing base",
        "pushed base  0.5 s",
        "probing base",
        "inconclusive base: it runs  no GPU on this engine",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_runs_is_one_line_each_whatever_the_width(width: int) -> None:
    running = terminal._Running(show.plain)
    names = [f"a-rather-long-image-name-number-{number}" for number in range(5)]
    for name in names:
        assert running.note(Began(name, name, "build")) == ""
    running.note(Progressed(names[0], names[0], "[3/9] RUN a long command\nof two lines " + "x" * 300))
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(running)
    lines = out.getvalue().splitlines()
    assert len(lines) == len(names)
    assert all(len(line) <= width for line in lines)
    assert all(re.search(r"\d\.\d s\s*$", line) for line in lines)
    assert running.note(Ended(names[0], BUILT)) == "built base  1 min 12 s, 1.2 GB"
    # what is said of a task that is over comes too late
    assert running.note(Progressed(names[0], names[0], "late")) == ""
    out = io.StringIO()
    Console(file=out, width=width).print(running)
    assert len(out.getvalue().splitlines()) == len(names) - 1


def test_the_step_and_the_name_are_shown_where_there_is_room() -> None:
    running = terminal._Running(show.plain)
    running.note(Began("1", "base-notebook", "build"))
    running.note(Progressed("1", "base-notebook", "[2/3] RUN [red]make[/red]"))
    out = io.StringIO()
    Console(file=out, width=100).print(running)
    assert re.fullmatch(r". base-notebook \[2/3\] RUN \[red\]make\[/red\] +0\.\d s\n", out.getvalue())


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
    assert terminal.colourful(Screen()) is colour
    assert not terminal.colourful(io.StringIO())
    assert ("\x1b" in terminal.paint_for(Screen())("x", "red")) is colour


def test_an_error_shows_control_characters_and_obeys_none(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.complain(InputError.of("no file 'a\x1b[2Jb\rc'", "im\x07ages:1", "try 'ü'"))
    assert capsys.readouterr().err == "error: im\\x07ages:1: no file 'a\\x1b[2Jb\\rc'\n  hint: try 'ü'\n"
