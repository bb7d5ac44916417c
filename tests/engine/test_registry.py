"""A real registry: what is pushed, named and pulled, and what is said when it refuses."""

from __future__ import annotations

import base64
import datetime
import json
import os
import subprocess
from inspect import unwrap
from pathlib import Path

import pytest

from engine.faulty import faulty
from engine.workshop import ROOT, TOML, Workshop
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.adapters.patience import TemporaryError
from pipeline.adapters.registry import Registry
from pipeline.errors import StackbuildError, UnreachableError

pytestmark = pytest.mark.engine


def stack(workshop: Workshop) -> None:
    """base > child, each with a probe that passes."""
    workshop.image("base", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("child", "FROM jupyter/base\nCOPY who /child\n", {"who": "1"})
    workshop.more('[[smoke]]\nrun = ["test", "-f", "/who"]')


def digest(name: str) -> str:
    """What a name on the registry leads to, "" for nothing."""
    try:
        return Engine().find_root(name).digest
    except NotFoundError:
        return ""


def manifests(name: str) -> set[str]:
    """The digests of a name, and of what it is a list of."""
    line = ["docker", "buildx", "imagetools", "inspect", "--raw", name]
    raw = json.loads(subprocess.run(line, check=True, capture_output=True).stdout)
    return {digest(name), *(one["digest"] for one in raw.get("manifests", ()))}


def committed(folder: Path) -> str:
    """Commit a folder; gives the commit as tags show it."""
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    for line in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *line], check=True, cwd=folder)
    line = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(line, check=True, capture_output=True, text=True, cwd=folder).stdout.strip()


def test_what_is_built_is_pushed_named_and_pulled_again_where_it_is_needed(workshop: Workshop) -> None:
    stack(workshop)
    workshop.toml(
        (workshop.root / "stacks.toml").read_text()
        + '\n[variant.cpu]\n[variant.gpu]\n[names]\ntags = ["latest", "{date}", "{commit}"]\n'
    )
    commit = committed(workshop.root)
    options = ("--registry", workshop.registry, "--format", "json")

    report = workshop.run(*options).json()
    assert sorted((o["kind"], o["image"]) for o in report["outcomes"]) == [
        ("built", "base"),
        ("built", "child"),
        ("pushed", "base"),
        ("pushed", "child"),
    ]
    pushed = {o["image"]: o["digest"] for o in report["outcomes"] if o["kind"] == "pushed"}
    for name, step in report["variants"]["cpu"]["images"].items():
        assert digest(f"{workshop.registry}/{name}:k-{step['key'][:32]}") == pushed[name]
    assert digest(f"{workshop.registry}/base:latest") == ""

    before = datetime.datetime.now(datetime.UTC)
    report = workshop.run(*options, "--publish").json()
    after = datetime.datetime.now(datetime.UTC)
    assert report["outcomes"] == []
    names = {(name["image"], name["variant"]): set(name["names"]) for name in report["names"]}
    days = {f"{moment:%Y-%m-%d}" for moment in (before, after)}
    tags = {name.rpartition(":")[2] for name in names["child", "cpu"]}
    assert tags in [{"latest", day, commit} for day in days]
    assert {name.rpartition(":")[2] for name in names["child", "gpu"]} == {f"gpu-{tag}" for tag in tags}
    for (image, _), found in names.items():
        for name in found:
            assert pushed[image] in manifests(name)
    moved = {name: digest(name) for found in names.values() for name in found}
    again = workshop.run(*options, "--publish").json()
    assert again["outcomes"] == []
    assert {name: digest(name) for name in moved} == moved

    workshop.forget()
    # nothing needs them here: what the registry has is what was pushed, and its verdict stands
    assert workshop.actions("cpu", registry=workshop.registry) == {"base": "reuse", "child": "reuse"}
    report = workshop.run(*options, "-V", "cpu").json()
    assert report["outcomes"] == []
    assert [(verdict["result"], verdict["reused"]) for verdict in report["verdicts"]] == [("passed", True)]
    # a probe that runs needs its image; what was pulled is the same, and so its other verdicts stand
    workshop.more('[[smoke]]\nname = "another"\nimages = ["child"]\nvariants = ["cpu"]\nrun = ["true"]')
    assert workshop.actions("cpu", registry=workshop.registry) == {"base": "reuse", "child": "pull"}
    report = workshop.run(*options, "-V", "cpu").json()
    assert [outcome["kind"] for outcome in report["outcomes"]] == ["pulled"]
    assert sorted(verdict["reused"] for verdict in report["verdicts"]) == [False, True]
    workshop.forget()
    assert workshop.run(*options, "-V", "cpu", "base").json()["outcomes"] == []
    (workshop.images / "child/who").write_text("2")
    assert workshop.actions("cpu", registry=workshop.registry) == {"base": "pull", "child": "build"}
    report = workshop.run(*options, "-V", "cpu").json()
    kinds = [(outcome["kind"], outcome["image"]) for outcome in report["outcomes"]]
    assert kinds == [("pulled", "base"), ("built", "child"), ("pushed", "child")]
    assert workshop.text("child", "/who", "cpu") == workshop.nonce


def test_a_foreign_image_under_a_key_is_refused(workshop: Workshop) -> None:
    stack(workshop)
    key = workshop.plan()["default"]["images"]["base"]["key"]
    workshop.push(workshop.decoy(f"{workshop.registry}/base:k-{key[:32]}", {"who": b"theirs"}))
    ran = workshop.run("--registry", workshop.registry, "--format", "json", code=1)
    failed, blocked = ran.json()["outcomes"]
    assert failed["image"] == "base"
    assert "does not carry the key" in failed["message"]
    assert blocked["kind"] == "blocked"
    assert blocked["image"] == "child"


def test_a_failed_probe_holds_names_back_and_its_sibling_is_named(workshop: Workshop) -> None:
    workshop.image("base", f"FROM {ROOT}\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("good", "FROM jupyter/base\n")
    workshop.image("bad", "FROM jupyter/base\nENV X=1\n")
    workshop.more('[[smoke]]\nimages = ["good"]\nrun = ["true"]')
    workshop.more('[[smoke]]\nimages = ["bad"]\nrun = ["false"]')
    ran = workshop.run("--registry", workshop.registry, "--publish", "--format", "json", code=1)
    kinds = {name["image"]: name["kind"] for name in ran.json()["names"]}
    assert kinds == {"base": "promoted", "good": "promoted", "bad": "held back"}
    assert digest(f"{workshop.registry}/good:latest")
    assert digest(f"{workshop.registry}/bad:latest") == ""


def login(workshop: Workshop, folder: Path, user: str, password: str) -> dict[str, str]:
    """An environment in which docker has these credentials, or none."""
    folder.mkdir()
    there = json.loads((Path(os.environ["DOCKER_CONFIG"]) / "config.json").read_text())
    secret = base64.b64encode(f"{user}:{password}".encode()).decode()
    auths = {name: {"auth": secret} for name in there["auths"]}
    (folder / "config.json").write_text(json.dumps({"auths": auths if user else {}}))
    return {"DOCKER_CONFIG": str(folder)}


def test_a_registry_that_refuses_or_is_not_there_is_an_error_and_no_absent_image(
    workshop: Workshop, tmp_path: Path
) -> None:
    stack(workshop)
    wrong = login(workshop, tmp_path / "wrong", "stackbuild", "not-the-password")
    none = login(workshop, tmp_path / "none", "", "")
    host = workshop.registry.partition("/")[0]
    for environment, address, what in (
        (wrong, workshop.registry, f"the registry {host} refuses"),
        (none, workshop.registry, f"the registry {host} refuses"),
        ({}, "127.0.0.1:1/none", "the registry 127.0.0.1:1 does not answer"),
    ):
        for command in ((), ("plan",)):
            ran = workshop.run(*command, "--registry", address, env=environment, code=3)
            assert what in ran.err
            assert ran.err.count("error: ") == 1
            assert "hint: " in ran.err
            assert "not-the-password" not in ran.err
            assert "building" not in ran.err
    assert (
        f"hint: docker login {host}"
        in workshop.run("plan", "--registry", workshop.registry, env=none, code=3).err
    )


@pytest.mark.parametrize(
    ("status", "kind", "times"),
    [
        (404, NotFoundError, 1),
        (401, UnreachableError, 1),
        (403, UnreachableError, 1),
        (429, TemporaryError, 3),
        (500, TemporaryError, 3),
        (503, TemporaryError, 3),
    ],
)
def test_a_look_up_is_tried_again_exactly_where_the_trouble_may_pass(
    client: object, status: int, kind: type[StackbuildError], times: int
) -> None:
    with faulty(lambda _method, _path: status) as registry:
        with pytest.raises(kind) as caught:
            Engine().find_root(f"{registry.address}/one:tag")
        assert type(caught.value) is kind
        heads = [asked for asked in registry.asked if "/manifests/" in asked]
    attempts = len(heads)
    with faulty(lambda _method, _path: status) as registry:
        with pytest.raises(kind):
            unwrap(Engine.find_root)(Engine(), f"{registry.address}/one:tag")
        once = len([asked for asked in registry.asked if "/manifests/" in asked])
    assert attempts == times * once


def test_trouble_that_passes_is_not_noticed(client: object) -> None:
    behaviour: list[int] = [503, 503]

    def answer(_method: str, _path: str) -> int:
        return behaviour.pop() if behaviour else 404

    with faulty(answer) as registry:
        assert Registry().digests([f"{registry.address}/one:tag"]) == {}
    assert behaviour == []


def test_a_push_that_is_refused_fails_with_the_registrys_exit_code(
    workshop: Workshop,
) -> None:
    stack(workshop)
    with faulty(lambda method, _: 404 if method in {"GET", "HEAD"} else 403) as registry:
        ran = workshop.run("--registry", registry.address, "--format", "json", code=3)
    failed = [outcome for outcome in ran.json()["outcomes"] if outcome["kind"] == "failed"]
    assert {outcome["doing"] for outcome in failed} == {"push"}
    assert f"docker login {registry.address}" in ran.err
    assert workshop.actions() == {"base": "reuse", "child": "reuse"}


def test_without_a_registry_publishing_is_wrong_and_nothing_leaves_the_machine(workshop: Workshop) -> None:
    workshop.toml(TOML)
    stack(workshop)
    ran = workshop.run("--publish", code=2)
    assert "--publish needs a registry" in ran.err
    assert {o["kind"] for o in workshop.run("--format", "json").json()["outcomes"]} == {"built"}
