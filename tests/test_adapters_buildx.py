"""Buildx: its command line, what it says on the way, and how it is stopped."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_adapters_context import order, states

from pipeline.adapters import buildx, clients, plugin
from pipeline.adapters.buildx import BuildFailedError, Buildx
from pipeline.adapters.progress import Progress
from pipeline.config import Secret, Ssh
from pipeline.errors import FailedError, InterruptedRunError, UnreachableError
from pipeline.ports import BuildOrder, Cache, Means, Moved, Product, Said, Word


def whole(folder: Path) -> BuildOrder:
    """A build that uses everything there is."""
    return replace(
        order(folder),
        bases=(("jupyter/base", "stackbuild.local/base:k-1"), ("debian:12", "debian:12@sha256:2")),
        args=(("A", "$(touch /tmp/x); 'quoted' \n"),),
        labels=(("io.stackbuild.key", "k"),),
        tags=("stackbuild.local/one:k-0",),
        target="final",
        no_cache=True,
        log=str(folder / "logs/one.log"),
    )


def test_everything_of_an_order_is_an_argument_and_nothing_a_shells(tmp_path: Path) -> None:
    line = buildx.command(whole(tmp_path), "mine")
    assert line[: line.index("build")] == list(plugin.buildx())
    assert line[line.index("--builder") + 1] == "mine"
    assert line[line.index("--platform") + 1] == "linux/amd64"
    assert {
        "--load",
        "--no-cache",
        "--target=final",
        "--tag=stackbuild.local/one:k-0",
        "--label=io.stackbuild.key=k",
        "--build-arg=A=$(touch /tmp/x); 'quoted' \n",
        "--build-context=jupyter/base=docker-image://stackbuild.local/base:k-1",
        "--build-context=debian:12=docker-image://debian:12@sha256:2",
    } <= set(line)
    assert line[-3:] == ["--file", ".stackbuild.Dockerfile", "-"]
    assert buildx.command(whole(tmp_path), "mine", (Path("/c"), Path("/d")))[-3:] == ["--file", "/d", "/c"]


def test_what_helps_a_build_along_is_given_without_a_secrets_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_TOKEN", "hunter2hunter2")
    there = tmp_path / "a, b"
    there.mkdir()
    (there / "index.json").write_text("{}")
    given = Means(
        secrets=(Secret("pip", env="PIP_TOKEN"), Secret("netrc", file='/with, comma/and "quotes"')),
        ssh=(Ssh("default"), Ssh("deploy", "/key")),
        cache_from=(Cache(path=str(there)), Cache(path="/not/there"), Cache(reference="lab/cache:one")),
        cache_to=(Cache(path="/cache"), Cache(reference="lab/cache:one"), Cache(reference="inline")),
        network="host",
        hosts=(("pypi.lab", "10.0.0.7"), ("six.lab", "::1")),
        proxies=(("HTTP_PROXY", "http://proxy:3128"), ("no_proxy", None)),
    )
    line = buildx.command(replace(whole(tmp_path), means=given), "mine")
    assert [word for word in line if word not in buildx.command(whole(tmp_path), "mine")] == [
        "--secret=id=pip,env=PIP_TOKEN",
        '--secret=id=netrc,"src=/with, comma/and ""quotes"""',
        "--ssh=default",
        "--ssh=deploy=/key",
        f'--cache-from=type=local,"src={there}"',
        "--cache-from=type=registry,ref=lab/cache:one",
        "--cache-to=type=local,dest=/cache,mode=max",
        "--cache-to=type=registry,ref=lab/cache:one,mode=max",
        "--cache-to=type=inline",
        "--network=host",
        "--add-host=pypi.lab:10.0.0.7",
        "--add-host=six.lab:::1",
        "--build-arg=HTTP_PROXY=http://proxy:3128",
        "--build-arg=no_proxy",
    ]
    assert "hunter2" not in "".join(line)


# what is said


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


def test_attestations_are_asked_for_one_by_one_and_else_turned_off(tmp_path: Path) -> None:
    plain = buildx.command(whole(tmp_path), "mine")
    assert "--provenance=false" in plain
    assert not any(word.startswith("--attest") for word in plain)
    line = buildx.command(replace(whole(tmp_path), attest=("type=sbom", "type=provenance,mode=max")), "mine")
    assert [word for word in line if word not in plain] == [
        "--attest=type=sbom",
        "--attest=type=provenance,mode=max",
    ]
    assert "--provenance=false" not in line
    assert "--provenance=false" in buildx.command(replace(whole(tmp_path), attest=("type=sbom",)), "mine")


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


# a docker that is none


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called docker, to be written by the test; it writes what it got to `got`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "context").mkdir()
    return programs / "docker"


def program(path: Path, script: str) -> None:
    """Write it."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def builds(found: list[str] | None = None) -> Buildx:
    """Builds whose product is made up."""

    def product(tag: str) -> Product:
        if found is not None:
            found.append(tag)
        return Product("sha256:1", 42)

    return Buildx("default", product, Path(tempfile.gettempdir()) / "stackbuild-contexts")


def test_a_build_gives_what_it_has_tagged_and_keeps_its_output(docker: Path, tmp_path: Path) -> None:
    got = tmp_path / "got"
    program(docker, f"cat > {got}; echo said >&2; echo not this")
    tags: list[str] = []
    what = whole(tmp_path / "context")
    assert builds(tags).build(what, lambda _: None) == Product("sha256:1", 42)
    assert tags == ["stackbuild.local/one:k-0"]
    assert Path(what.log).read_text() == "said\n"
    assert b".stackbuild.Dockerfile" in got.read_bytes()


def test_a_build_that_fails_says_why_and_where(docker: Path, tmp_path: Path) -> None:
    program(docker, "cat > /dev/null; echo Dockerfile:3 >&2; echo 'ERROR: the reason' >&2; exit 1")
    with pytest.raises(BuildFailedError) as caught:
        builds().build(whole(tmp_path / "context"), lambda _: None)
    assert str(caught.value) == "the reason"
    assert caught.value.line == 3
    program(docker, "exit 1")
    with pytest.raises(BuildFailedError, match="without a word"):
        builds().build(whole(tmp_path / "context"), lambda _: None)


@pytest.mark.parametrize(
    "words", ["Cannot connect to the Docker daemon at unix:///x", "error during connect: EOF"]
)
def test_an_engine_that_goes_away_is_no_failed_build(docker: Path, tmp_path: Path, words: str) -> None:
    program(docker, f"echo 'ERROR: {words}' >&2; exit 1")
    with pytest.raises(UnreachableError, match="the engine is gone"):
        builds().build(whole(tmp_path / "context"), lambda _: None)


def test_a_build_that_ends_before_it_has_its_context_says_why_itself(docker: Path, tmp_path: Path) -> None:
    program(docker, "exec 0<&-; sleep 0.2; echo 'ERROR: no patience' >&2; exit 1")
    folder = tmp_path / "context"
    (folder / "big").write_bytes(b"x" * 3_000_000)
    what = replace(whole(folder), files=states(folder, "big"))
    with pytest.raises(BuildFailedError, match="no patience"):
        builds().build(what, lambda _: None)


def test_a_file_that_has_changed_ends_the_build_at_once(docker: Path, tmp_path: Path) -> None:
    program(docker, "cat > /dev/null; sleep 30")
    folder = tmp_path / "context"
    (folder / "a").write_text("1")
    what = replace(whole(folder), files=states(folder, "a"))
    (folder / "a").write_text("2")
    began = time.monotonic()
    with pytest.raises(FailedError, match="changed while it was being built"):
        builds().build(what, lambda _: None)
    assert time.monotonic() - began < 5


def test_a_log_that_cannot_be_written_ends_the_build_and_says_where(docker: Path, tmp_path: Path) -> None:
    program(docker, "cat > /dev/null; while echo a rather long line of output >&2; do :; done")
    what = replace(whole(tmp_path / "context"), log="/dev/full")
    with pytest.raises(FailedError, match="/dev/full: cannot be written: No space left on device"):
        builds().build(what, lambda _: None)


def test_without_docker_there_is_an_error_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="docker"):
        builds().build(whole(tmp_path), lambda _: None)
    with pytest.raises(UnreachableError, match="no `docker` on PATH"):
        buildx.version()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo \"docker: 'buildx' is not a docker command.\" >&2; exit 1", "docker has no buildx"),
        ("echo github.com/docker/buildx v0.12.1 30feaa1", "buildx is too old: v0.12.1"),
    ],
)
def test_a_docker_without_a_good_buildx_is_told_from_one_with_it(
    docker: Path, script: str, message: str
) -> None:
    program(docker, script)
    with pytest.raises(UnreachableError, match=message) as caught:
        buildx.version()
    assert "docker-buildx" in caught.value.problems[0].hint
    for good in (
        "github.com/docker/buildx 0.13.1+ds1 0.13.1",
        "github.com/docker/buildx v1.0.0 x",
        "of my own",
    ):
        program(docker, f"echo {good}")
        assert buildx.version() == good


def stopped(docker: Path, tmp_path: Path, script: str, *, kill: bool) -> float:
    """How long it takes to stop a build that runs."""
    # it says that it runs only once its trap is set
    trap, rest = script.rsplit(" INT; ", 1)
    program(docker, f"{trap} INT; touch {tmp_path}/runs; {rest}")
    running = builds()
    raised: list[BaseException] = []

    def build() -> None:
        try:
            running.build(whole(tmp_path / "context"), lambda _: None)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    while not (tmp_path / "runs").exists():
        time.sleep(0.01)
    began = time.monotonic()
    running.stop(kill=kill)
    thread.join()
    assert isinstance(raised[0], InterruptedRunError)
    with pytest.raises(InterruptedRunError):
        running.build(whole(tmp_path / "context"), lambda _: None)
    return time.monotonic() - began


def test_a_build_is_asked_to_stop_and_may_tidy_up(docker: Path, tmp_path: Path) -> None:
    script = f"trap 'touch {tmp_path}/tidy; exit 1' INT; while :; do sleep 0.05; done"
    assert stopped(docker, tmp_path, script, kill=False) < 5
    assert (tmp_path / "tidy").exists()


def test_a_build_that_will_not_stop_is_killed_after_a_while(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "GRACE", 0.3)
    assert 0.3 <= stopped(docker, tmp_path, "trap '' INT; sleep 31; sleep 32", kill=False) < 5


def test_a_killed_build_takes_all_that_it_has_started_with_it(docker: Path, tmp_path: Path) -> None:
    assert stopped(docker, tmp_path, "trap '' INT; sleep 33; sleep 34", kill=True) < 3
    assert not [
        line
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal() and (folder / "cmdline").exists()
        for line in [(folder / "cmdline").read_bytes()]
        if line in {b"sleep\x0033\x00", b"sleep\x0034\x00"}
    ]


def test_what_a_killed_run_left_of_its_contexts_is_removed_and_nobody_elses(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f"{gone.pid}-x", f"{os.getpid()}-x", "note", "notes-of-mine"):
        (tmp_path / name).mkdir()
    Buildx("default", lambda _: Product("sha256:1", 1), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{os.getpid()}-x", "note", "notes-of-mine"}
