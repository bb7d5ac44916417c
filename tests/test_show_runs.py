"""Runs of the past, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from trees import after_building, graph, records

from pipeline import plan, show
from pipeline.outcome import Blocked, Built, Failed, HeldBack, Promoted, Pushed, Result, Verdict
from pipeline.plan import Request
from pipeline.show import Growth, Past

Golden = Callable[[str, str], None]
STACK = graph("base > app, base > tool")
KEY = "0" * 64


def todo() -> dict[str, Any]:
    before, after = records(STACK), records(STACK, {"app": "new"})
    steps = plan.make(STACK, after, after_building(before), Request())
    return show.run_plan([("cpu", steps)])


def past(number: int, result: str, code: int | None, seconds: float | None, **more: Any) -> Past:
    return Past(
        number, "2026-11-25 09:05:00", "2026-11-25T08:05:00.000Z", seconds, f"stackbuild -j {number}", result,
        code, **{"plan": todo(), **more},
    )  # fmt: skip


HAPPENED = tuple(
    json.loads(json.dumps(show.happening(one)))
    for one in (
        Built("app", KEY, "sha256:1", 72.0, 1_234_567_890, "/logs/1/app.log"),
        Pushed("app", KEY, "sha256:2", 0.5),
        Failed("tool", KEY, "build", "exit code: 1"),
        Blocked("leaf", KEY, "build", ("tool", "app")),
        Blocked("other", KEY, "build", ("tool",), stopped=True),
        Verdict("app", KEY, "4", "it runs", Result.PASSED, "", 3.0),
        Verdict("app", KEY, "5", "it has a GPU", Result.INCONCLUSIVE, "no GPU here"),
        Promoted("app", "cpu", "sha256:2", ("lab/app:latest", "lab/app:2026")),
        HeldBack("tool", "cpu", "it failed"),
        Growth("app", 1_234_567_890, -34_000_000, 1, 12),
    )
)


def test_runs_are_listed_a_line_each(golden: Golden) -> None:
    runs = (
        past(12, "running", None, None),
        past(11, "interrupted", 130, 4.0),
        past(9, "done", 0, 0.3, plan={"cpu": {"images": {}, "up_to_date": 3}}),
    )
    golden("history.txt", show.runs_text(runs, show.plain))


def test_a_run_shows_what_it_was_to_do_and_why_and_what_came_of_it(golden: Golden) -> None:
    golden("history_run.txt", show.run_text(past(12, "failed", 1, 250.0, happenings=HAPPENED), show.plain))


def test_what_a_later_version_has_written_is_shown_as_far_as_it_goes() -> None:
    odd: tuple[dict[str, str], ...] = ({"kind": "signed", "image": "app"}, {"kind": "verdict"}, {})
    text = show.run_text(past(1, "done", 0, 1.0, happenings=odd), show.plain)
    assert "signed app" in text


def test_a_run_for_machines_is_as_documented() -> None:
    listed = show.run_json(past(11, "interrupted", 130, 4.0))
    assert set(listed) == {
        "run", "began", "seconds", "command", "result", "exit_code", "variants",
    }  # fmt: skip
    assert listed["variants"]["cpu"]["up_to_date"] == 2
    assert listed["variants"]["cpu"]["images"]["app"]["reasons"] == ["changed: file setup"]
    whole = show.run_json(past(12, "failed", 1, 250.0, happenings=HAPPENED))
    assert [one["kind"] for one in whole["happened"]] == [
        "built", "pushed", "failed", "blocked", "blocked", "verdict", "verdict", "promoted", "held back",
        "growth",
    ]  # fmt: skip
    assert json.loads(json.dumps(whole)) == json.loads(json.dumps(whole))


def test_growth_is_a_line_each_with_columns_in_line() -> None:
    text = show.growth_text([Growth("app", 5_000_000, 0, 0, 1), Growth("a-longer-one", 1, -2_000_000, 2, 12)])
    assert text.split("\n") == [
        "app           5.0 MB  +0 B     0 of 1 layer new",
        "a-longer-one  1 B     -2.0 MB  2 of 12 layers new",
    ]
    assert show.growth_text([]) == ""
