"""Who we are to a registry that wants tokens: where the login may be, and where it is never found again."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest

from engine.registries import served
from engine.tokens import LEEWAY, Tokens, tokens
from engine.workshop import NONCE, TOML, Workshop
from pipeline.adapters.credentials import Credentials
from pipeline.adapters.registry import Registry
from pipeline.errors import UnreachableError

pytestmark = pytest.mark.engine

VARIABLE = "WORKSHOP_LOGIN"
HELPER = """#!/bin/sh
test "$1" = get || exit 1
read host
echo "$host" >> {asked}
cat {answer}
"""
ABSENT = """#!/bin/sh
echo 'credentials not found in native keychain'
exit 1
"""


@pytest.fixture(scope="module")
def giver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokens]:
    with tokens(tmp_path_factory.mktemp("tokens")) as made:
        yield made


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, giver: Tokens) -> Iterator[str]:
    """A registry that takes the giver's tokens and nothing else."""
    with served(tmp_path_factory.mktemp("registry") / "storage", giver.settings) as found:
        yield found


@pytest.fixture(scope="module")
def workshop(
    tmp_path_factory: pytest.TempPathFactory, client: docker.DockerClient, address: str
) -> Iterator[Workshop]:
    """A project of one image, built once."""
    made = Workshop(tmp_path_factory.mktemp("team") / "project", client, address)
    # its Dockerfile lies apart from its context: it is built by a client, whose command line is looked at
    made.image("one", "FROM scratch\nCOPY . /", {"who": "first", ".dockerignore": "Dockerfile\n"})
    made.run()
    yield made
    made.close()


@pytest.fixture
def secret(workshop: Workshop, address: str, giver: Tokens) -> str:
    """What a place in the registry wants, where nothing is yet; nobody has it."""
    made = f"s3cret-{uuid.uuid4().hex}"
    giver.logins, giver.identities, giver.lifetime = {"ann": made}, {made}, 3600
    giver.given.clear()
    workshop.toml(TOML)
    workshop.registry = f"{address}/t-{uuid.uuid4().hex[:12]}"
    workshop.environment.pop(VARIABLE, None)
    return made


def environment(
    workshop: Workshop, config: Mapping[str, object], helpers: Mapping[str, str] | None = None
) -> None:
    """Give the command a docker configuration, and programs on PATH that know logins."""
    folder = workshop.root.parent / "docker"
    folder.mkdir(exist_ok=True)
    plugins = json.loads((Path(os.environ["DOCKER_CONFIG"]) / "config.json").read_bytes())
    kept = {name: plugins[name] for name in ("cliPluginsExtraDirs",) if name in plugins}
    (folder / "config.json").write_text(json.dumps({**kept, **config}))
    for name, text in (helpers or {}).items():
        (folder / f"docker-credential-{name}").write_text(text)
        (folder / f"docker-credential-{name}").chmod(0o755)
    workshop.environment |= {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}


def helper(workshop: Workshop, user: str, secret: str) -> str:
    """A program that knows one login, and keeps note of who asks."""
    answer = workshop.root.parent / "answer"
    answer.write_text(json.dumps({"ServerURL": "", "Username": user, "Secret": secret}))
    return HELPER.format(answer=answer, asked=workshop.root.parent / "asked")


def give(where: str, workshop: Workshop, address: str, secret: str) -> None:
    """Let the user have a login."""
    basic = base64.b64encode(f"ann:{secret}".encode()).decode()
    if where == "config":
        environment(workshop, {"auths": {address: {"auth": basic}}})
    elif where == "config, a token":
        nobody = base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode()
        environment(workshop, {"auths": {address: {"auth": nobody, "identitytoken": secret}}})
    elif where == "helper of the registry":
        known = {"workshop": helper(workshop, "ann", secret), "other": ABSENT}
        environment(workshop, {"credsStore": "other", "credHelpers": {address: "workshop"}}, known)
    elif where == "helper of all":
        environment(workshop, {"credsStore": "workshop"}, {"workshop": helper(workshop, "ann", secret)})
    elif where == "helper of all, a token":
        environment(workshop, {"credsStore": "workshop"}, {"workshop": helper(workshop, "<token>", secret)})
    else:
        environment(workshop, {})
        named = f'registry = "{workshop.registry}"\ncredentials = "{VARIABLE}"\n'
        workshop.toml(TOML.replace("[project]\n", f"[project]\n{named}"))
        workshop.environment[VARIABLE] = f"ann:{secret}"


class Listener:
    """Looks at the command lines of all processes, again and again."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self.lines: set[str] = set()

    def _listen(self) -> None:
        while not self._over.wait(0.05):
            for folder in Path("/proc").iterdir():
                if folder.name.isdecimal():
                    with contextlib.suppress(OSError):
                        line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                        self.lines.add(line.decode("utf-8", "replace"))

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """For as long as something runs."""
        thread = threading.Thread(target=self._listen)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()


def files_with(folder: Path, secrets: list[str]) -> list[Path]:
    """The files below a folder that hold one of these."""
    every = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in every if any(one.encode() in path.read_bytes() for one in secrets)]


@pytest.mark.parametrize(
    "where",
    [
        "config", "config, a token", "helper of the registry", "helper of all", "helper of all, a token",
        "environment",
    ],
)  # fmt: skip
def test_a_login_is_found_where_docker_has_it_and_is_told_to_nobody_else(
    workshop: Workshop, secret: str, address: str, giver: Tokens, where: str
) -> None:
    give(where, workshop, address, secret)
    # a build of its own, whose client is listened to
    (workshop.images / "one/who").write_text(where)
    options = ("--registry", workshop.registry, "--publish", "--allow-unsmoked", "--verbose")
    listener = Listener()
    with listener.listening():
        ran = workshop.run(*options, "--format", "json", "--junit", str(workshop.root / "junit.xml"))
    (name,) = ran.json()["names"]
    assert name["moved"] == [f"{workshop.registry}/one:latest"]
    if "helper" in where:
        assert address in (workshop.root.parent / "asked").read_text().split()
    basic = base64.b64encode(f"ann:{secret}".encode()).decode()
    secrets = [secret, basic, *giver.given]
    assert len(giver.given) > 2
    assert any("buildx" in line for line in listener.lines)
    assert not [line for line in listener.lines if any(one in line for one in secrets)]
    assert files_with(workshop.root, secrets) == []
    assert not any(one in text for one in secrets for text in (ran.out, ran.err))


def refused(workshop: Workshop, secret: str, *command: str) -> None:
    """The registry refuses, and that is all that happens."""
    ran = workshop.run(*command, "--registry", workshop.registry, code=3)
    host = workshop.registry.partition("/")[0]
    assert f"the registry {host} refuses: " in ran.err
    assert f"hint: docker login {host}" in ran.err
    assert "building" not in ran.err
    assert secret not in ran.err


def test_a_login_that_has_expired_is_a_refusal_and_no_absent_image(
    workshop: Workshop, secret: str, address: str, giver: Tokens
) -> None:
    give("config", workshop, address, secret)
    workshop.run("--registry", workshop.registry)
    # another machine, or another day: nothing of it is here
    workshop.forget()
    giver.logins, giver.identities = {}, set()
    for command in (("plan",), (), ("publish",), ("--publish",)):
        refused(workshop, secret, *command)
    for where in ("config, a token", "helper of all, a token", "environment"):
        give(where, workshop, address, secret)
        refused(workshop, secret)
    assert not workshop.client.images.list(filters={"label": f"{NONCE}={workshop.nonce}"})


def test_a_token_that_is_over_is_asked_for_anew_and_one_that_never_counts_is_a_refusal(
    secret: str, address: str, giver: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"ann:{secret}")
    registry = Registry(Credentials(address, VARIABLE))
    name = f"{address}/team/one:latest"
    giver.lifetime = -1 - LEEWAY
    with pytest.raises(UnreachableError, match="refuses") as caught:
        registry.digests([name])
    assert caught.value.exit_code == 3
    giver.lifetime = 3600
    assert registry.digests([name]) == {}
