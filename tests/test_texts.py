"""The texts that builds have read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import digest
from pipeline.adapters import texts
from pipeline.adapters.state import State
from pipeline.adapters.texts import Texts


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Texts]:
    state = State(tmp_path / "state", write=True)
    yield Texts(state)
    state.close()


def file(folder: Path, data: str | bytes) -> tuple[str, Path]:
    content = data.encode() if isinstance(data, str) else data
    path = folder / digest.of_bytes(content)[:8]
    path.write_bytes(content)
    return digest.of_bytes(content), path


def test_a_text_is_found_by_its_digest_when_its_file_is_gone(kept: Texts, tmp_path: Path) -> None:
    content, path = file(tmp_path, "é\r\n")
    kept.keep([(content, path), (content, path)])
    path.unlink()
    kept.keep([(content, path)])
    assert kept.find(content) == "é\r\n"
    assert kept.find("0" * 64) is None


def test_a_text_that_is_in_no_file_is_kept_as_well(kept: Texts) -> None:
    content = digest.of_bytes(b"laid over")
    kept.keep([(content, b"laid over"), ("0" * 64, b"another")])
    assert kept.find(content) == "laid over"
    assert kept.find("0" * 64) is None


@pytest.mark.parametrize("data", [b"\0", b"\xff", b"x" * (texts.MOST + 1)], ids=["nul", "latin", "long"])
def test_what_is_no_text_or_long_is_not_kept(data: bytes, kept: Texts, tmp_path: Path) -> None:
    content, path = file(tmp_path, data)
    kept.keep([(content, path)])
    assert kept.find(content) is None


def test_a_file_that_changed_meanwhile_or_cannot_be_read_is_left_out(kept: Texts, tmp_path: Path) -> None:
    content, path = file(tmp_path, "one")
    path.write_text("two")
    kept.keep([(content, path), ("1" * 64, tmp_path / "gone"), ("2" * 64, tmp_path)])
    assert kept.find(content) is None


def test_the_oldest_go_when_there_are_too_many(
    kept: Texts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MOST_TOGETHER", 25)
    files = [file(tmp_path, f"{number:010}") for number in range(5)]
    kept.keep(files[:3])
    kept.keep(files[3:])
    assert [kept.find(content) is not None for content, _ in files] == [False, False, False, True, True]
