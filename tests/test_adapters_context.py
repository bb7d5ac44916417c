"""The context that a build is sent: what is in the key, as it is in the key, and nothing else."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.adapters import context
from pipeline.adapters.disk import Digests
from pipeline.errors import FailedError
from pipeline.keys import FileState
from pipeline.ports import BuildOrder


def order(folder: Path, *files: FileState, dockerfile_path: str = "") -> BuildOrder:
    """A build of a folder."""
    return BuildOrder(
        image="one",
        key="0" * 64,
        dockerfile=b"FROM x\n",
        dockerfile_path=dockerfile_path,
        context=str(folder),
        files=files,
        bases=(),
        outside=(),
        args=(),
        labels=(),
        tags=(),
        platform="linux/amd64",
        target="",
        log="",
    )


def states(folder: Path, *paths: str) -> tuple[FileState, ...]:
    """The states of files as they are now."""
    return Digests({"t": folder}, {}).states("t", ".", paths)


class Sent(tarfile.TarInfo):
    """A member of a context, with its content."""

    content: bytes


def sent(what: BuildOrder) -> dict[str, Sent]:
    """The members of the context."""
    stream = io.BytesIO()
    context.write(what, stream)
    stream.seek(0)
    found = {}
    with tarfile.open(fileobj=stream, tarinfo=Sent) as tar:
        for member in tar:
            assert isinstance(member, Sent)
            file = tar.extractfile(member) if member.isreg() else None
            member.content = file.read() if file else b""
            assert member.name not in found
            found[member.name] = member
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with some of everything."""
    (tmp_path / "sub/deep").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "sub/deep/a").write_text("a")
    (tmp_path / "b").write_text("b")
    (tmp_path / "b").chmod(0o600)
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "script").chmod(0o711)
    (tmp_path / "link").symlink_to("../outside")
    (tmp_path / "other").write_text("not sent")
    (tmp_path / "Dockerfile").write_text("FROM upstream\n")
    return tmp_path


def test_exactly_the_files_of_the_key_are_sent_and_the_dockerfile_apart(folder: Path) -> None:
    members = sent(order(folder, *states(folder, "b", "sub/deep/a")))
    assert list(members) == ["sub", "sub/deep", "b", "sub/deep/a", context.APART]
    assert members[context.APART].content == b"FROM x\n"


def test_a_dockerfile_that_the_build_reads_lies_where_it_does_and_is_the_edited_one(folder: Path) -> None:
    (folder / "Dockerfile").chmod(0o755)
    members = sent(order(folder, *states(folder, "Dockerfile", "b"), dockerfile_path="Dockerfile"))
    assert list(members) == ["b", "Dockerfile"]
    assert members["Dockerfile"].content == b"FROM x\n"
    assert members["Dockerfile"].mode == 0o755


def test_of_modes_and_owners_only_the_executable_bit_is_sent(folder: Path) -> None:
    members = sent(order(folder, *states(folder, "b", "script", "empty")))
    assert {name: oct(member.mode) for name, member in members.items()} == {
        "b": "0o644",
        "script": "0o755",
        "empty": "0o755",
        context.APART: "0o644",
    }
    assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}


def test_the_dockerfile_is_as_old_as_a_zip_file_can_hold_whenever_it_is_sent(folder: Path) -> None:
    what = order(folder, *states(folder, "Dockerfile"), dockerfile_path="Dockerfile")
    assert sent(what)["Dockerfile"].mtime == datetime(1980, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("target", ["./b", "sub//deep/", "../x/../y", "/", "."])
def test_a_link_says_exactly_what_it_says_on_disk(folder: Path, target: str) -> None:
    # a pathlib path would tidy the target up
    os.symlink(target, folder / "odd")  # noqa: PTH211
    assert sent(order(folder, *states(folder, "odd")))["odd"].linkname == target


def test_a_file_that_is_called_as_the_dockerfile_apart_is_sent_as_itself(folder: Path) -> None:
    (folder / context.APART).write_text("of somebody else")
    members = sent(order(folder, *states(folder, context.APART)))
    assert members[context.APART].content == b"of somebody else"
    assert members[f"{context.APART}-"].content == b"FROM x\n"


def test_links_are_sent_as_links_and_empty_folders_as_folders(folder: Path) -> None:
    members = sent(order(folder, *states(folder, "empty", "link")))
    assert members["link"].issym()
    assert members["link"].linkname == "../outside"
    assert members["empty"].isdir()


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("b", lambda path: path.write_text("c")),
        ("b", lambda path: path.write_text("longer")),
        ("b", lambda path: path.write_text("")),
        ("b", lambda path: path.chmod(0o755)),
        ("b", lambda path: path.unlink()),
        ("b", lambda path: (path.unlink(), path.symlink_to("other"))),
        ("b", lambda path: (path.unlink(), path.mkdir())),
        ("link", lambda path: (path.unlink(), path.symlink_to("elsewhere"))),
        ("link", lambda path: (path.unlink(), path.write_text("../outside"))),
        ("empty", lambda path: path.rmdir()),
        ("empty", lambda path: (path.rmdir(), path.write_text(""))),
        ("sub/deep/a", lambda path: (path.unlink(), path.parent.rmdir())),
    ],
)
def test_what_is_no_longer_as_in_the_key_fails_before_the_dockerfile_is_sent(
    folder: Path, path: str, change: object
) -> None:
    what = order(folder, *states(folder, path))
    assert callable(change)
    change(folder / path)
    stream = io.BytesIO()
    with pytest.raises(FailedError) as caught:
        context.write(what, stream)
    (problem,) = caught.value.problems
    assert problem.message == "changed while it was being built"
    assert problem.where.startswith(str(folder / path.split("/", maxsplit=1)[0]))
    assert context.APART.encode() not in stream.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(names=st.sets(st.binary(min_size=1, max_size=40).filter(lambda n: not {0, 47} & set(n)), max_size=5))
def test_every_name_and_content_that_a_disk_can_hold_arrives(
    tmp_path_factory: pytest.TempPathFactory, names: set[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("names")
    names -= {b".", b".."}
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(hashlib.sha256(name).digest())
    paths = sorted(map(os.fsdecode, names))
    members = sent(order(folder, *states(folder, *paths)))
    assert set(members) == {*paths, context.APART}
    for path in paths:
        assert members[path].content == hashlib.sha256(os.fsencode(path)).digest()


def test_a_long_path_and_an_empty_file_arrive(folder: Path) -> None:
    deep = "/".join(["a-folder-with-a-name"] * 20)
    (folder / deep).mkdir(parents=True)
    (folder / deep / "file").write_text("")
    members = sent(order(folder, *states(folder, f"{deep}/file")))
    assert members[f"{deep}/file"].size == 0


def test_laid_out_as_a_folder_the_dockerfile_lies_beside_it(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    away = tmp_path_factory.mktemp("away")
    what = order(folder, *states(folder, "b", "empty", "link", "script", "sub/deep/a"))
    where, dockerfile = context.lay_out(what, away)
    assert sorted(str(path.relative_to(where)) for path in where.rglob("*")) == [
        "b",
        "empty",
        "link",
        "script",
        "sub",
        "sub/deep",
        "sub/deep/a",
    ]
    assert dockerfile.read_bytes() == b"FROM x\n"
    assert not dockerfile.is_relative_to(where)
    # BuildKit would take a .dockerignore out of the context, were this one not there
    assert dockerfile.with_name(f"{dockerfile.name}.dockerignore").read_text().startswith("#")
    assert str((where / "link").readlink()) == "../outside"
    assert (where / "script").stat().st_mode & 0o777 == 0o755
