"""What helps builds along, as they get it: paths made absolute, what is missing said before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import Project
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters import secrets
from pipeline.config import Building, Secret, Ssh
from pipeline.config.building import Settings
from pipeline.dockerfile import mounted_ids, parse
from pipeline.errors import InputError
from pipeline.ports import Cache, Means
from pipeline.run.means import building_of, declared, means_of

ROOT = Path("/project")


def test_paths_are_relative_to_what_names_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    found = building_of(
        Building(secrets=(Secret("a", file="a.txt"), Secret("e", "E")), ssh=(Ssh("d", "~/.ssh/d"), Ssh("x"))),
        ROOT,
        ["id=b,src=b.txt"],
    )
    assert [(s.id, s.file) for s in found.secrets] == [
        ("a", "/project/a.txt"), ("e", ""), ("b", f"{tmp_path}/b.txt"),
    ]  # fmt: skip
    assert [one.file for one in found.ssh] == ["/home/me/.ssh/d", ""]


def test_all_that_is_wrong_with_secrets_is_said_at_once_and_no_value() -> None:
    with pytest.raises(InputError) as caught:
        building_of(Building(), ROOT, ["pip=hunter2", "id=a,value=hunter2", "id=ok"])
    assert len(caught.value.problems) == 2
    assert "hunter2" not in str(caught.value)


def test_an_image_gets_what_its_settings_say_and_what_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SSH_AUTH_SOCK", "HTTPS_PROXY", "https_proxy", "NONE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TOKEN", "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy")
    (tmp_path / "key").write_text("k")
    asked = Building(
        Settings(("../cache/{image}", "lab/cache/{image}"), ("inline",), "host", (("a", "10.0.0.1"),)),
        (("app/*", Settings(network="none"), ""),),
        (Secret("token", "TOKEN"), Secret("none", "NONE"), Secret("gone", file="/gone")),
        (Ssh("default"), Ssh("deploy", str(tmp_path / "key"))),
        (("http", "http://proxy"), ("https", "env")),
    )
    assert means_of(asked, "Base/Cuda", ROOT) == Means(
        secrets=(Secret("token", "TOKEN"),),
        ssh=(Ssh("deploy", str(tmp_path / "key")),),
        cache_from=(Cache("/cache/base--cuda"), Cache("", "lab/cache/base--cuda")),
        cache_to=(Cache("", "inline"),),
        network="host",
        hosts=(("a", "10.0.0.1"),),
        proxies=(("HTTP_PROXY", "http://proxy"), ("http_proxy", "http://proxy"), ("HTTPS_PROXY", None)),
    )
    assert means_of(asked, "app/one", ROOT).network == "none"


def test_what_buildkit_would_not_take_as_a_secret_is_known_before_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 512_001)
    (tmp_path / "good").write_bytes(b"x" * 512_000)
    assert "is no file" in secrets.lacks(Secret("s", file=str(tmp_path)))
    assert "larger than the 500 KiB" in secrets.lacks(Secret("s", file=str(tmp_path / "big")))
    assert secrets.lacks(Secret("s", file=str(tmp_path / "good"))) == ""


def test_settings_for_no_image_are_a_problem_with_the_nearest_name() -> None:
    asked = Building(images=(("bsae", Settings(), "stacks.toml:3"), ("app*", Settings(), "stacks.toml:4")))
    (problem,) = declared(asked, ["base", "app-one"])
    assert (problem.where, problem.hint) == ("stacks.toml:3", "did you mean 'base'?")


def test_what_a_dockerfile_mounts_is_read_from_its_flags() -> None:
    text = (
        "FROM debian AS a\n"
        "RUN --mount=type=secret,id=pip --mount=type=secret,target=/run/secrets/netrc a\n"
        "ONBUILD RUN --mount=type=ssh git clone x\n"
        "FROM a\n"
        "RUN --mount=type=ssh,id=deploy --mount=id=c,type=cache,target=c --mount=type=Secret,source=s a\n"
        "RUN echo --mount=type=secret,id=no\n"
    )
    assert mounted_ids(parse(text.encode(), "x/Dockerfile")) == (
        ("secret", "pip"), ("secret", "netrc"), ("ssh", "default"), ("ssh", "deploy"), ("secret", "s"),
    )  # fmt: skip


def test_values_are_masked_line_by_line_and_short_ones_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("-----BEGIN-----\nline-of-key\n-----END-----\n")
    monkeypatch.setenv("SHORT", "abc")
    monkeypatch.setenv("TOKEN", "  hunter2hunter2\n")
    (tmp_path / "netrc").write_text("machine x login y password word-of-a-line\n")
    asked = (
        Secret("k", file=str(tmp_path / "key")),
        Secret("s", "SHORT"),
        Secret("t", "TOKEN"),
        Secret("n", "NO"),
        Secret("c", file=str(tmp_path / "netrc")),
    )
    found = secrets.values(asked)
    mask = secrets.Mask(found)
    assert mask.whole("abc hunter2hunter2 and line-of-key.") == "abc *** and ***."
    assert mask.whole("machine word-of-a-line") == "machine ***"
    assert found == tuple(sorted(found, key=len, reverse=True))


@given(st.lists(st.text("abc", max_size=7), max_size=9), st.sampled_from([("abcabc",), ("aabbcc", "abc")]))
def test_however_a_text_is_cut_no_value_is_left_in_it(pieces: list[str], values: tuple[str, ...]) -> None:
    mask = secrets.Mask(values)
    shown = "".join([*(mask.piece("1", piece) for piece in pieces), mask.rest("1")])
    assert not any(value in shown for value in values)
    if not any(value in "".join(pieces) for value in values):
        assert shown == "".join(pieces)
    assert secrets.Mask(()).piece("1", "abcabc") == "abcabc"


def test_what_is_wrong_with_secrets_is_said_before_an_engine_is_looked_for(project: Project) -> None:
    said = project.run("build", "--secret", "pip=hunter2hunter2", code=2)
    assert said.errors == ["error: --secret: it takes 'id' with 'env' or 'src'"]
    assert "hunter2" not in said.err
    project.write("stacks.toml", (project.root / "stacks.toml").read_text() + "[build.images.chlid]\n")
    said = project.run("build", code=2)
    assert "no image is called 'chlid'" in said.err
    assert "did you mean 'child'?" in said.err
