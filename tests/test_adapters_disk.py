"""Trees on a disk: read as they are, never left, and what is remembered of them is never wrong."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from pipeline.adapters import disk
from pipeline.adapters.disk import Digests
from pipeline.errors import FailedError, InputError


def test_a_walk_finds_everything_in_order_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "b/c").mkdir(parents=True)
    (tmp_path / "b/c/d").touch()
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b.txt").touch()
    (tmp_path / ".stackbuild").mkdir()
    (tmp_path / ".stackbuild/state.db").touch()
    (tmp_path / "b/.stackbuild").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = disk.walk(tmp_path, "images")
    assert [(entry.path, entry.kind, entry.target) for entry in found] == [
        ("a", "link", "b"),
        ("b", "dir", ""),
        ("b.txt", "file", ""),
        ("b/.stackbuild", "dir", ""),
        ("b/c", "dir", ""),
        ("b/c/d", "file", ""),
        ("pipe", "other", ""),
    ]


def test_a_tree_that_is_not_there_or_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="the tree 'x' does not exist"):
        disk.walk(tmp_path / "none", "x")
    with pytest.raises(InputError, match="the tree 'x' is not a folder"):
        disk.walk(tmp_path / "file", "x")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("out", "images/out: leads out of its tree"),
        ("inner/out", "images/inner/out: leads out of its tree"),
        ("ring", "images/ring: is a link to itself|too many levels"),
        ("none", "images/none: cannot be read: no such file or directory"),
        ("dangling", "images/dangling: cannot be read: no such file"),
        ("inner", "images/inner: is not a regular file"),
        ("pipe", "images/pipe: is not a regular file"),
    ],
)
def test_reading_never_leaves_the_tree_and_never_waits(tmp_path: Path, path: str, message: str) -> None:
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (tree / "out").symlink_to("../secret")
    (tree / "inner/out").symlink_to(tmp_path / "secret")
    (tree / "ring").symlink_to("ring")
    (tree / "dangling").symlink_to("nowhere")
    os.mkfifo(tree / "pipe")
    (tree / "fine").write_text("fine")
    (tree / "link").symlink_to("inner/../fine")
    read = disk.reader(tree, "images")
    assert read("link") == b"fine"
    with pytest.raises(InputError, match=message):
        read(path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "deep/file"
    disk.write_text(file, "first\n")
    disk.write_text(file, "second\n")
    assert file.read_text() == "second\n"
    assert file.stat().st_mode & 0o777 == 0o644

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FailedError, match="cannot be written: no space left on device"):
        disk.write_text(file, "third\n")
    assert file.read_text() == "second\n"
    assert [path.name for path in file.parent.iterdir()] == ["file"]


def digests(folder: Path, known: Digests | None = None) -> Digests:
    """Digests of a folder, with what others have learnt."""
    return Digests({"t": folder}, dict(known.learnt) if known else {})


def content(found: Digests, path: str) -> str:
    """The digest of a file."""
    (state,) = found.states("t", ".", [path])
    return state.content


def test_a_state_says_what_a_build_would_get(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "x").write_text("a")
    (tmp_path / "x").chmod(0o755)
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "dir").mkdir()
    a, x, link, folder = digests(tmp_path).states("t", ".", ["a", "x", "link", "dir"])
    assert (a.kind, a.executable, x.executable) == ("file", False, True)
    assert a.content == x.content
    assert (link.kind, link.content) == ("link", "a")
    assert folder.kind == "dir"


def test_a_file_is_hashed_again_exactly_when_its_stamp_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "RACY_NS", 0)
    (tmp_path / "a").write_text("one")
    time.sleep(0.02)
    first = digests(tmp_path)
    old = content(first, "a")
    hashed: list[Path] = []
    really = disk.file_sha256

    def noting(path: Path) -> str:
        hashed.append(path)
        return really(path)

    monkeypatch.setattr(disk, "file_sha256", noting)
    assert content(digests(tmp_path, first), "a") == old
    assert hashed == []
    (tmp_path / "a").write_text("two")
    assert content(digests(tmp_path, first), "a") != old
    assert len(hashed) == 1


def test_a_file_that_was_changed_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    known = digests(tmp_path)
    content(known, "a")
    assert known.learnt == {}


def test_a_file_put_back_with_its_size_and_time_is_still_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "RACY_NS", 0)
    (tmp_path / "a").write_text("one")
    status = (tmp_path / "a").stat()
    time.sleep(0.02)
    known = digests(tmp_path)
    old = content(known, "a")
    (tmp_path / "a").write_text("two")
    os.utime(tmp_path / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert content(digests(tmp_path, known), "a") != old


def test_what_no_build_can_be_sent_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
        with pytest.raises(InputError, match="socket: is no file, folder or link") as caught:
            digests(tmp_path).states("t", ".", ["socket"])
    assert ".dockerignore" in caught.value.problems[0].hint
    with pytest.raises(InputError, match="gone: went away while it was being read"):
        digests(tmp_path).states("t", ".", ["gone"])


def test_a_file_system_that_counts_whole_seconds_hides_no_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def coarse(status: os.stat_result) -> disk.Stamp:
        second = 1_000_000_000
        return (status.st_size, status.st_mtime_ns // second * second, status.st_ino, 0)

    monkeypatch.setattr(disk, "stamp", coarse)
    (tmp_path / "a").write_text("one")
    first = digests(tmp_path)
    old = content(first, "a")
    (tmp_path / "a").write_text("two")
    assert content(digests(tmp_path, first), "a") != old


def test_the_mark_that_windows_editors_put_in_front_of_a_text_is_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf[project]\r\n")
    assert disk.read_text(tmp_path / "a", "a") == "[project]\n"
