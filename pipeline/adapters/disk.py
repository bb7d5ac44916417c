"""Folders and files: read from trees, written only beside them."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline import digest
from pipeline.errors import FailedError, InputError
from pipeline.ignore import Entry
from pipeline.keys import FileState
from pipeline.tree import Overlaid

# a file changed this shortly before it was hashed may change again without its time stamps showing it
RACY_NS = 2_000_000_000
CHUNK = 1 << 20
MOST_BYTES = 8 << 20
# our own folder, where a project lies in a tree's root: no tree holds it
STATE_FOLDER = ".stackbuild"

Stamp = tuple[int, int, int, int]


def walk(root: Path, shown: str) -> tuple[Entry, ...]:
    """Every entry below a folder, sorted by path; links are not followed. `shown` is for messages."""
    # not `Path.is_dir`, which fails for a name that is too long
    if not os.path.isdir(root):
        what = "is not a folder" if os.path.lexists(root) else "does not exist"
        raise InputError.of(f"the tree '{shown}' {what}", hint="give its folder with 'path', or with --tree")
    entries: list[Entry] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as found:
                for item in found:
                    path = f"{folder}{item.name}"
                    if path == STATE_FOLDER:
                        continue
                    entries.append(_entry(path, item))
                    if entries[-1].kind == "dir":
                        folders.append(f"{path}/")
        except OSError as error:
            raise _unreadable(error, f"{shown}/{folder}".rstrip("/")) from error
    return tuple(sorted(entries, key=lambda entry: entry.path))


def is_file(path: Path) -> bool:
    """Whether there is a file; `Path.is_file` fails for a name that is too long."""
    return os.path.isfile(path)


def _entry(path: str, item: os.DirEntry[str]) -> Entry:
    if item.is_symlink():
        return Entry(path, "link", os.readlink(item.path))
    if item.is_dir(follow_symlinks=False):
        return Entry(path, "dir", "")
    return Entry(path, "file" if item.is_file(follow_symlinks=False) else "other", "")


def _unreadable(error: OSError, shown: str) -> InputError:
    return InputError.of(f"cannot be read: {(error.strerror or str(error)).lower()}", shown)


def reader(root: Path, shown: str) -> Callable[[str], bytes]:
    """A function that gives a file's bytes by its path below the root, and never leaves the root."""
    real_root = root.resolve()

    def read(path: str) -> bytes:
        name = f"{shown}/{path}"
        try:
            real = (root / path).resolve(strict=True)
            if not real.is_relative_to(real_root):
                raise InputError.of("leads out of its tree", name, "put the file itself in the tree")
            if not stat.S_ISREG(real.stat().st_mode):
                raise InputError.of("is not a regular file", name)
            if real.stat().st_size > MOST_BYTES:
                raise InputError.of(f"is larger than {MOST_BYTES >> 20} MiB", name)
            return real.read_bytes()
        except (OSError, RuntimeError) as error:
            if isinstance(error, OSError):
                raise _unreadable(error, name) from error
            raise InputError.of("is a link to itself", name) from error

    return read


def file_reader(folders: Mapping[str, Path], shown: Mapping[str, str]) -> Callable[[str, str], Overlaid]:
    """A function that gives a file by its folder's name and its path below; it never leaves the folder."""

    def read(folder: str, path: str) -> Overlaid:
        content = reader(folders[folder], shown[folder])(path)
        try:
            return Overlaid(content, bool(os.stat(folders[folder] / path).st_mode & 0o100))
        except OSError as error:
            raise _unreadable(error, f"{shown[folder]}/{path}") from error

    return read


def read_text(path: Path, shown: str) -> str:
    """A file that people write, as text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise InputError.of("is not UTF-8 text", f"{shown}:{line}", "save it as UTF-8") from error
    except OSError as error:
        raise _unreadable(error, shown) from error


def write_text(path: Path, text: str) -> None:
    """Replace a file whole: a kill or a full disk leaves the old one or the new one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o644)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise FailedError.of(
            f"cannot be written: {(error.strerror or str(error)).lower()}", str(path)
        ) from error


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content, 64 hex digits."""
    with path.open("rb") as file:
        return digest.of_file(file)


def stamp(status: os.stat_result) -> Stamp:
    """What of a file's status changes whenever its content does."""
    return (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)


class Digests:
    """File states, hashed only where a file's stamp is not the remembered one."""

    def __init__(self, roots: dict[str, Path], known: dict[str, tuple[Stamp, str]]) -> None:
        self._roots = roots
        self._known = known
        self.learnt: dict[str, tuple[Stamp, str]] = {}

    def states(self, tree: str, context: str, paths: Sequence[str]) -> tuple[FileState, ...]:
        """The state of each path below a tree's context folder."""
        folder = os.path.normpath(self._roots[tree] / context)
        return tuple(self._state(folder, path) for path in paths)

    def _state(self, folder: str, path: str) -> FileState:
        full = f"{folder}/{path}"
        try:
            status = os.lstat(full)
            if stat.S_ISLNK(status.st_mode):
                return FileState(path, "link", os.readlink(full))
            if stat.S_ISDIR(status.st_mode):
                return FileState(path, "dir")
            if not stat.S_ISREG(status.st_mode):
                hint = "name it in .dockerignore, or remove it"
                raise InputError.of("is no file, folder or link: it cannot be sent to a build", full, hint)
            return FileState(path, "file", self._digest(full, status), bool(status.st_mode & 0o100))
        except OSError as error:
            raise _unreadable(error, full) from error

    def _digest(self, full: str, status: os.stat_result) -> str:
        now = stamp(status)
        known = self._known.get(full)
        if known and known[0] == now:
            return known[1]
        began = time.time_ns()
        content = file_sha256(Path(full))
        with contextlib.suppress(OSError):
            settled = began - max(status.st_mtime_ns, status.st_ctime_ns) > RACY_NS
            if settled and stamp(os.lstat(full)) == now:
                self._known[full] = self.learnt[full] = (now, content)
        return content
