"""Buildx: its command line, and whether there is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from programs import program
from test_adapters_context import order

from pipeline.adapters import buildx, plugin
from pipeline.config import Secret, Ssh
from pipeline.errors import UnreachableError
from pipeline.ports import BuildOrder, Cache, Means


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


def test_without_docker_there_is_no_buildx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
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
