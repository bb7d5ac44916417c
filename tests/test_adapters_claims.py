"""Two runs on one project: one builds, the other waits, and the dead hold nobody up."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.adapters import claims
from pipeline.adapters.claims import Claims
from pipeline.errors import InterruptedRunError
from pipeline.ports import Waits, Word

KEY = "ab" * 32
HOLD = """
import sys
from pathlib import Path
from pipeline.adapters.claims import Claims
with Claims(Path(sys.argv[1])).held(sys.argv[2], print):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "SECONDS", 0.005)


def holder(state: Path) -> subprocess.Popen[str]:
    """Another process that holds the claim until its input ends."""
    pipe = subprocess.PIPE
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(state), KEY], stdin=pipe, stdout=pipe, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


def test_the_second_is_told_who_builds_and_since_when_and_goes_on_once_that_is_over(tmp_path: Path) -> None:
    told: list[Word] = []
    with holder(tmp_path) as other:
        assert other.stdin is not None

        def tell(word: Word) -> None:
            told.append(word)
            other.stdin.close()  # type: ignore[union-attr]

        with Claims(tmp_path).held(KEY, tell):
            (waits,) = told
    assert isinstance(waits, Waits)
    assert waits.who.startswith(f"process {other.pid}, since {time.strftime('%H:')}")
    assert not list((tmp_path / "claims").iterdir())


def test_who_has_a_claim_is_said_without_taking_it(tmp_path: Path) -> None:
    mine = Claims(tmp_path)
    assert mine.elsewhere(KEY) == ""
    with holder(tmp_path) as other:
        assert mine.elsewhere(KEY).startswith(f"process {other.pid}, since ")
        assert mine.elsewhere("cd" * 32) == ""
        other.kill()
        other.wait()
        assert mine.elsewhere(KEY) == ""


def test_the_claim_of_a_killed_process_is_void(tmp_path: Path) -> None:
    told: list[Word] = []
    with holder(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert list((tmp_path / "claims").iterdir())
    with Claims(tmp_path).held(KEY, told.append):
        assert told == []
    assert not list((tmp_path / "claims").iterdir())


def test_who_is_stopped_while_waiting_is_interrupted(tmp_path: Path) -> None:
    waiting = Claims(tmp_path)
    with (
        Claims(tmp_path).held(KEY, print),
        pytest.raises(InterruptedRunError),
        waiting.held(KEY, lambda _: waiting.stop()),
    ):
        pytest.fail("two hold one claim")


def test_other_builds_are_nobodys_business(tmp_path: Path) -> None:
    told: list[Word] = []
    with Claims(tmp_path).held(KEY, told.append), Claims(tmp_path).held("cd" * 32, told.append):
        assert told == []


def test_of_many_who_want_a_build_one_at_a_time_has_it(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            with Claims(tmp_path).held(KEY, lambda _: None):
                inside.append(number)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 80
    assert set(most) == {1}


def test_where_nothing_can_be_locked_everybody_builds(tmp_path: Path) -> None:
    (tmp_path / "claims").write_text("a file where a folder should be")
    with Claims(tmp_path).held(KEY, print):
        pass
