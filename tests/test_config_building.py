"""`[build]` of stacks.toml, and secrets of the command line: where they are, and never what they are."""

from __future__ import annotations

import pytest
from test_config import TREE, problems

from pipeline import config
from pipeline.config import Building, Secret, Ssh, parse_secret
from pipeline.config.building import Settings


def building(text: str) -> Building:
    return config.parse(TREE + text, "stacks.toml").build


def test_without_a_word_builds_get_nothing() -> None:
    assert building("") == Building()
    assert Building().of("a") == Settings()


def test_everything_that_is_said_is_kept() -> None:
    found = building(
        """
        [build]
        cache-from = ["../cache/{image}", "registry.example:5000/cache/{image}:main"]
        cache-to = ["../cache/{image}", "inline"]
        network = "host"
        add-host = { "pypi.lab" = "10.0.0.7", "me" = "host-gateway", "six" = "::1" }
        ssh = ["default", "deploy=~/.ssh/deploy"]
        proxies = { http = "http://proxy.example:3128", https = "env", no = "localhost,.lab" }
        [build.secrets]
        pip = { env = "PIP_TOKEN" }
        netrc = { file = "~/.netrc" }
        [build.images."*-offline"]
        network = "none"
        add-host = {}
        [build.images.app]
        cache-to = []
        """
    )
    hosts = (("me", "host-gateway"), ("pypi.lab", "10.0.0.7"), ("six", "::1"))
    common = Settings(
        ("../cache/{image}", "registry.example:5000/cache/{image}:main"),
        ("../cache/{image}", "inline"),
        "host",
        hosts,
    )
    assert found.settings == found.of("other") == common
    assert found.of("very-offline") == Settings(common.cache_from, common.cache_to, "none", ())
    assert found.of("app") == Settings(common.cache_from, (), "host", hosts)
    assert found.secrets == (
        Secret("pip", env="PIP_TOKEN", where="stacks.toml:12"),
        Secret("netrc", file="~/.netrc", where="stacks.toml:13"),
    )
    assert [(one.id, one.file) for one in found.ssh] == [("default", ""), ("deploy", "~/.ssh/deploy")]
    assert isinstance(found.ssh[0], Ssh)
    assert found.proxies == (
        ("http", "http://proxy.example:3128"), ("https", "env"), ("no", "localhost,.lab"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('network = "hots"', "no network 'hots'"),
        ('add-host = { "a b" = "10.0.0.1" }', "'a b' is no host name"),
        ('add-host = { a = "10.0.0" }', "'10.0.0' is no address"),
        ('cache-from = ["../cache"]', "'../cache' does not say where the image's name goes"),
        ('cache-from = ["inline"]', "'inline' is where a cache goes, not where it comes from"),
        ('cache-to = ["type=local,dest={image}"]', "cache 'type=local,dest={image}' is not"),
        ('ssh = ["=x"]', "'=x' is no ssh"),
        ('ssh = ["a="]', "'a=' is no ssh"),
        ('proxies = { htp = "x" }', "unknown proxy 'htp'"),
        ('proxies = { http = "proxy" }', "the http proxy is no address"),
        ('proxies = { http = "http://me:hunter2@proxy" }', "the http proxy holds credentials"),
        ('secrets = { pip = "hunter2" }', "'secrets.pip' must be a table, not a string"),
        ("secrets = { pip = {} }", "the secret 'pip' needs 'env' or 'file'"),
        ('secrets = { pip = { env = "A", file = "b" } }', "the secret 'pip' needs 'env' or 'file'"),
        ('secrets = { pip = { env = "hunter2!" } }', "'env' must be the name of a variable"),
        ('secrets = { "a,b" = { env = "A" } }', "'a,b' is no id of a secret"),
        ('cache = "x"', "unknown setting 'cache'"),
        ('images = { app = { secrets = {} } }', "unknown setting 'secrets'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_no_secret_with_it(line: str, problem: str) -> None:
    (found,) = problems(f"{TREE}[build]\n{line}\n")
    assert found.startswith((f"4: {problem}", f"3: {problem}"))
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("id=pip,env=PIP_TOKEN", Secret("pip", "PIP_TOKEN", "", "--secret")),
        ("id=pip", Secret("pip", "pip", "", "--secret")),
        ("id=netrc,src=.netrc", Secret("netrc", "", ".netrc", "--secret")),
        ("type=file,id=netrc,source=.netrc", Secret("netrc", "", ".netrc", "--secret")),
        ("type=env,id=pip,src=PIP_TOKEN", Secret("pip", "PIP_TOKEN", "", "--secret")),
    ],
)
def test_a_secret_is_written_on_the_command_line_as_docker_has_it(text: str, secret: Secret) -> None:
    assert parse_secret(text) == secret


@pytest.mark.parametrize(
    "text",
    [
        "", "hunter2", "id=", "id=hunter2 x", "id=pip,env=hunter2 B", "id=pip,hunter2", "id=pip,type=hunter2",
        "id=not-hunter2",
    ],
)  # fmt: skip
def test_what_is_no_secret_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_secret(text)
    assert "hunter2" not in str(caught.value)


def test_the_command_line_wins_over_the_file() -> None:
    given = Building(secrets=(Secret("a", "A"), Secret("b", "B")))
    assert given.with_secrets((Secret("b", "", "/b"), Secret("c", "C"))).secrets == (
        Secret("a", "A"), Secret("b", "", "/b"), Secret("c", "C"),
    )  # fmt: skip
