"""What runs at once, and what waits: for room, for a disk, for another run."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from driving import Log, done, drive, named, probes_of, steps_of
from trees import after_building, graph, keys_of, records

from pipeline import build
from pipeline.adapters.pools import Turns
from pipeline.build import Limits, Task
from pipeline.errors import Problem
from pipeline.outcome import Failed, Outcome, Verdict
from pipeline.ports import Progressed, Waits

FULL = Problem("no room", hint="make some")


def test_a_full_disk_refuses_builds_once_nothing_runs_that_could_make_room() -> None:
    outcomes, log = drive(steps_of("a > b, c"), crowded=lambda: FULL)
    assert sorted(named(outcomes)) == [("Blocked", "b"), ("Failed", "a"), ("Failed", "c")]
    failed = [one for one in outcomes if isinstance(one, Failed)]
    assert {(one.message, one.hint) for one in failed} == {("no room", "make some")}
    assert log.began() == []


def test_a_disk_that_is_full_for_a_while_pauses_builds_and_nothing_else() -> None:
    steps = steps_of("a, b, c")
    answers = [None, FULL]
    outcomes, _ = drive(
        steps,
        unpushed=frozenset({steps[0].key}),
        jobs=1,
        crowded=lambda: answers.pop(0) if answers else None,
    )
    assert named(outcomes)[:2] == [("Built", "a"), ("Pushed", "a")]
    assert {kind for kind, _ in named(outcomes)} == {"Built", "Pushed"}
    assert len(outcomes) == 4


def test_a_full_disk_ends_a_fast_failing_run_at_once() -> None:
    outcomes, _ = drive(steps_of("a, b, c"), crowded=lambda: FULL, fail_fast=True)
    assert sorted(kind for kind, _ in named(outcomes)) == ["Blocked", "Blocked", "Failed"]


def test_what_another_run_builds_waits_for_that_and_takes_no_room_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build, "LOOK", 0.001)
    steps = steps_of("a > a1, b > b1")
    key = {step.image: step.key for step in steps}
    log, over = Log(), threading.Event()

    def work(task: Task) -> Outcome | Verdict:
        if task.step.image == "b1":
            over.set()
        return done(task)

    def elsewhere(asked: str) -> str:
        return "process 7" if asked == key["a"] and not over.is_set() else ""

    limits = log.limits(1, elsewhere=elsewhere)
    with ThreadPoolExecutor() as pool:
        outcomes = build.drive(build.tasks(steps, frozenset()), pool, work, log.events.append, limits)
    assert [image for _, image in named(outcomes)] == ["b", "b1", "a", "a1"]
    waits = [event for event in log.events if isinstance(event, Progressed)]
    assert waits == [Progressed(key["a"], "a", Waits("process 7"))]


def test_a_run_that_can_only_wait_for_another_goes_on_once_that_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build, "LOOK", 0.001)
    left = ["process 7", "process 7", "process 8"]
    outcomes, log = drive(steps_of("a > b"), elsewhere=lambda _: left.pop(0) if left else "")
    assert named(outcomes) == [("Built", "a"), ("Built", "b")]
    told = [event.word for event in log.events if isinstance(event, Progressed)]
    assert told == [Waits("process 7"), Waits("process 8")]


def test_a_run_that_can_only_wait_does_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "LOOK", 0.02)
    over, looks = threading.Event(), 0
    threading.Timer(0.1, over.set).start()

    def elsewhere(_: str) -> str:
        nonlocal looks
        looks += 1
        return "" if over.is_set() else "process 7"

    drive(steps_of("a"), elsewhere=elsewhere)
    # thousands, if it did not sleep in between
    assert looks < 50


def most_at_once(todo: tuple[Task, ...], limits: Limits, *kinds: str) -> int:
    """How many tasks of these kinds have run at the same time."""
    lock = threading.Lock()
    running = most = 0

    def work(task: Task) -> Outcome | Verdict:
        nonlocal running, most
        with lock:
            running += task.doing in kinds
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= task.doing in kinds
        return done(task)

    with ThreadPoolExecutor(16) as executor:
        build.drive(todo, executor, work, lambda _: None, limits)
    return most


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_no_more_runs_at_once_than_allowed_and_that_much_does(jobs: int) -> None:
    lock, gate = threading.Lock(), threading.Event()
    running, most = 0, 0

    def work(task: Task) -> Outcome | Verdict:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == jobs:
                gate.set()
        gate.wait(5)
        with lock:
            running -= 1
        return done(task)

    with ThreadPoolExecutor(8) as executor:
        todo = build.tasks(steps_of("a, b, c, d, e, f, g"), frozenset())
        build.drive(todo, executor, work, lambda _: None, Limits(jobs, lambda: None))
    assert most == jobs


def test_as_many_gpu_probes_run_at_once_as_there_are_gpus() -> None:
    steps = steps_of("a, b, c, d, e, f")
    for gpu in (1, 2):
        todo = build.tasks(steps, frozenset(), probes_of(steps, gpu=True))
        assert most_at_once(todo, Limits(8, lambda: None, gpu=gpu), build.SMOKE) == gpu


def test_a_heavy_build_takes_the_room_of_several_and_never_more_than_there_is() -> None:
    steps = steps_of("a, b, c, d")
    for weight in (3, 4, 9):
        limits = Limits(4, lambda: None, weights=dict.fromkeys("abcd", weight))
        assert most_at_once(build.tasks(steps, frozenset()), limits, build.BUILD) == 1


def test_transfers_take_no_room_from_builds() -> None:
    of = graph("a, b, c")
    steps = steps_of("a, b, c", after_building(records(of), "a", "b"))
    _, log = drive(steps, unpushed=keys_of(records(of), "a", "b"), jobs=1)
    assert sorted(log.began()[:3]) == [("a", "push"), ("b", "push"), ("c", "build")]


def test_builds_that_could_begin_together_do_so_one_by_one_the_most_urgent_first() -> None:
    told: list[float] = []

    def turn() -> float:
        # every other time it is another build's turn
        told.append(0.0 if len(told) % 2 == 0 else 0.001)
        return told[-1]

    _, log = drive(steps_of("a, b, c > d"), turn=turn)
    images = [image for image, _ in log.began()]
    assert images[0] == "c"
    assert sorted(images) == ["a", "b", "c", "d"]
    assert told.count(0.0) == 4
    assert told.count(0.001) >= 3


def test_a_turn_comes_when_its_time_has() -> None:
    turns = Turns(0.05)
    assert turns.take() == 0
    wait = turns.take()
    assert 0 < wait <= 0.05
    time.sleep(wait)
    assert turns.take() == 0


def test_what_is_no_build_does_not_wait_for_its_turn() -> None:
    steps = steps_of("a, b")
    pushed = frozenset(step.key for step in steps)
    outcomes, _ = drive(steps, unpushed=pushed, probes=probes_of(steps), turn=Turns(0.05).take)
    assert {kind for kind, _ in named(outcomes)[:3]} == {"Built", "Pushed", "Verdict"}
    assert len({image for _, image in named(outcomes)[:3]}) == 1
