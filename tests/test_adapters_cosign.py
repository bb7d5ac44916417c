"""What cosign is called with, and what its failures become."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import config
from pipeline.adapters import cosign
from pipeline.errors import FailedError, InputError, UnreachableError

SOURCE = f"registry.example/team/base@sha256:{'0' * 64}"
TREE = '[tree.t]\npath = "t"\n'


def stub(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A `cosign` that notes its words, one a line, and goes on with a script; gives the notes' place."""
    program, notes = folder / "cosign", folder / "notes"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {notes}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("COSIGN_PASSWORD", "not-for-everybody")
    return notes


def test_an_image_is_signed_by_its_digest_and_no_secret_is_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = stub(tmp_path, monkeypatch, '[ "$COSIGN_PASSWORD" = not-for-everybody ]')
    cosign.sign(SOURCE, "env://COSIGN_PRIVATE_KEY")
    assert notes.read_text().splitlines() == ["sign", "--yes", "--key", "env://COSIGN_PRIVATE_KEY", SOURCE]


def test_without_a_key_it_is_keyless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = stub(tmp_path, monkeypatch, "exit 0")
    cosign.sign(SOURCE, "")
    assert notes.read_text().splitlines() == ["sign", "--yes", SOURCE]


def test_a_refusal_is_a_failure_with_cosigns_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(tmp_path, monkeypatch, "echo first >&2; echo 'Error: wrong password' >&2; exit 1")
    with pytest.raises(FailedError, match="wrong password"):
        cosign.sign(SOURCE, "cosign.key")


def test_no_cosign_is_told_before_anything_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="no `cosign` on PATH"):
        cosign.sign(SOURCE, "")


def test_signatures_are_where_cosign_keeps_them() -> None:
    assert cosign.signature_name(SOURCE) == f"registry.example/team/base:sha256-{'0' * 64}.sig"


def test_signing_is_wanted_where_its_section_is() -> None:
    assert not config.parse(TREE, "stacks.toml").sign.wanted
    found = config.parse(f"{TREE}[sign]\n", "stacks.toml").sign
    assert found.wanted
    assert found.key == ""
    assert config.parse(f'{TREE}[sign]\nkey = "awskms:///alias/x"\n', "stacks.toml").sign.key


@pytest.mark.parametrize("key", ["-----BEGIN PRIVATE KEY-----", "--yes", "two words", "a;b"])
def test_a_key_is_a_place_and_never_the_key_itself(key: str) -> None:
    with pytest.raises(InputError, match="is no place of a key"):
        config.parse(f'{TREE}[sign]\nkey = "{key}"\n', "stacks.toml")
