"""Builds that the engine is asked for itself: which, how, and what is made of its answers."""

from __future__ import annotations

import base64
import errno
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest
from programs import program
from test_adapters_builds import NoEngine
from test_adapters_buildx import whole
from test_adapters_context import order, states
from test_adapters_trace import field, message

from pipeline.adapters.builds import BuildFailedError, Builds
from pipeline.adapters.direct import Direct
from pipeline.adapters.engine import Engine
from pipeline.adapters.patience import TemporaryError
from pipeline.adapters.progress import Progress
from pipeline.config import Secret, Ssh
from pipeline.errors import FailedError, InterruptedRunError
from pipeline.ports import BuildOrder, Cache, Means

IMAGE = {"id": "moby.image.id", "aux": {"ID": "sha256:1"}}


class Answering:
    """An engine that says what a test has it say, and keeps what it was asked."""

    def __init__(self, path: Path, *said: object, status: str = "200 OK", early: bool = False) -> None:
        self.address = f"unix://{path}"
        self.asked = b""
        self._said = b"".join(json.dumps(one).encode() + b"\r\n" for one in said)
        self._status = status
        self._early = early
        self.heard = threading.Event()
        self._line = socket.socket(socket.AF_UNIX)
        self._line.bind(str(path))
        self._line.listen()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        line, _ = self._line.accept()
        # who has heard how it ends may hang up before all is said
        with line, suppress(BrokenPipeError, ConnectionResetError):
            while not self.asked.endswith(b"\r\n0\r\n\r\n") and not (self._early and self.asked):
                piece = line.recv(1 << 16)
                if not piece:
                    return
                self.asked += piece
                self.heard.set()
            line.sendall(f"HTTP/1.1 {self._status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            for start in range(0, len(self._said), 7):
                piece = self._said[start : start + 7]
                line.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            if self._said:
                line.sendall(b"0\r\n\r\n")
            if b"pause" in self._said:
                line.recv(1)

    def close(self) -> None:
        self._thread.join()
        self._line.close()

    @property
    def query(self) -> dict[str, list[str]]:
        """What the build was asked for by."""
        return parse_qs(urlsplit(self.asked.split(b" ")[1].decode()).query)


@contextmanager
def engine(path: Path, *said: object, status: str = "200 OK", early: bool = False) -> Iterator[Answering]:
    """An engine on a socket."""
    made = Answering(path / "s", *said, status=status, early=early)
    try:
        yield made
    finally:
        made.close()


def plain(folder: Path) -> BuildOrder:
    """A build that needs nothing but the engine."""
    return replace(whole(folder), bases=())


def traced(**parts: bytes) -> dict[str, str]:
    """Something that BuildKit says."""
    return {"id": "moby.buildkit.trace", "aux": base64.b64encode(message(**parts)).decode()}


def run(made: Answering, what: BuildOrder) -> tuple[bool, Progress, str]:
    """Build, and give whether it went well, what was said, and the log."""
    file = io.StringIO()
    progress = Progress(file, lambda _: None)
    went = Direct(made.address, lambda _: True).run(what, progress)
    return went, progress, file.getvalue()


def test_a_build_is_asked_for_with_everything_of_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "a").write_text("content of a")
    means = Means(
        network="none",
        hosts=(("pypi.lab", "10.0.0.7"),),
        proxies=(("HTTP_PROXY", "http://p"), ("no_proxy", None)),
    )
    what = replace(plain(folder), files=states(folder, "a"), means=means, tags=("x:1", "x:2"))
    with engine(tmp_path, IMAGE) as made:
        assert run(made, what)[0]
    assert b"content of a" in made.asked
    query = made.query
    assert json.loads(query.pop("buildargs")[0]) == {
        "A": "$(touch /tmp/x); 'quoted' \n",
        "HTTP_PROXY": "http://p",
    }
    assert json.loads(query.pop("labels")[0]) == {"io.stackbuild.key": "k"}
    assert query == {
        "version": ["2"],
        "dockerfile": [".stackbuild.Dockerfile"],
        "platform": ["linux/amd64"],
        "target": ["final"],
        "nocache": ["1"],
        "networkmode": ["none"],
        "t": ["x:1", "x:2"],
        "extrahosts": ["pypi.lab:10.0.0.7"],
    }


def test_what_the_environment_gives_a_build_of_dockers_it_gives_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "lab")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "7")
    with engine(tmp_path, IMAGE) as made:
        run(made, replace(order(tmp_path), means=Means(proxies=(("no_proxy", None), ("ftp_proxy", None)))))
    assert json.loads(made.query["buildargs"][0]) == {"no_proxy": "lab", "SOURCE_DATE_EPOCH": "7"}


def test_an_epoch_that_is_empty_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")
    with engine(tmp_path, IMAGE) as made:
        run(made, order(tmp_path))
    assert json.loads(made.query["buildargs"][0]) == {}


def test_nothing_in_an_order_becomes_a_header(tmp_path: Path) -> None:
    odd = "x\r\nX-Evil: 1\r\n\r\n"
    what = replace(order(tmp_path), target=odd, args=((odd, odd),), labels=((odd, odd),), tags=(odd,))
    with engine(tmp_path, IMAGE) as made:
        run(made, what)
    head = made.asked.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert [line.partition(b":")[0] for line in head[1:]] == [
        b"Host", b"Connection", b"Content-Type", b"Transfer-Encoding",
    ]  # fmt: skip
    assert made.query["target"] == [odd]


def test_what_buildkit_says_is_heard(tmp_path: Path) -> None:
    said = (
        traced(vertex=field(1, "v") + field(3, "[2/2] RUN make") + field(5, b"")),
        traced(log=field(1, "v") + field(4, "one\ntwo\n")),
        traced(vertex=field(1, "v") + field(3, "[2/2] RUN make") + field(6, b"x") + field(7, "exit code: 2")),
        {"errorDetail": {"message": 'process "/bin/sh -c make" did not complete successfully: exit code: 2'},
         "error": "the same"},
    )  # fmt: skip
    with engine(tmp_path, *said) as made:
        went, progress, log = run(made, order(tmp_path))
    assert not went
    assert progress.error == "exit code: 2: make"
    assert progress.step == "[2/2] RUN make"
    assert progress.tail == ("one", "two")
    assert "=== [2/2] RUN make\none\ntwo\n" in log


def test_what_makes_no_sense_is_passed_over(tmp_path: Path) -> None:
    odd = (
        {"id": "moby.buildkit.trace", "aux": "!"},
        {"id": "moby.buildkit.trace", "aux": "CgU="},
        [1],
        "x",
        IMAGE,
    )
    with engine(tmp_path, *odd) as made:
        assert run(made, order(tmp_path))[0]


@pytest.mark.parametrize("early", [False, True])
def test_an_engine_that_refuses_says_why(tmp_path: Path, early: bool) -> None:
    (tmp_path / "big").write_bytes(b"x" * 3_000_000)
    what = replace(order(tmp_path), files=states(tmp_path, "big"))
    with engine(tmp_path, {"message": "no such builder"}, status="400 Bad Request", early=early) as made:
        went, progress, _ = run(made, what)
    assert not went
    assert progress.error == "no such builder"


def test_an_engine_that_stops_halfway_is_gone_and_no_build_has_failed(tmp_path: Path) -> None:
    with engine(tmp_path) as made, pytest.raises(TemporaryError, match="the engine is gone: it has stopped"):
        run(made, order(tmp_path))
    with pytest.raises(TemporaryError, match="the engine is gone"):
        Direct(f"unix://{tmp_path}/none", lambda _: True).run(
            order(tmp_path), Progress(io.StringIO(), lambda _: None)
        )
    (tmp_path / "s").unlink()
    with engine(tmp_path, {"stream": "x"}) as made, pytest.raises(TemporaryError, match="the engine is gone"):
        run(made, order(tmp_path))


def test_a_context_that_changes_while_it_is_sent_is_never_sent_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    what = replace(order(tmp_path), files=states(tmp_path, "a"))
    (tmp_path / "a").write_text("2")
    with (
        engine(tmp_path, IMAGE) as made,
        pytest.raises(FailedError, match="changed while it was being built"),
    ):
        run(made, what)
    assert not made.asked.endswith(b"0\r\n\r\n")


def failed(message: str) -> dict[str, object]:
    """What the engine says of a build that ends badly."""
    return {"error": message, "errorDetail": {"message": message}}


STEP = traced(vertex=field(1, "v") + field(3, "[2/2] RUN make") + field(5, b"") + field(7, "went wrong"))


def asked_both(folder: Path, docker: Path, *said: object) -> tuple[BuildFailedError, str]:
    """How a build fails of which the engine says this, and a client that line 3 is to blame; and the log."""
    program(docker, "cat > /dev/null; echo Dockerfile:3 >&2; echo 'ERROR: as a client says' >&2; exit 1")
    what = plain(folder / "context")
    with engine(folder, *said) as made:
        ours = NoEngine([])
        ours.address = made.address
        with pytest.raises(BuildFailedError) as caught:
            Builds(cast("Engine", ours), folder / "scratch").build(what, lambda _: None)
    return caught.value, Path(what.log).read_text()


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "said", [(failed("invalid port"),), (STEP, failed("failed to solve: no active sessions"))]
)
def test_what_the_engine_cannot_do_alone_or_blames_on_no_step_a_client_is_asked_for(
    tmp_path: Path, docker: Path, said: tuple[object, ...]
) -> None:
    error, log = asked_both(tmp_path, docker, *said)
    assert (str(error), error.line) == ("as a client says", 3)
    assert f"{said[-1]['error']}\n" in log  # type: ignore[index]


@pytest.mark.usefixtures("config")
def test_a_step_that_fails_is_not_tried_through_a_client_as_well(tmp_path: Path, docker: Path) -> None:
    error, _ = asked_both(tmp_path, docker, STEP, failed("it is broken"))
    assert (str(error), error.step) == ("it is broken", "[2/2] RUN make")


class Full(io.StringIO):
    """A log on a disk that is full."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_not_taken_for_an_engine_that_is_gone(tmp_path: Path) -> None:
    said = traced(log=field(1, "v") + field(4, "output"))
    with engine(tmp_path, said, IMAGE) as made, pytest.raises(OSError, match="No space left"):
        Direct(made.address, lambda _: True).run(order(tmp_path), Progress(Full(), lambda _: None))


def test_builds_are_stopped_and_none_begins_afterwards(tmp_path: Path) -> None:
    with engine(tmp_path, {"pause": 1}) as made:
        direct = Direct(made.address, lambda _: True)
        raised: list[BaseException] = []

        def build() -> None:
            try:
                direct.run(order(tmp_path), Progress(io.StringIO(), lambda _: None))
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=build)
        thread.start()
        made.heard.wait()
        direct.stop()
        thread.join()
    assert isinstance(raised[0], InterruptedRunError)
    with pytest.raises(InterruptedRunError):
        direct.run(order(tmp_path), Progress(io.StringIO(), lambda _: None))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's configuration, to be written by the test."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def test_the_engine_builds_what_needs_no_client(tmp_path: Path, config: Path) -> None:
    assert not config.exists()
    direct = Direct("unix:///x", {"debian:12"}.__contains__)
    assert direct.takes(plain(tmp_path))
    assert direct.takes(replace(plain(tmp_path), outside=("debian:12",)))
    assert direct.takes(replace(plain(tmp_path), means=Means(network="host", hosts=(("a", "b"),))))
    config.write_text('{"auths": {"reg.example": {}}}')
    assert direct.takes(plain(tmp_path))


@pytest.mark.parametrize(
    "asks",
    [
        {"bases": (("debian:12", "debian:12@sha256:2"),)},
        {"outside": ("debian:12", "registry.example/private")},
        {"apart": True},
        {"asks": True},
        {"attest": ("type=sbom",)},
        {"means": Means(secrets=(Secret("pip", env="X"),))},
        {"means": Means(ssh=(Ssh("default"),))},
        {"means": Means(cache_from=(Cache(path="/c"),))},
        {"means": Means(cache_to=(Cache(path="/c"),))},
    ],
)  # fmt: skip
def test_what_only_a_client_can_give_is_left_to_one(
    tmp_path: Path, asks: dict[str, object], config: Path
) -> None:
    assert not config.exists()
    direct = Direct("unix:///x", {"debian:12"}.__contains__)
    assert not direct.takes(replace(plain(tmp_path), **asks))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ['{"proxies": {"default": {"httpProxy": "http://p"}}}', "{", "[]"])
def test_a_configuration_that_adds_to_builds_is_left_to_a_client(
    tmp_path: Path, text: str, config: Path
) -> None:
    config.write_text(text)
    assert not Direct("unix:///x", lambda _: True).takes(plain(tmp_path))


def test_an_engine_elsewhere_is_left_to_a_client(tmp_path: Path) -> None:
    for address in ("tcp://engine.example:2376", "ssh://somebody@engine.example", ""):
        assert not Direct(address, lambda _: True).takes(plain(tmp_path))
