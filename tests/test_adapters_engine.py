"""The engine's words as errors of ours, and where it is."""

from __future__ import annotations

import json
import time
from http.client import IncompleteRead
from pathlib import Path

import docker
import pytest
import requests
from docker.errors import APIError
from docker.transport.unixconn import UnixHTTPConnectionPool
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from pipeline.adapters.engine import Engine, NotFoundError, endpoint, local_name, refusal, refused_text
from pipeline.adapters.patience import PLANNING, TemporaryError, patiently, trouble_of
from pipeline.errors import FailedError, StackbuildError, UnreachableError

REGISTRY = "registry.example:5000"


# as engine 26.1 and buildx 0.13 say it
@pytest.mark.parametrize(
    ("text", "kind", "hint"),
    [
        ("unauthorized: authentication required", UnreachableError, f"docker login {REGISTRY}"),
        ("no basic auth credentials", UnreachableError, f"docker login {REGISTRY}"),
        ("denied: requested access to the resource is denied", UnreachableError, f"docker login {REGISTRY}"),
        ("unexpected status from HEAD request to https://x: 403 Forbidden", UnreachableError, "docker login"),
        ("manifest unknown: manifest unknown", NotFoundError, ""),
        ("dial tcp 127.0.0.1:1: connect: connection refused", TemporaryError, "address"),
        ("unknown: Method not allowed", UnreachableError, "read-only"),
        ("Get \"https://x/v2/\": x509: certificate signed by unknown authority", UnreachableError, "address"),
        ("dial tcp: lookup x on 10.0.0.1:53: no such host", UnreachableError, "address"),
        ("toomanyrequests: You have reached your pull rate limit", TemporaryError, "later"),
        ("received unexpected HTTP status: 503 Service Unavailable", TemporaryError, "later"),
        ("received unexpected HTTP status: 500 Internal Server Error", TemporaryError, "later"),
        ("read tcp 10.0.0.1:4->10.0.0.2:443: read: connection reset by peer", TemporaryError, "later"),
        ("Get \"https://x/v2/\": net/http: TLS handshake timeout", TemporaryError, "later"),
        ("Patch \"https://x/v2/\": EOF", TemporaryError, "later"),
    ],
)  # fmt: skip
def test_a_registrys_answer_is_told_by_its_words(text: str, kind: type[StackbuildError], hint: str) -> None:
    error = refused_text(text, REGISTRY)
    assert type(error) is kind
    assert hint in error.problems[0].hint
    if kind is not NotFoundError:
        assert error.exit_code == 3
        assert REGISTRY in error.problems[0].message
        assert text in error.problems[0].message


def test_what_a_registry_says_in_several_lines_is_told_in_one() -> None:
    error = refused_text(
        "errors:\ndigest invalid\nmanifest blob unknown: blob unknown to registry\n", REGISTRY
    )
    said = "errors: digest invalid manifest blob unknown: blob unknown to registry"
    assert error.problems[0].message == f"the registry {REGISTRY} is in trouble: {said}"


def test_what_is_said_of_no_registry_is_the_engines_own_refusal() -> None:
    error = refused_text("no such runtime: connection reset", "")
    assert type(error) is FailedError
    assert error.exit_code == 1


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (TemporaryError, PLANNING.tries),
        (UnreachableError, 1),
        (NotFoundError, 1),
        (FailedError, 1),
        (ValueError, 1),
    ],
)
def test_only_what_is_temporary_is_tried_again(
    error: type[Exception], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    asked: list[int] = []

    @patiently
    def ask() -> None:
        asked.append(1)
        raise error("again")

    with pytest.raises(error):
        ask()
    assert len(asked) == times
    assert len(waits) == times - 1
    assert all(0.375 <= wait <= 5 for wait in waits)


def test_trouble_that_passes_gives_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    answers = [TemporaryError.of("first"), TemporaryError.of("second"), None]

    @patiently
    def ask() -> str:
        if error := answers.pop(0):
            raise error
        return "here"

    assert ask() == "here"


def test_an_image_is_called_by_its_key_and_in_lower_case() -> None:
    assert local_name("NodeBase/cuda", "ab" * 32) == f"stackbuild.local/nodebase/cuda:k-{'ab' * 16}"


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker config of the test's own with a context called `other`, made by docker's own client."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    metadata = {
        "Name": "other",
        "Metadata": {},
        "Endpoints": {"docker": {"Host": f"unix://{tmp_path}/none.sock"}},
    }
    # the folder is called by the sha256 of the name
    folder = tmp_path / "contexts/meta/d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps(metadata))
    return tmp_path


def test_the_engine_is_the_one_that_docker_itself_would_use(
    configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint().address == ""
    (configured / "config.json").write_text('{"currentContext": "other"}')
    assert (endpoint().address, endpoint().builder) == (f"unix://{configured}/none.sock", "other")
    with pytest.raises(UnreachableError, match=f"no docker engine answers at unix://{configured}/none.sock"):
        Engine()
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert (endpoint().address, endpoint().builder) == ("", "default")
    (configured / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    assert endpoint().builder == "other"
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere.sock")
    assert (endpoint().address, endpoint().builder) == ("", "default")
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("DOCKER_CONTEXT", "nonsense")
    with pytest.raises(UnreachableError, match="nonsense"):
        endpoint()


def test_an_engine_that_may_not_be_used_is_told_from_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(UnreachableError, match="no such file or directory") as absent:
        Engine()
    assert "DOCKER_HOST" in absent.value.problems[0].hint

    def forbidden(**_: object) -> None:
        raise docker.errors.DockerException(
            "Error: ('Connection aborted.', PermissionError(13, 'Permission denied'))"
        )

    monkeypatch.setattr(docker, "from_env", forbidden)
    with pytest.raises(UnreachableError, match="permission denied") as denied:
        Engine()
    assert "join the group 'docker'" in denied.value.problems[0].hint


@pytest.mark.parametrize(
    ("address", "why", "hint"),
    [
        ("tcp://127.0.0.1:1", "connection refused", "start it, or say where"),
        ("nonsense", "Invalid bind address format: port is required: nonsense", "write DOCKER_HOST like"),
        ("tcp://127.0.0.1:nonsense", "Port could not be cast to integer value", "write DOCKER_HOST like"),
        ("fd://", "fd protocol is not implemented", "write DOCKER_HOST like"),
        ("ssh://nowhere", "Install paramiko package", "pip install paramiko"),
    ],
)
def test_an_address_where_no_engine_can_be_is_told_in_a_few_words(
    address: str, why: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(UnreachableError) as absent:
        Engine()
    (problem,) = absent.value.problems
    assert problem.message.startswith(f"no docker engine answers at {address}: {why}")
    assert len(problem.message) < 120
    assert hint in problem.hint


def test_a_page_of_another_server_is_told_by_its_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def answered(**_: object) -> None:
        raise docker.errors.DockerException(
            "Error while fetching server API version: 404 Client Error: not found (<html>\n<body>\n</html>)"
        )

    monkeypatch.setenv("DOCKER_HOST", "tcp://web:80")
    monkeypatch.setattr(docker, "from_env", answered)
    with pytest.raises(UnreachableError) as absent:
        Engine()
    message = absent.value.problems[0].message
    assert message == "no docker engine answers at tcp://web:80: 404 Client Error: not found (<html>"


def test_an_engine_that_wants_certificates_says_where_they_are_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.delenv("DOCKER_CERT_PATH", raising=False)
    monkeypatch.setenv("HOME", "/nowhere")
    with pytest.raises(UnreachableError) as absent:
        Engine()
    assert "DOCKER_CERT_PATH" in absent.value.problems[0].hint


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(UnixHTTPConnectionPool("http://x", "/none.sock"), "", "read timed out"),
        ProtocolError("connection broken", IncompleteRead(b"", 5)),
        docker.errors.StreamParseError("half a word"),
        requests.exceptions.ReadTimeout("read timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_engine_that_goes_away_in_the_middle_of_an_answer_may_come_back(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Engine.__new__(Engine)
    gone.address = "unix:///none.sock"
    monkeypatch.setattr(gone, "_answers", lambda: False)
    said = "no docker engine answers at unix:///none.sock"
    with pytest.raises(TemporaryError, match=said) as caught, gone.mapped("reg.example"):
        raise error
    found = trouble_of(caught.value)
    assert found
    assert found.engine


def test_a_container_that_is_just_being_removed_is_not_there_any_more() -> None:
    says = "can not get logs from container which is dead or marked for removal"
    assert isinstance(refusal(APIError("409", explanation=says), ""), NotFoundError)
    other = refusal(APIError("409", explanation="it is paused"), "")
    assert isinstance(other, FailedError)
    assert not isinstance(other, NotFoundError)
