"""The inputs-only build context, as a tar stream."""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from pipeline import digest
from pipeline.errors import FailedError
from pipeline.keys import FileState
from pipeline.ports import BuildOrder
from pipeline.tree import Overlaid

# where the Dockerfile lies in a context that does not itself hold it; only a COPY of everything takes it
APART = ".stackbuild.Dockerfile"
# 1980, the earliest time that a zip file can hold: what is made here must be the same whenever it is built
EARLIEST = 315_532_800


def dockerfile_name(order: BuildOrder) -> str:
    """The Dockerfile's path in the context: its own where the build reads it, else one apart."""
    taken = {state.path for state in order.files}
    name = order.dockerfile_path if order.dockerfile_path in taken else APART
    while name in taken - {order.dockerfile_path}:
        name += "-"
    return name


def write(order: BuildOrder, stream: IO[bytes]) -> None:
    """Write the context: the Dockerfile as it is after overlays, and exactly the files in the key.

    Raises FailedError when a file is no longer what its key was made from.
    """
    name = dockerfile_name(order)
    executable = False
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 16) as tar:
        for state in (*_folders_above(order.files), *order.files):
            if state.path == name:
                executable = state.executable
                continue
            path = Path(order.context) / state.path
            if overlaid := order.overlaid.get(state.path):
                _add_overlaid(tar, state.path, overlaid)
                continue
            try:
                if state.kind == "dir":
                    _add_folder(tar, path, state.path)
                elif state.kind == "link":
                    _add_link(tar, path, (state.path, state.content))
                else:
                    _add_file(tar, path, (state.path, state.content, state.executable))
            except BrokenPipeError:
                raise
            except OSError as error:
                raise _changed(path) from error
        # last, so that a context that was cut short is never built
        info = tarfile.TarInfo(name)
        info.size = len(order.dockerfile)
        info.mode, info.mtime = 0o755 if executable else 0o644, EARLIEST
        tar.addfile(info, io.BytesIO(order.dockerfile))


def lay_out(order: BuildOrder, folder: Path) -> tuple[Path, Path]:
    """The context as a folder, and the Dockerfile beside it; raises as `write` does."""
    context, dockerfile = folder / "context", folder / "Dockerfile"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            write(order, file)
            file.seek(0)
            with tarfile.open(fileobj=file) as tar:
                # it is our own tar, and links in it may point anywhere, as they do in the tree
                tar.extraction_filter = lambda member, _path: member
                tar.extractall(context)  # noqa: S202
    except OSError as error:
        # a write that fails names no file
        raise OSError(error.errno, error.strerror, error.filename or str(folder)) from error
    (context / dockerfile_name(order)).rename(dockerfile)
    # everything has been ignored already that is: a .dockerignore in the context must not do so again
    dockerfile.with_name("Dockerfile.dockerignore").write_text("# nothing\n", encoding="ascii")
    return context, dockerfile


def _folders_above(files: Sequence[FileState]) -> list[FileState]:
    """The folders that the files lie in, as far as they are not in the key themselves; outer ones first."""
    found: set[str] = set()
    for state in files:
        path = state.path
        while path := posixpath.dirname(path):
            found.add(path)
    return [FileState(path, "dir") for path in sorted(found - {state.path for state in files})]


def _changed(path: Path) -> FailedError:
    return FailedError.of("changed while it was being built", str(path), "run again")


def _info(path: Path, name: str) -> tuple[tarfile.TarInfo, os.stat_result]:
    status = path.lstat()
    info = tarfile.TarInfo(name)
    info.mtime = int(status.st_mtime)
    return info, status


def _add_overlaid(tar: tarfile.TarFile, name: str, overlaid: Overlaid) -> None:
    info = tarfile.TarInfo(name)
    info.mtime = EARLIEST
    if overlaid.content is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
        return
    info.size = len(overlaid.content)
    info.mode = 0o755 if overlaid.executable else 0o644
    tar.addfile(info, io.BytesIO(overlaid.content))


def _add_folder(tar: tarfile.TarFile, path: Path, name: str) -> None:
    info, status = _info(path, name)
    if not stat.S_ISDIR(status.st_mode):
        raise _changed(path)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    tar.addfile(info)


def _add_link(tar: tarfile.TarFile, path: Path, expected: tuple[str, str]) -> None:
    name, target = expected
    info, status = _info(path, name)
    if not stat.S_ISLNK(status.st_mode) or os.readlink(path) != target:
        raise _changed(path)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
    tar.addfile(info)


def _add_file(tar: tarfile.TarFile, path: Path, expected: tuple[str, str, bool]) -> None:
    name, content, executable = expected
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        info, _ = _info(path, name)
        status = os.fstat(file.fileno())
        info.size = status.st_size
        # of the mode only the executable bit is in the key, so only that may reach the build
        info.mode = 0o755 if executable else 0o644
        hashing = digest.Reader(file)
        tar.addfile(info, hashing)
    if hashing.digest != content or bool(status.st_mode & 0o100) != executable:
        raise _changed(path)
