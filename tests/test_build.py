"""Drive a schedule of builds, pulls and pushes to its end."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from driving import Log, Now, done, drive, failing, named, probes_of, steps_of
from hypothesis import given
from hypothesis import strategies as st
from trees import after_building, graph, keys_of, records, stacks, subsets

from pipeline import build, plan
from pipeline.build import Limits, Task
from pipeline.outcome import Blocked, Failed, Outcome, Result, Verdict
from pipeline.plan import Known, Request
from pipeline.ports import Ended


def test_images_are_built_parents_first_and_everything_is_told() -> None:
    outcomes, log = drive(steps_of("base > scipy > tensorflow, base > r"), jobs=1)
    assert named(outcomes) == [("Built", name) for name in ("base", "scipy", "r", "tensorflow")]
    assert log.began() == [(name, "build") for name in ("base", "scipy", "r", "tensorflow")]
    ended = [(event.task, event.outcome) for event in log.events if isinstance(event, Ended)]
    assert ended == [(outcome.key, outcome) for outcome in outcomes]
    assert log.stops == 0


def test_the_longest_path_as_it_took_the_last_time_starts_first() -> None:
    steps = steps_of("a, b > c")
    assert drive(steps)[1].began()[0] == ("b", "build")
    assert drive(steps, seconds={"a": 30.0, "b": 1.0, "c": 1.0})[1].began()[0] == ("a", "build")


def test_an_image_that_was_never_built_is_taken_for_an_ordinary_one() -> None:
    steps = steps_of("a, b > c")
    assert drive(steps, seconds={"a": 30.0})[1].began()[0] == ("b", "build")
    assert drive(steps, seconds={"a": 30.0, "c": 1.0, "b": 1.0})[1].began()[0] == ("a", "build")


def test_a_failure_blocks_exactly_its_descendants_and_is_named_by_them() -> None:
    outcomes, log = drive(steps_of("base > scipy > tensorflow, base > r > s"), failing("scipy"))
    assert named(outcomes) == [
        ("Built", "base"),
        ("Built", "r"),
        ("Failed", "scipy"),
        ("Blocked", "tensorflow"),
        ("Built", "s"),
    ]
    blocked = outcomes[3]
    assert isinstance(blocked, Blocked)
    assert (blocked.by, blocked.doing) == (("scipy",), "build")
    assert Ended(blocked.key, blocked) in log.events


def test_what_is_blocked_names_what_blocked_it_and_no_other_failure() -> None:
    outcomes, _ = drive(steps_of("a > a2, b > b2"), failing("a", "b"))
    assert {o.image: o.by for o in outcomes if isinstance(o, Blocked)} == {"a2": ("a",), "b2": ("b",)}


def test_after_the_first_failure_a_fast_failing_run_starts_nothing_more() -> None:
    outcomes, _ = drive(steps_of("a > b > c, x > y > z"), failing("a"), jobs=1, fail_fast=True)
    assert named(outcomes)[0] == ("Failed", "a")
    assert {kind for kind, _ in named(outcomes)[1:]} == {"Blocked"}
    assert len(outcomes) == 6


def test_what_a_fast_failing_run_does_not_begin_is_told_from_what_stands_on_the_failure() -> None:
    outcomes, _ = drive(steps_of("a > b, x > y"), failing("a"), jobs=1, fail_fast=True, seconds={"a": 9.0})
    stopped = {one.image: one.stopped for one in outcomes if isinstance(one, Blocked)}
    assert stopped == {"b": False, "x": True, "y": True}


def test_an_exception_tells_what_runs_to_stop_and_leaves_once_it_has() -> None:
    def work(task: Task) -> Outcome | Verdict:
        raise KeyboardInterrupt

    log = Log()
    todo = build.tasks(steps_of("a > b"), frozenset())
    with pytest.raises(KeyboardInterrupt):
        build.drive(todo, Now(), work, log.events.append, log.limits())
    assert log.stops == 1
    assert log.began() == [("a", "build")]


def test_an_interruption_while_waiting_leaves_only_when_nothing_runs_any_more() -> None:
    started, stopped = threading.Event(), threading.Event()
    ended = []

    def work(task: Task) -> Outcome | Verdict:
        if task.step.image == "a":
            started.wait(5)
            raise KeyboardInterrupt
        started.set()
        stopped.wait(5)
        time.sleep(0.05)
        ended.append(task.step.image)
        return done(task)

    todo = build.tasks(steps_of("a, b"), frozenset())
    with ThreadPoolExecutor(2) as executor:
        with pytest.raises(KeyboardInterrupt):
            build.drive(todo, executor, work, lambda _: None, Limits(2, stopped.set))
        assert ended == ["b"]


def test_what_is_up_to_date_is_no_task_and_nothing_at_all_is_done_at_once() -> None:
    of = graph("base > scipy")
    steps = steps_of("base > scipy", after_building(records(of)))
    assert build.tasks(steps, frozenset()) == ()
    assert drive(steps)[0] == ()


def test_a_parent_is_pulled_before_its_child_is_built() -> None:
    of = graph("base > scipy")
    outcomes, _ = drive(steps_of("base > scipy", Known(registry=keys_of(records(of), "base"))))
    assert named(outcomes) == [("Pulled", "base"), ("Built", "scipy")]


def test_a_build_is_pushed_as_soon_as_it_is_done_and_a_pull_never() -> None:
    of = graph("base > scipy > r")
    known = Known(registry=keys_of(records(of), "base"))
    unpushed = keys_of(records(of), "base", "scipy", "r")
    outcomes, _ = drive(steps_of("base > scipy > r", known), unpushed=unpushed, jobs=1)
    assert named(outcomes) == [
        ("Pulled", "base"), ("Built", "scipy"), ("Built", "r"), ("Pushed", "scipy"), ("Pushed", "r"),
    ]  # fmt: skip


def test_what_was_built_before_and_not_pushed_is_only_pushed() -> None:
    of = graph("base > scipy")
    steps = steps_of("base > scipy", after_building(records(of)))
    outcomes, _ = drive(steps, unpushed=keys_of(records(of), "scipy"))
    assert named(outcomes) == [("Pushed", "scipy")]


def test_a_failed_push_blocks_no_build_and_a_failed_build_takes_its_push_along_silently() -> None:
    of = graph("base > scipy > r")
    outcomes, _ = drive(steps_of("base > scipy > r"), failing("push:base", "scipy"), keys_of(records(of)))
    assert sorted(named(outcomes)) == [
        ("Blocked", "r"),
        ("Built", "base"),
        ("Failed", "base"),
        ("Failed", "scipy"),
    ]


def test_a_probe_runs_once_its_image_is_built_and_beside_the_builds_of_others() -> None:
    steps = steps_of("base > scipy > r")
    outcomes, log = drive(steps, probes=probes_of(steps), jobs=2)
    assert log.began() == [
        ("base", "build"), ("scipy", "build"), ("base", "smoke"), ("r", "build"), ("scipy", "smoke"),
        ("r", "smoke"),
    ]  # fmt: skip
    assert {one.image: one.result for one in outcomes if isinstance(one, Verdict)} == dict.fromkeys(
        ("base", "scipy", "r"), Result.PASSED
    )


def test_an_image_that_is_up_to_date_is_probed_without_being_built() -> None:
    of = graph("base")
    steps = steps_of("base", after_building(records(of)))
    assert drive(steps, probes=probes_of(steps))[1].began() == [("base", "smoke")]


def test_a_failed_probe_blocks_nothing_and_an_image_that_failed_is_not_probed() -> None:
    steps = steps_of("base > scipy > r")
    outcomes, _ = drive(steps, failing("smoke:base", "scipy"), probes=probes_of(steps))
    assert [one.image for one in outcomes if isinstance(one, Verdict)] == ["base"]
    assert named(outcomes) == [
        ("Built", "base"), ("Failed", "scipy"), ("Blocked", "r"), ("Verdict", "base"),
    ]  # fmt: skip


def test_a_failed_probe_ends_a_fast_failing_run() -> None:
    steps = steps_of("base > scipy > r")
    outcomes, _ = drive(
        steps, failing("smoke:base"), probes=probes_of(steps[:1]), jobs=1, fail_fast=True, seconds={"r": 0.0}
    )
    assert ("Built", "base") in named(outcomes)
    assert ("Blocked", "r") in named(outcomes)
    assert all(one.stopped for one in outcomes if isinstance(one, Blocked))


def test_the_same_probe_of_one_key_in_two_variants_runs_once() -> None:
    steps = steps_of("base")
    assert len(build.tasks([*steps, *steps], frozenset(), [*probes_of(steps), *probes_of(steps)])) == 2


def test_any_executor_will_do_another_process_included() -> None:
    steps = steps_of("base > scipy, base > r")
    with ProcessPoolExecutor(2) as executor:
        todo = build.tasks(steps, frozenset(), probes_of(steps))
        outcomes = build.drive(todo, executor, done, lambda _: None, Limits(2, lambda: None))
    assert len(outcomes) == 6


def test_one_key_in_two_variants_is_one_task() -> None:
    cpu, gpu = graph("base > tensorflow"), graph("base > tensorflow")
    same, other = records(cpu), records(gpu, {"tensorflow": "gpu"})
    steps = [*plan.make(cpu, same, Known(), Request()), *plan.make(gpu, other, Known(), Request())]
    todo = build.tasks(steps, keys_of(same) | keys_of(other))
    assert [(task.doing, task.step.image) for task in todo] == [
        ("build", "base"), ("build", "tensorflow"), ("build", "tensorflow"),
        ("push", "base"), ("push", "tensorflow"), ("push", "tensorflow"),
    ]  # fmt: skip
    assert len({task.name for task in todo}) == len(todo)


@given(st.data(), stacks(), st.integers(1, 3))
def test_every_image_has_exactly_one_outcome_whatever_fails(
    data: st.DataObject, arrows: str, jobs: int
) -> None:
    of = graph(arrows)
    bad = data.draw(subsets(of))
    outcomes, log = drive(steps_of(arrows), failing(*bad), jobs=jobs)
    kinds = {outcome.image: type(outcome) for outcome in outcomes}
    assert sorted(outcome.image for outcome in outcomes) == sorted(of.order)
    roots = {name for name in bad if not (of.ancestors([name]) - {name}) & bad}
    assert {name for name, kind in kinds.items() if kind is Failed} == roots
    assert {name for name, kind in kinds.items() if kind is Blocked} == of.descendants(roots) - roots
    for outcome in outcomes:
        if isinstance(outcome, Blocked):
            assert set(outcome.by) <= of.ancestors([outcome.image]) & roots
    begun = [image for image, _ in log.began()]
    assert sorted(begun) == sorted(name for name, kind in kinds.items() if kind is not Blocked)
