"""What is signed before it gets names, by a stand-in for cosign that notes how it was called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.workshop import Workshop
from pipeline.adapters.engine import Engine, NotFoundError

pytestmark = pytest.mark.engine


def stub(folder: Path, script: str = "exit 0") -> dict[str, str]:
    """An environment with a `cosign` that notes its words, one call a line."""
    folder.mkdir()
    (folder / "cosign").write_text(f'#!/bin/sh\necho "$@" >> {folder}/notes\n{script}\n')
    (folder / "cosign").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "COSIGN_PASSWORD": "not-for-everybody"}


def named(name: str) -> bool:
    try:
        return bool(Engine().find_root(name).digest)
    except NotFoundError:
        return False


def test_what_has_passed_is_signed_by_its_digest_before_it_gets_a_name(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.image("base", "FROM scratch\nCOPY who /\n", {"who": workshop.nonce})
    workshop.image("child", "FROM jupyter/base\nCOPY who /child\n", {"who": workshop.nonce})
    workshop.more('[sign]\nkey = "env://COSIGN_PRIVATE_KEY"')
    asked = ("--registry", workshop.registry, "--publish", "--allow-unsmoked")
    refusing = stub(tmp_path / "refusing", "echo 'Error: no key' >&2; exit 1")
    ran = workshop.run(*asked, env=refusing, code=1)
    assert "no key" in ran.err
    assert not named(f"{workshop.registry}/base:latest")

    signing = stub(tmp_path / "signing")
    report = workshop.run(*asked, "--format", "json", env=signing).json()
    assert named(f"{workshop.registry}/base:latest")
    notes = (tmp_path / "signing/notes").read_text().splitlines()
    digests = {name["image"]: name["digest"] for name in report["names"]}
    assert sorted(notes) == [
        f"sign --yes --key env://COSIGN_PRIVATE_KEY {workshop.registry}/{image}@{digests[image]}"
        for image in ("base", "child")
    ]
