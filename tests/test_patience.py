"""What is worth another try, and how long to wait for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import patience
from pipeline.adapters import patience as adapters_patience
from pipeline.adapters.patience import Patient, TemporaryError, patiently, trouble_of
from pipeline.errors import FailedError, InterruptedRunError, UnreachableError
from pipeline.outcome import Attempt
from pipeline.patience import Ending, Patience, Trouble

TROUBLES = Path(__file__).parent / "troubles"
QUICK = Patience(tries=4, retries=20, first=0.001, longest=5.0)


def recorded() -> Iterator[tuple[str, str, str]]:
    """What tools have said: the case, whether it passes, the text."""
    for path in sorted(TROUBLES.glob("*.txt")):
        for part in path.read_text().split("\n### ")[1:]:
            head, _, text = part.partition("\n")
            case, _, fate = head.rpartition(": ")
            yield case, fate, text


@pytest.mark.parametrize(("case", "fate", "text"), list(recorded()), ids=lambda text: text.partition("\n")[0])
def test_the_end_of_a_log_is_judged_as_its_reader_would(case: str, fate: str, text: str) -> None:
    lines = tuple(line for line in text.splitlines() if line.strip())[-20:]
    found = patience.of_build(Ending("", 1, "RUN it", lines))
    assert (fate == "passes") == (found is not None), found
    if found and (tool := re.match(r"(apt|pip|curl|wget|git|npm|conda|mamba)\b", case)):
        assert found.what.startswith(f"{tool[0]}: ")
        assert len(found.what) <= 160


def test_every_tool_of_the_table_has_been_heard() -> None:
    heard = {case.split()[0].split("-")[0] for case, fate, _ in recorded() if fate == "passes"}
    assert {tool for tool, _ in patience.SIGNS} <= heard


@pytest.mark.parametrize(
    "words",
    [
        "x/base: failed to resolve source metadata for x/base: unexpected status from HEAD request to "
        "http://x/v2/base/manifests/1: 500 Internal Server Error",
        "failed to copy: httpReadSeeker: failed open: unexpected status code https://x/v2/blobs/1: 503",
        'failed to do request: Head "https://x": read tcp 1->2: read: connection reset by peer',
        "short read: expected 100 bytes but got 50: unexpected EOF",
        "failed to load cache key: invalid response status 502",
        "net/http: TLS handshake timeout",
        'failed to do request: Head "https://x": dial tcp 10.0.0.1:443: connect: connection refused',
        "toomanyrequests: retry-after: 3 s, denied for now",
    ],
)
def test_what_buildkit_says_of_a_registry_in_trouble_passes(words: str) -> None:
    assert patience.of_build(Ending(words))


@pytest.mark.parametrize(
    "words",
    [
        "manifest blob unknown: blob unknown to registry",
        "blob upload unknown to registry",
        "digest invalid: provided digest did not match uploaded content",
    ],
)
def test_an_upload_that_a_registry_has_lost_is_made_again(words: str) -> None:
    assert patience.of_words(words)


def test_a_registry_that_is_away_for_ten_seconds_is_outlasted() -> None:
    plain = Patience()
    waits = [plain.pause(number, Trouble("away"), 0.0) for number in range(1, plain.tries)]
    assert sum(waits) > 10


@pytest.mark.parametrize(
    "words",
    [
        "unexpected status from HEAD request to https://x/v2/base/manifests/1: 401 Unauthorized",
        "pull access denied, repository does not exist or may require authorization",
        "x/base:1: not found",
        "x509: certificate signed by unknown authority: unexpected EOF",
        "dial tcp: lookup x: no such host",
        "dockerfile parse error on line 3: unknown instruction: RUNN",
        "",
    ],
)
def test_what_it_says_of_a_registry_that_refuses_does_not(words: str) -> None:
    assert patience.of_build(Ending(words)) is None


@pytest.mark.parametrize(
    "words",
    [
        "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
        "failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF",
        "no docker engine answers at unix:///x: connection refused",
    ],
)
def test_an_engine_that_is_gone_may_come_back(words: str) -> None:
    found = patience.of_words(words)
    assert found
    assert found.engine


def test_a_run_that_was_killed_is_never_tried_again_whatever_it_said() -> None:
    said = ("curl: (56) Recv failure: Connection reset by peer",)
    assert patience.of_build(Ending("", 137, "make", said)) is None
    assert patience.of_build(Ending("", 1, "make", said))


def test_a_silent_tool_says_it_by_its_exit_code_and_by_nothing_else() -> None:
    assert patience.of_build(Ending("", 56, "curl -s http://x | tar x"))
    assert patience.of_build(Ending("", 4, "wget -q http://x"))
    assert patience.of_build(Ending("", 8, "wget -q http://x")) is None
    assert patience.of_build(Ending("", 22, "curl -sf http://x")) is None
    assert patience.of_build(Ending("", 7, "make")) is None
    assert patience.of_build(Ending("", 7, "curl -s http://x && make", ("no rule to make target",))) is None
    assert patience.of_build(Ending("", 1, "false")) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Retry-After: 7", 7.0),
        ("toomanyrequests: retry-after: 155.3ms, allowed: 44000/minute", 0.1553),
        ("retry after 2 m", 120.0),
        ("429 Too Many Requests (retry-after: 3 s)", 3.0),
        ("try again after lunch", 0.0),
    ],
)
def test_how_long_somebody_asks_to_be_left_alone_is_read(text: str, seconds: float) -> None:
    assert patience.asked_wait(text) == pytest.approx(seconds)


@given(st.integers(1, 12), st.floats(0, 1), st.floats(0, 100))
def test_a_wait_doubles_is_bounded_and_never_shorter_than_asked_for(
    number: int, chance: float, after: float
) -> None:
    policy = Patience(first=1.0, longest=60.0)
    plain = min(60.0, 2.0 ** (number - 1))
    wait = policy.pause(number, Trouble("x"), chance)
    assert 0.75 * plain <= wait <= plain
    asked = policy.pause(number, Trouble("x", after), chance)
    assert asked >= min(after, wait)
    if after > plain:
        assert after <= asked <= after + plain / 4


class PassingError(FailedError):
    """A failure that may pass."""

    trouble = Trouble("it will pass")


def trying(errors: list[Exception | None], patient: Patient | None = None) -> tuple[list[Attempt], str]:
    """What is told of tries that end in these errors, one after the other, and how it ends."""
    told: list[Attempt] = []

    def work() -> str:
        error = errors.pop(0)
        if error:
            raise error
        return "done"

    try:
        patient = patient or Patient(QUICK, threading.Event())
        return told, patient.keep_trying(work, lambda attempt, _: told.append(attempt))
    except Exception as error:
        return told, type(error).__name__


def test_what_may_pass_is_tried_again_and_every_try_is_told_with_its_wait() -> None:
    told, end = trying([TemporaryError.of("the registry is in trouble"), PassingError.of("x"), None])
    assert end == "done"
    assert [(one.number, one.why) for one in told] == [(1, "the registry is in trouble"), (2, "it will pass")]
    assert 0 < told[0].wait <= 0.001 < told[1].wait <= 0.002


def test_what_stays_is_tried_once() -> None:
    for error in (
        FailedError.of("x"),
        UnreachableError.of("x"),
        InterruptedRunError.of("x"),
        ValueError("x"),
    ):
        assert trying([error]) == ([], type(error).__name__)


def test_a_task_has_so_many_tries_and_its_last_error_is_what_it_comes_to() -> None:
    told, end = trying([PassingError.of(str(number)) for number in range(9)])
    assert end == "PassingError"
    assert [one.number for one in told] == [1, 2, 3]


def test_a_run_has_so_many_further_tries_for_all_its_tasks_together() -> None:
    patient = Patient(Patience(tries=4, retries=4, first=0.001), threading.Event())
    assert [len(trying([PassingError.of("x")] * 9, patient)[0]) for _ in range(3)] == [3, 1, 0]


def test_who_asks_for_a_wait_is_given_it_and_who_asks_for_too_much_is_not_waited_for() -> None:
    told, end = trying([TemporaryError.of("429 Too Many Requests (retry-after: 40 ms)"), None])
    assert end == "done"
    assert 0.04 <= told[0].wait < 0.05
    assert trying([TemporaryError.of("429 (retry-after: 3600 s)"), None]) == ([], "TemporaryError")


def test_who_is_asked_by_somebody_patient_is_not_patient_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters_patience, "PLANNING", QUICK)
    asked: list[str] = []

    @patiently
    def ask() -> str:
        asked.append("once")
        raise TemporaryError.of("429 (retry-after: 1 ms)")

    patient = Patient(QUICK, threading.Event())
    with pytest.raises(TemporaryError):
        patient.keep_trying(ask, lambda *_: None)
    assert len(asked) == QUICK.tries
    asked.clear()
    with pytest.raises(TemporaryError):
        ask()
    assert len(asked) == QUICK.tries


def test_a_wait_ends_when_the_run_is_stopped() -> None:
    stopped = threading.Event()
    patient = Patient(Patience(first=100.0, longest=100.0), stopped)
    threading.Timer(0.05, stopped.set).start()
    assert trying([PassingError.of("x"), None], patient)[1] == "InterruptedRunError"


def test_an_error_that_speaks_of_the_engine_waits_for_the_engine() -> None:
    found = trouble_of(TemporaryError.of("no docker engine answers at unix:///x: refused"))
    assert found
    assert found.engine
    assert trouble_of(ValueError("connection reset")) is None
    assert trouble_of(None) is None
