"""What a build says, and what is made of it: a log, lines for people, an end and an error."""

from __future__ import annotations

import base64
import io
import json
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.progress import Progress
from pipeline.ports import Moved, Said, Word


def event(**parts: Any) -> dict[str, Any]:
    """One event of `--progress=rawjson`."""
    return parts


def vertex(digest: str, name: str, **more: object) -> dict[str, Any]:
    """An event about one step."""
    return event(vertexes=[{"digest": digest, "name": name, **more}])


def log(digest: str, text: str | bytes) -> dict[str, Any]:
    """An event with output of one step."""
    data = base64.b64encode(text.encode() if isinstance(text, str) else text).decode()
    return event(logs=[{"vertex": digest, "stream": 1, "data": data}])


def heard(*said: dict[str, Any] | str, indent: int | None = None) -> tuple[Progress, str, list[str]]:
    """What is made of it: the progress, the log, and what people were told."""
    file = io.StringIO()
    told: list[str] = []

    def tell(word: Word) -> None:
        if isinstance(word, str):
            told.append(word)

    progress = Progress(file, tell)
    for one in said:
        text = one if isinstance(one, str) else json.dumps(one, indent=indent)
        for line in text.split("\n"):
            progress.take(f"{line}\n".encode())
    return progress, file.getvalue(), told


def words(*said: dict[str, Any]) -> list[Word]:
    """All that is told."""
    told: list[Word] = []
    progress = Progress(io.StringIO(), told.append)
    for one in said:
        progress.take(f"{json.dumps(one)}\n".encode())
    return told


def test_lines_are_told_whole_and_without_what_a_terminal_would_obey() -> None:
    told = words(
        vertex("1", "RUN a", started="t"),
        log("1", "\x1b[31mone\x1b[0m\ntw"),
        log("2", "other\n"),
        log("1", "o\x07\n10%\r20%\n\x9b2Jthree\n\nrest"),
        vertex("1", "RUN a", started="t", completed="t"),
    )
    assert told == [
        "RUN a",
        Said(("one",)),
        Said(("other",)),
        Said(("two", "20%", "2Jthree")),
        Said(("rest",)),
    ]


def test_a_secret_that_is_printed_is_in_no_log_no_tail_and_no_error() -> None:
    file = io.StringIO()
    told: list[Word] = []
    progress = Progress(file, told.append, ("s3cret-value", "other-value"))
    for one in (
        vertex("1", "RUN a", started="t"),
        log("1", "token is s3cret-va"),
        log("1", "lue, other-value\n"),
        vertex("1", "RUN a", started="t", completed="t", error="exit code: 1"),
        "ERROR: failed to solve: cannot log in with s3cret-value",
    ):
        progress.take((one if isinstance(one, str) else json.dumps(one)).encode() + b"\n")
    assert progress.tail == ("token is ***, ***",)
    assert progress.error == "cannot log in with ***"
    assert "-value" not in file.getvalue() + repr(told)


def test_bytes_are_told_as_the_sum_of_all_that_is_transferred() -> None:
    told = words(
        event(statuses=[{"vertex": "1", "id": "transferring context:", "current": 10}]),
        event(statuses=[{"vertex": "2", "id": "sha256:a", "current": 5, "total": 50}]),
        event(statuses=[{"vertex": "2", "id": "sha256:a", "current": 50, "total": 50}]),
        event(statuses=[{"vertex": "2", "id": "extracting sha256:a"}]),
    )
    assert told == [Moved(10), Moved(15, 50), Moved(60, 50)]


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ("[2/2] COPY a /", "the build context"),
        ("[2/2] COPY --chown=1 --from=tools --link a /", "'tools'"),
        ("[b 2/2] RUN --mount=type=bind,from=tools,source=a,target=/a true", "what the step mounts"),
        ("[b 2/2] RUN --mount=source=a,target=/a true", "the build context"),
    ],
)
def test_a_file_that_is_missing_is_missed_where_it_was_looked_for(step: str, place: str) -> None:
    wrong = 'failed to calculate checksum of ref 1::2: "/a": not found'
    progress, _, _ = heard(
        vertex("1", step, started="t", error=wrong),
        f"ERROR: failed to solve: failed to compute cache key: {wrong}",
    )
    assert progress.error == f'"/a": not found in {place}'


def test_an_error_is_one_line_that_gives_a_terminal_no_orders() -> None:
    progress = Progress(io.StringIO(), lambda _: None)
    progress.fail("git error: exit status 128\nstderr:\nfatal: no such \x1b[2Jbranch\n")
    assert progress.error == r"git error: exit status 128 stderr: fatal: no such \x1b[2Jbranch"


def test_a_cache_that_is_not_there_is_not_what_failed() -> None:
    name = "importing cache manifest from registry.example/cache"
    progress, _, _ = heard(
        vertex("0", name, started="t", completed="t", error="not found"), log("0", "no cache\n"), *FAILURE
    )
    assert progress.tail == ("one", "two")


FAILURE = (
    vertex("1", "[1/2] FROM x", started="t", completed="t", cached=True),
    vertex("2", "[2/2] RUN make", started="t"),
    log("2", "one\ntwo\n"),
    vertex("2", "[2/2] RUN make", started="t", completed="t", error="exit code: 2"),
    vertex("3", "[side 1/1] RUN side", started="t", completed="t", error="process: context canceled"),
    "Dockerfile:7",
    "--------------------",
    "   7 | >>> RUN make",
    'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2',
)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_failure_is_told_from_either_spelling_of_the_events(indent: int | None) -> None:
    progress, text, told = heard(*FAILURE, indent=indent)
    assert progress.error == "exit code: 2: make"
    assert progress.line == 7
    assert progress.tail == ("one", "two")
    assert told == ["[2/2] RUN make"]
    assert "--- [1/2] FROM x: CACHED\n" in text
    assert "=== [2/2] RUN make\none\ntwo\n" in text
    assert "vertexes" not in text


def test_the_tail_is_of_the_step_that_failed_and_else_of_the_last_that_spoke() -> None:
    noise = [log("9", f"noise {number}\n") for number in range(50)]
    assert heard(log("2", "why\n"), *noise, *FAILURE[3:])[0].tail == ("why",)
    cancelled = (log("3", "side\n"), FAILURE[4], log("2", "why\n"), FAILURE[3], *noise)
    assert heard(*cancelled)[0].tail == ("why",)
    assert heard(*noise, log("2", "last\n"))[0].tail == ("last",)
    assert heard(*noise)[0].tail == tuple(f"noise {number}" for number in range(30, 50))
    assert heard()[0].tail == ()


@given(st.text(alphabet="ab\n", max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_it_does_not_matter_how_output_is_cut_into_events(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [text[start:end] for start, end in pairwise(places)]
    progress, kept, _ = heard(*(log("1", part) for part in parts))
    assert progress.tail == tuple(line for line in text.split("\n") if line)[-20:]
    assert kept.partition("\n")[2] == text


@given(st.lists(st.integers(0, 12), max_size=6))
def test_letters_that_are_cut_in_two_are_whole_again_and_secrets_found_in_them(cuts: list[int]) -> None:
    output = "größe €é\n".encode()
    places = [0, *sorted(cuts), len(output)]
    file = io.StringIO()
    progress = Progress(file, lambda _: None, ("größe €",))
    for start, end in pairwise(places):
        progress.take(json.dumps(log("1", output[start:end])).encode())
    assert progress.tail == ("***é",)
    assert "ö" not in file.getvalue()


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"\x1b[1;31mred\x1b[0m and \x1b]8;;http://x\x07link\x1b]8;;\x07\n", "red and link"),
        (b" 10%\r 50%\r100% done\r\n", "100% done"),
        (b"\xff\xfe odd\n", "\ufffd\ufffd odd"),
        (b"x" * 600 + b"\n", "x" * 499 + "…"),
        (b"tab\tstays\n", "tab\tstays"),
    ],
)
def test_a_line_is_shown_as_a_terminal_would_leave_it(output: bytes, line: str) -> None:
    assert heard(log("1", output))[0].tail == (line,)


def test_output_without_an_end_does_not_fill_the_memory() -> None:
    progress = heard(*(log("1", "x" * 50_000) for _ in range(10)))[0]
    assert sum(map(len, progress._rests.values())) <= 1 << 16


def test_what_is_no_event_is_words() -> None:
    for words in ('{"not": "an event"}', "{broken", "[1, 2]", "plain", "null", '"text"'):
        progress, text, _ = heard(words)
        assert progress.error == words
        assert text == f"{words}\n"
    assert heard("WARN: something", "ERROR: the reason", "more")[0].error == "the reason"
    assert heard()[0].error == ""


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ('echo \\"a b\\" \\\\n', 'echo "a b" \\n'),
        ("set -e\\nls /nosuch\\n", "set -e ls /nosuch"),
        ("printf \\x1b[2J é", "printf \\x1b[2J é"),
        ('half "quoted', 'half "quoted'),
    ],
)
def test_a_command_is_shown_as_it_was_written_and_not_as_go_quotes_it(command: str, shown: str) -> None:
    what = f'process "/bin/sh -c {command}" did not complete successfully: exit code: 2'
    assert heard(f"ERROR: failed to solve: {what}")[0].error == f"exit code: 2: {shown}"


def test_a_long_command_is_cut_and_its_exit_code_kept() -> None:
    command = "make " + "and make " * 100
    what = f'process "/bin/sh -c {command}" did not complete successfully: exit code: 137'
    error = heard(f"ERROR: failed to solve: {what}")[0].error
    assert error.startswith("exit code: 137: make and make")
    assert len(error) < 130


FROM = vertex("1", "[1/2] FROM reg.example/root:1@sha256:0", started="t")
LAYER = event(statuses=[{"id": "sha256:9", "vertex": "1", "current": 5, "total": 10}])
UNPACKED = event(statuses=[{"id": "extracting sha256:9", "vertex": "1", "started": "t"}])


@pytest.mark.parametrize(
    ("said", "awaited"),
    [
        ((FROM,), "reg.example/root:1@sha256:0"),
        ((FROM, LAYER), "reg.example/root:1@sha256:0"),
        (
            (vertex("1", "[internal] load metadata for reg.example/root:1", started="t"),),
            "reg.example/root:1",
        ),
        ((vertex("1", "importing cache manifest from reg.example/c", started="t"),), "reg.example/c"),
        ((vertex("1", "[stage-1 1/2] FROM reg.example/root", started="t"),), "reg.example/root"),
        # none of it, and each of these may take as long as it likes
        ((), ""),
        ((FROM, UNPACKED), ""),
        ((FROM, vertex("2", "[other 2/2] RUN make", started="t")), ""),
        ((FROM, vertex("1", "[1/2] FROM reg.example/root:1@sha256:0", started="t", completed="t")), ""),
        ((vertex("1", "[2/2] RUN echo importing cache manifest from x", started="t"),), ""),
    ],
)
def test_a_registry_is_waited_for_where_nothing_else_goes_on(said: tuple[Any, ...], awaited: str) -> None:
    progress, _, _ = heard(*said)
    assert progress.awaited(0.0) == awaited
    assert progress.awaited(3600.0) == ""


def test_only_bytes_that_are_new_are_a_sign_of_life() -> None:
    progress, _, _ = heard(FROM, LAYER)
    time.sleep(0.05)
    progress.take(json.dumps(LAYER).encode())
    assert progress.awaited(0.05)
    progress.take(json.dumps(event(statuses=[{"id": "sha256:9", "vertex": "1", "current": 6}])).encode())
    assert not progress.awaited(0.05)
