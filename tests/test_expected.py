"""How long a plan will take, as far as earlier builds tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import after_building, graph, records, stacks

from pipeline import plan
from pipeline.expected import Expected, expect
from pipeline.plan import Known, Request, Step

STACK = "base > left, base > right, base > middle"
TIMES = {"base": 10.0, "left": 3.0, "right": 2.0, "middle": 1.0}


def steps_of(arrows: str, known: Known | None = None) -> tuple[Step, ...]:
    of = graph(arrows)
    return plan.make(of, records(of), known or Known(), Request())


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 16.0), (2, 13.0), (3, 13.0)])
def test_a_plan_takes_as_long_as_its_jobs_allow(jobs: int, seconds: float) -> None:
    assert expect(steps_of(STACK), TIMES, jobs) == Expected(seconds, 4, 4)


def test_the_longest_way_goes_first() -> None:
    times = {"a": 1.0, "b": 4.0, "c": 4.0, "long": 1.0, "longer": 8.0}
    assert expect(steps_of("a, b, c, long > longer"), times, 2) == Expected(9.0, 5, 5)


def test_what_was_never_built_is_taken_for_an_ordinary_image_and_does_not_count_as_known() -> None:
    assert expect(steps_of("a, b, c, new"), {"a": 1.0, "b": 5.0, "c": 9.0}, 1) == Expected(20.0, 3, 4)


def test_without_any_earlier_build_nothing_is_expected() -> None:
    assert expect(steps_of(STACK), {"other": 1.0}, 2) is None


def test_what_is_not_built_takes_no_time() -> None:
    of = graph(STACK)
    known = after_building(records(of), "base", "left")
    assert expect(steps_of(STACK, known), TIMES, 1) == Expected(3.0, 2, 2)
    assert expect(steps_of(STACK, after_building(records(of))), TIMES, 1) is None


def test_one_build_that_two_variants_share_counts_once() -> None:
    steps = steps_of(STACK)
    assert expect((*steps, *steps), TIMES, 1) == Expected(16.0, 4, 4)


@given(stacks(), st.lists(st.integers(0, 9), min_size=10, max_size=10), st.integers(1, 4))
def test_no_plan_is_shorter_than_its_longest_way_or_its_share_or_longer_than_all_in_a_row(
    arrows: str, times: list[int], jobs: int
) -> None:
    steps = steps_of(arrows)
    seconds = {step.image: float(time) for step, time in zip(steps, times, strict=False)}
    found = expect(steps, seconds, jobs)
    ways: dict[str, float] = {}
    for step in steps:
        ways[step.key] = seconds[step.image] + max((ways[key] for key in step.parents), default=0.0)
    total = sum(seconds.values())
    assert found
    assert max(*ways.values(), total / jobs, 0.0) <= found.seconds <= total
