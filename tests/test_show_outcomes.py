"""What came of it, told: failures, a line for each outcome, the summary, sizes and times."""

from __future__ import annotations

import pytest
from test_show import Golden, coloured

from pipeline import show
from pipeline.outcome import (
    Blocked,
    Built,
    Failed,
    HeldBack,
    Outcome,
    Promoted,
    Pulled,
    Pushed,
    Result,
    Verdict,
)

FAILED = Failed(
    "scipy", "k", "build", "RUN pip install: exit 1", 12.0, ("Collecting x", "ERROR: no x"),
    ".stackbuild/logs/scipy.log", "look at line 7",
)  # fmt: skip


def again(images: tuple[str, ...]) -> str:
    return f"stackbuild build {' '.join(images)}"


def test_a_failure_shows_its_end_what_it_blocks_where_all_of_it_is_and_how_to_try_again(
    golden: Golden,
) -> None:
    blocked = [Blocked(name, "k", "build", (FAILED.image,)) for name in ("x", "y", "z")]
    other = Blocked("other", "k", "build", ("else",))
    (text,) = show.failures_text([FAILED, *blocked, other], again, show.plain)
    golden("failure.txt", text)


def test_a_failure_without_log_and_hint_says_nothing_of_them() -> None:
    (text,) = show.failures_text([Failed("a", "k", "push", "no")], again, show.plain)
    assert text == "a: push failed: no\n  again: stackbuild build a"


def test_one_cause_is_told_once_for_all_that_failed_of_it() -> None:
    full = [Failed(name, f"k{name}", "build", "no room", hint="make some") for name in "abc"]
    own = [Failed(name, f"k{name}", "build", "exit code: 1", tail=("why",)) for name in "de"]
    texts = show.failures_text([*full, *own, Blocked("x", "k", "build", ("b",))], again, show.plain)
    assert [text.partition(":")[0] for text in texts] == ["3 images (a, b, c)", "d", "e"]
    assert "blocks 1 image: x" in texts[0]
    assert "again: stackbuild build a b c" in texts[0]
    assert "blocks" not in texts[1]


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (Built("a", "k", "id", 65.4, 1_234_567_890, "log"), "built a  1 min 05 s, 1.2 GB"),
        (Pulled("a", "k", "id", 2.0, 512), "pulled a  2.0 s, 512 B"),
        (Pushed("a", "k", "sha256:x", 2.0), "pushed a  2.0 s"),
        (FAILED, "failed scipy (build)  RUN pip install: exit 1"),
        (Blocked("b", "k", "build", ("a", "x")), "blocked b  by a, x"),
        (Blocked("b", "k", "build", ("a",), stopped=True), "not begun b  a failed"),
        (Verdict("a", "k", "p", "it runs", Result.PASSED, "", 3.0), "passed a: it runs  3.0 s"),
        (Verdict("a", "k", "p", "it runs", Result.FAILED, "exit 1", 3.0), "failed a: it runs  exit 1"),
        (Verdict("a", "k", "p", "gpu", Result.INCONCLUSIVE, "no GPU"), "inconclusive a: gpu  no GPU"),
        (Promoted("a", "cpu", "sha256:x", ("r/a:1", "r/a:2")), "named a  r/a:1, r/a:2"),
        (Promoted("a", "cpu", "sha256:x", ("r/a:1",), unsmoked=True), "named a  r/a:1  (unsmoked)"),
        (HeldBack("a", "cpu", "red"), "held back a  red"),
    ],
)
def test_every_outcome_is_a_line(outcome: Outcome | Verdict | Promoted | HeldBack, line: str) -> None:
    assert show.outcome_line(outcome, show.plain) == line
    assert show.outcome_line(outcome, coloured).startswith("<")


def test_a_summary_counts_everything_that_happened() -> None:
    assert show.summary((), (), ()) == "nothing to do"
    built = Built("a", "k", "id", 1.0, 1, "")
    passed, failed = (Verdict("a", "k", "p", "t", result) for result in (Result.PASSED, Result.FAILED))
    names: list[Promoted | HeldBack] = [
        Promoted("a", "cpu", "d", ()),
        HeldBack("b", "cpu", ""),
        HeldBack("c", "cpu", ""),
    ]
    assert show.summary([built, FAILED, built], [passed, failed, passed], names) == (
        "2 built, 1 failed, 2 probes passed, 1 probe failed, 1 named, 2 held back"
    )


def test_what_was_not_begun_counts_as_that_and_a_failure_does_not_block_it() -> None:
    other = Blocked("other", "k", "build", (FAILED.image,), stopped=True)
    assert show.summary([FAILED, Blocked("x", "k", "build", ("scipy",)), other], (), ()) == (
        "1 failed, 1 blocked, 1 not begun"
    )
    (text,) = show.failures_text([FAILED, other], again, show.plain)
    assert "blocks" not in text


def test_stand_ins_are_said_a_line_each() -> None:
    assert show.stand_ins_text({"b": "x for b", "a": "y for a"}) == "stand-in: y for a\nstand-in: x for b"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_500_000, "1.5 MB"),
        (123_456_789, "123 MB"),
        (2e9, "2.0 GB"),
        (3e13, "30000 GB"),
    ],
)
def test_sizes_are_said_in_powers_of_ten(count: int, text: str) -> None:
    assert show.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (60, "1 min 00 s"),
        (119.6, "2 min 00 s"),
        (3700, "61 min 40 s"),
    ],
)
def test_times_are_said_in_seconds_or_minutes(seconds: float, text: str) -> None:
    assert show.duration(seconds) == text


def test_one_is_not_many() -> None:
    assert [show.counted(n, "root") for n in (0, 1, 2)] == ["0 roots", "1 root", "2 roots"]
