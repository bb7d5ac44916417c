"""What is kept of runs: while they go on, when they end, when they are killed; and where their logs are."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_adapters_state import RECORD

from pipeline.adapters import attempts, logs, processes
from pipeline.adapters import history as adapter
from pipeline.adapters.history import History, Output
from pipeline.adapters.state import BuildNote, State
from pipeline.outcome import Attempt

PLAN = {
    "cpu": {"images": {"app": {"action": "build", "key": "k", "reasons": ["never built"]}}, "up_to_date": 1}
}
KEY = "0123456789ab" * 5 + "0123"


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(State(tmp_path, write=True))


def killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, this process is another one, which is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    gone = processes.owner().split(" ")
    monkeypatch.setattr(processes, "owner", lambda: f"{gone[0]} {process.pid} 1")


def test_a_run_is_there_from_its_beginning(history: History) -> None:
    number = history.begin("stackbuild -j 4", PLAN, ["a", "b"])
    (run,) = history.runs()
    assert (run.number, run.command, run.result, run.ended, run.exit_code, run.plan) == (
        number, "stackbuild -j 4", "running", None, None, PLAN,
    )  # fmt: skip
    assert history.needed() == {"a", "b"}
    assert history.running() == {number}


def test_a_run_takes_as_long_as_it_takes_whatever_is_done_to_the_clock(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = history.begin("stackbuild", PLAN, [])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    history.end(number, 0)
    (run,) = history.runs()
    assert run.ended is not None
    assert 0 <= run.ended - run.began < 60


@pytest.mark.parametrize(
    ("code", "result"), [(0, "done"), (1, "failed"), (3, "failed"), (130, "interrupted")]
)
def test_a_run_that_is_over_says_how_it_ended_and_needs_nothing(
    history: History, code: int, result: str
) -> None:
    number = history.begin("stackbuild", PLAN, ["a"])
    history.end(number, code)
    run = history.run(number)
    assert run
    assert (run.result, run.exit_code) == (result, code)
    assert run.ended is not None
    assert run.ended >= run.began
    assert history._state.rows("select needs from runs") == [("[]",)]
    assert not history.needed()
    assert not history.running()


def test_a_run_that_was_killed_is_not_taken_for_one_that_goes_on(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(monkeypatch)
    number = history.begin("stackbuild", PLAN, ["a"])
    run = history.run(number)
    assert run
    assert run.result == "killed"
    assert not history.needed()
    assert not history.running()


def test_what_happens_comes_back_in_order_and_of_its_run_alone(history: History) -> None:
    one, other = history.begin("a", PLAN, []), history.begin("b", PLAN, [])
    history.note(one, {"kind": "built", "key": "k1"}, {"kind": "pushed", "key": "k1"})
    history.note(other, {"kind": "pulled", "key": "k2"})
    history.note(one, {"kind": "failed", "key": "k3"})
    assert [what["kind"] for what in history.happenings(one)] == ["built", "pushed", "failed"]
    assert [run.number for run in history.runs()] == [other, one]
    assert [run.number for run in history.runs(1)] == [other]
    assert history.run(99) is None
    assert set(history.last_made()) == {"k1", "k2"}


def test_a_build_that_an_older_state_knows_counts_as_made_then(tmp_path: Path) -> None:
    state = State(tmp_path, write=True)
    state.note_build(BuildNote(RECORD, RECORD.key, "sha256:4", 1.5, 42, "/logs/one.log"))
    assert set(History(state).last_made()) == {RECORD.key}
    assert History(state).last_log(RECORD.key) == "/logs/one.log"
    assert History(state).last_log("none") == ""


def test_numbers_are_never_given_twice(history: History) -> None:
    first = history.begin("a", PLAN, [])
    history._state.change("delete from runs where number = ?", [(first,)])
    assert history.begin("b", PLAN, []) > first


def test_of_many_runs_the_last_are_remembered_and_of_all_what_they_have_pulled(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "KEPT", 2)
    old = history.begin("old", PLAN, [])
    history.note(old, {"kind": "pulled", "key": "k1"}, {"kind": "failed", "key": "k2"})
    attempts.note(history._state, ("app", "k2", "build"), Attempt(1, "why", 1.0))
    at = history.last_made()["k1"]
    other = history.begin("other", PLAN, [])
    attempts.note(history._state, ("app", "k3", "build"), Attempt(1, "why", 1.0))
    last = history.begin("last", PLAN, [])
    assert [run.number for run in history.runs()] == [last, other]
    assert history.happenings(old) == []
    assert history.last_made() == {"k1": at}
    assert attempts.of_key(history._state, "k2") == ()
    assert len(attempts.of_key(history._state, "k3")) == 1
    history.note(last, {"kind": "pulled", "key": "k1"})
    assert history.last_made()["k1"] > at
    history.begin("another", PLAN, [])
    assert history.happenings(last)


def test_an_output_is_that_of_the_last_build_in_its_variant(history: History) -> None:
    history.note_output("cpu", "app", Output("k1", 5, ("a", "b")))
    history.note_output("cpu", "app", Output("k2", 6, ("a", "c")))
    assert history.output("cpu", "app") == Output("k2", 6, ("a", "c"))
    assert history.output("gpu", "app") is None


# logs


def write(state: Path, number: int, image: str, key: str = KEY, at: int = 0) -> Path:
    path = logs.folder(state, number) / logs.name(image, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(image)
    os.utime(path, (at, at))
    return path


def test_the_newest_log_of_an_image_is_found(tmp_path: Path) -> None:
    write(tmp_path, 9, "app", at=1)
    newest = write(tmp_path, 10, "app", at=2)
    write(tmp_path, 11, "app-extra", at=3)
    assert logs.find(tmp_path, "app") == newest
    assert logs.find(tmp_path, "app", 9) == logs.folder(tmp_path, 9) / logs.name("app", KEY)
    assert logs.find(tmp_path, "app", 11) is None
    assert logs.find(tmp_path, "app", 10, "f" * 64) is None
    assert logs.find(tmp_path, "other") is None


def test_images_in_folders_of_images_have_logs_too(tmp_path: Path) -> None:
    path = write(tmp_path, 1, "tensorflow/cuda")
    assert logs.find(tmp_path, "tensorflow/cuda") == path
    assert logs.images(tmp_path) == {"tensorflow/cuda"}


def test_logs_of_before_runs_had_numbers_are_found(tmp_path: Path) -> None:
    path = tmp_path / "logs" / logs.name("app", KEY)
    path.parent.mkdir()
    path.write_text("old")
    assert logs.find(tmp_path, "app") == path


def test_logs_are_counted_and_removed_by_run(tmp_path: Path) -> None:
    for number in (10, 9):
        write(tmp_path, number, "app")
        write(tmp_path, number, "longer-name")
    (tmp_path / "logs" / "10x").mkdir()
    found = logs.kept(tmp_path)
    assert [(one.number, one.size) for one in found] == [(9, 14), (10, 14)]
    logs.remove(found[0])
    assert [one.number for one in logs.kept(tmp_path)] == [10]
    assert logs.kept(tmp_path / "nowhere") == []
