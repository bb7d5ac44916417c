"""Logins come from docker's configuration as docker's own client reads it, whoever reads it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters import credentials
from pipeline.adapters.credentials import Credentials

AUTH = base64.b64encode(b"user:p:w").decode()
HOST = "reg.lab:5000"


@pytest.mark.parametrize(
    "config",
    [
        {"auths": {HOST: {"auth": AUTH}}},
        {"auths": {f"https://{HOST}/v1/": {"auth": AUTH}}},
        {"auths": {HOST: {"identitytoken": "t"}}},
        {"auths": {HOST: {"auth": AUTH, "identitytoken": "t"}}},
        {"auths": {HOST: {}}},
        {"auths": {"other.lab": {"auth": AUTH}}},
        {"auths": {HOST: {"auth": AUTH}}, "credHelpers": {"other.lab": "nobody"}},
        {"auths": None},
        {},
        [],
    ],
)
def test_what_is_read_without_dockers_client_is_what_it_would_have_read(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps(config))
    try:
        theirs = credentials._docker(HOST)
    except (TypeError, AttributeError):  # of what is no configuration
        theirs = None
    assert credentials._written(HOST) in {None, theirs}
    if theirs is not None:
        assert Credentials().of(HOST) == theirs


def test_a_plain_login_needs_no_client_and_a_helper_is_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    config = {"auths": {HOST: {"auth": AUTH}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = credentials._written(HOST)
    assert found
    assert (found.user, found.password) == ("user", "p:w")
    for helper in ({"credsStore": "nobody"}, {"credHelpers": {HOST: "nobody"}}):
        (tmp_path / "config.json").write_text(json.dumps({**config, **helper}))
        assert credentials._written(HOST) is None
