"""A run as it goes on: how each image stands, what is left, and what is shown where not all of it fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import graph, records, stacks

from pipeline import plan, show
from pipeline.outcome import Blocked, Built, Failed, Pulled, Pushed, Result, Verdict
from pipeline.plan import Action, Known, Request
from pipeline.ports import Began, Ended, Moved, Progressed, Said, Waits
from pipeline.show import Board, Part, Row, Standing

ARROWS = "base > minimal > scipy > tensorflow, minimal > r"


def cast(*actions: Action, arrows: str = ARROWS, seconds: dict[str, float] | None = None) -> tuple[Part, ...]:
    """The parts of a stack, called by their names, with these actions (the others: build)."""
    found = graph(arrows)
    steps = plan.make(found, records(found), Known(), Request())
    named = {step.key: step.image for step in steps}
    made = []
    for number, part in enumerate(show.parts([("cpu", found, steps)], seconds or {})):
        action = actions[number] if number < len(actions) else part.action
        parents = tuple(named[key] for key in part.parents)
        made.append(
            Part(named[part.key], part.name, named.get(part.above, ""), parents, action, part.expected)
        )
    return tuple(made)


def standings(board: Board, now: float = 0.0) -> dict[str, str]:
    return {row.name: str(row.standing) for row in board.rows(now)}


def row(board: Board, name: str, now: float) -> Row:
    return next(row for row in board.rows(now) if row.name == name)


def verdict(image: str, result: Result) -> Ended:
    return Ended(f"smoke:{image}:1", Verdict(image, image, "1", "it runs", result, "no GPU here"))


def test_before_anything_happens_images_wait_or_are_reused() -> None:
    board = Board(cast(Action.REUSE, Action.PULL), 2, 0.0)
    assert standings(board) == {
        "base": "reused", "minimal": "waiting", "scipy": "waiting", "tensorflow": "waiting", "r": "waiting",
    }  # fmt: skip
    totals = board.totals(7.0)
    assert (totals.total, totals.done, totals.running, totals.seconds, totals.left) == (4, 0, 0, 7.0, None)


def test_a_tree_is_drawn_with_what_stands_on_an_image_below_it() -> None:
    board = Board(cast(), 2, 0.0)
    assert [f"{row.indent}{row.name}" for row in board.rows(0.0)] == [
        "base",
        "└─ minimal",
        "   ├─ r",
        "   └─ scipy",
        "      └─ tensorflow",
    ] or [f"{row.indent}{row.name}" for row in board.rows(0.0)] == [
        "base",
        "└─ minimal",
        "   ├─ scipy",
        "   │  └─ tensorflow",
        "   └─ r",
    ]


def test_an_image_that_another_run_builds_waits_and_says_for_whom() -> None:
    board = Board(cast(), 2, 0.0)
    board.note(Progressed("base", "base", Waits("process 7")), 1.0)
    assert row(board, "base", 2.0) == Row("base", "", Standing.WAITING, "waits for process 7")
    board.note(Began("base", "base", "build"), 3.0)
    assert row(board, "base", 4.0) == Row("base", "", Standing.BUILDING, "", 1.0)


def test_an_image_goes_from_waiting_over_what_is_done_about_it_to_what_came_of_it() -> None:
    board = Board(cast(), 2, 0.0)
    seen = []
    for event in (
        Began("base", "base", "build"),
        Ended("base", Built("base", "base", "id", 3.0, 5, "log")),
        Began("smoke:base:1", "base", "smoke"),
        Began("push:base", "base", "push"),
        Ended("push:base", Pushed("base", "base", "sha256:1", 1.0)),
        verdict("base", Result.PASSED),
    ):
        board.note(event, 1.0)
        seen.append(standings(board)["base"])
    assert seen == ["building", "built", "probing", "pushing", "probing", "pushed"]
    board.note(Began("minimal", "minimal", "pull"), 1.0)
    assert standings(board)["minimal"] == "pulling"
    board.note(Ended("minimal", Pulled("minimal", "minimal", "id", 1.0, 1)), 1.0)
    board.note(Ended("scipy", Failed("scipy", "scipy", "build", "exit 1")), 1.0)
    board.note(Ended("tensorflow", Blocked("tensorflow", "tensorflow", "build", ("scipy",))), 1.0)
    found = standings(board)
    assert (found["minimal"], found["scipy"], found["tensorflow"]) == ("pulled", "failed", "blocked")
    totals = board.totals(9.0)
    assert (totals.total, totals.done, totals.failed, totals.blocked, totals.running) == (5, 4, 1, 1, 0)


def test_what_a_failed_probe_has_said_no_push_makes_good() -> None:
    board = Board(cast(), 2, 0.0)
    board.note(verdict("base", Result.FAILED), 0.0)
    board.note(Ended("push:base", Pushed("base", "base", "sha256:1", 1.0)), 0.0)
    assert row(board, "base", 0.0).standing is Standing.FAILED
    assert row(board, "base", 0.0).text == "it runs: no GPU here"


def test_a_doubt_is_said_and_fails_nothing() -> None:
    board = Board(cast(), 2, 0.0)
    board.note(Ended("base", Built("base", "base", "id", 3.0, 5, "log")), 0.0)
    board.note(verdict("base", Result.INCONCLUSIVE), 0.0)
    assert row(board, "base", 0.0).standing is Standing.BUILT
    assert "no GPU here" in row(board, "base", 0.0).text


def test_a_running_image_shows_its_step_its_time_and_what_is_left_of_the_last_one() -> None:
    board = Board(cast(seconds={"base": 60.0}), 2, 0.0)
    assert row(board, "base", 0.0).left == 60.0
    board.note(Began("base", "base", "build"), 10.0)
    board.note(Progressed("base", "base", "[1/2] FROM debian"), 11.0)
    board.note(Progressed("base", "base", Said(("a line",))), 11.0)
    now = row(board, "base", 30.0)
    assert (now.text, now.seconds, now.left) == ("[1/2] FROM debian", 20.0, 40.0)
    # what takes longer than the last time is not expected to end in the past
    assert row(board, "base", 300.0).left == 0.0


def test_bytes_are_shown_while_they_move_and_counted_when_they_have() -> None:
    board = Board(cast(), 2, 0.0)
    board.note(Began("base", "base", "build"), 0.0)
    board.note(Progressed("base", "base", "FROM debian"), 0.0)
    board.note(Progressed("base", "base", Moved(1_500_000, 3_000_000)), 0.0)
    assert row(board, "base", 0.0).text == "1.5 MB of 3.0 MB FROM debian"
    board.note(Progressed("base", "base", Moved(3_000_000, 3_000_000)), 0.0)
    assert row(board, "base", 0.0).text == "3.0 MB FROM debian"
    # the same step, said once more, is no other one
    board.note(Progressed("base", "base", "FROM debian"), 0.0)
    assert row(board, "base", 0.0).text == "3.0 MB FROM debian"
    assert board.totals(0.0).moved == 3_000_000
    board.note(Progressed("base", "base", "RUN make"), 0.0)
    assert row(board, "base", 0.0).text == "RUN make"
    board.note(Ended("base", Built("base", "base", "id", 3.0, 5, "log")), 0.0)
    board.note(Began("push:base", "base", "push"), 0.0)
    board.note(Progressed("push:base", "base", Moved(7)), 0.0)
    assert board.totals(0.0).moved == 3_000_007


def test_what_is_left_is_the_rest_of_the_longest_path_where_there_are_jobs_enough() -> None:
    times = {"base": 10.0, "minimal": 20.0, "scipy": 30.0, "tensorflow": 40.0, "r": 5.0}
    board = Board(cast(seconds=times), 4, 0.0)
    assert board.totals(0.0).left == 100.0
    board.note(Began("base", "base", "build"), 0.0)
    assert board.totals(4.0).left == 96.0
    assert board.totals(15.0).left == 90.0
    board.note(Ended("base", Built("base", "base", "id", 16.0, 5, "log")), 16.0)
    assert board.totals(16.0).left == 90.0
    board.note(Ended("scipy", Failed("scipy", "scipy", "build", "exit 1")), 17.0)
    board.note(Ended("tensorflow", Blocked("tensorflow", "tensorflow", "build", ("scipy",))), 17.0)
    assert board.totals(17.0).left == 25.0


def test_an_image_without_a_time_is_taken_for_an_ordinary_one() -> None:
    assert Board(cast(seconds={"base": 10.0}), 1, 0.0).totals(0.0).left == 50.0
    assert Board(cast(), 1, 0.0).totals(0.0).left is None


def test_what_is_of_no_image_of_the_run_changes_nothing() -> None:
    board = Board(cast(), 2, 0.0)
    before = board.rows(0.0)
    board.note(Began("other", "other", "build"), 0.0)
    board.note(Progressed("base", "base", "late"), 0.0)
    board.note(Ended("other", Failed("other", "other", "build", "no")), 0.0)
    assert board.rows(0.0) == before


def test_variants_share_a_row_by_key_and_say_which_is_which_where_they_do_not() -> None:
    found = graph("base > app")
    one = records(found)
    other = records(found, {"app": "new"})
    made = show.parts(
        [
            ("cpu", found, plan.make(found, one, Known(), Request())),
            ("gpu", found, plan.make(found, other, Known(), Request())),
        ],
        {"app": 5.0},
    )
    assert [part.name for part in made] == ["base", "app (cpu)", "app (gpu)"]
    assert [part.expected for part in made] == [None, 5.0, 5.0]
    rows = Board(made, 2, 0.0).rows(0.0)
    assert [f"{row.indent}{row.name}" for row in rows] == ["base", "├─ app (cpu)", "└─ app (gpu)"]


def test_where_not_all_fits_what_runs_comes_first_and_the_rest_is_counted() -> None:
    kinds = [Standing.REUSED, Standing.BUILT, Standing.WAITING, Standing.BUILDING, Standing.FAILED]
    rows = tuple(Row(f"{kind}-{number}", "├─ ", kind) for number in range(2) for kind in kinds)
    kept, rest = show.fitting(rows, 6)
    assert [row.name for row in kept] == [
        "building-0", "building-1", "failed-0", "failed-1", "waiting-0",
    ]  # fmt: skip
    assert rest == {Standing.WAITING: 1, Standing.BUILT: 2, Standing.REUSED: 2}
    assert {row.indent for row in kept} == {""}
    assert show.fitting(rows, 10) == (rows, {})


@pytest.mark.parametrize("most", [0, 1])
def test_without_room_everything_is_counted(most: int) -> None:
    rows = (Row("a", "", Standing.BUILDING), Row("b", "", Standing.WAITING))
    assert show.fitting(rows, most) == ((), {Standing.BUILDING: 1, Standing.WAITING: 1})


@given(stacks(), st.integers(0, 9))
def test_every_image_is_shown_or_counted_and_never_more_than_fits(arrows: str, most: int) -> None:
    rows = Board(cast(arrows=arrows), 2, 0.0).rows(0.0)
    assert sorted(row.name for row in rows) == sorted(graph(arrows).order)
    kept, rest = show.fitting(rows, most)
    assert len(kept) + sum(rest.values()) == len(rows)
    assert len(kept) + bool(rest) <= max(most, 1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0:00"), (61, "1:01"), (3600, "1:00:00"), (36e4, "100:00:00")]
)
def test_a_clock_is_short(seconds: float, text: str) -> None:
    assert show.clock(seconds) == text
