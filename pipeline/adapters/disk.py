"""Folders and files: read from trees, written only beside them."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pipeline import digest
from pipeline.errors import FailedError, InputError, Problem
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


def room(path: Path) -> tuple[int, int]:
    """How many bytes are free where a folder lies, and how many there are; zeros where nobody can say."""
    try:
        found = os.statvfs(path)
    except OSError:
        return 0, 0
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def walk(root: Path, shown: str) -> tuple[Entry, ...]:
    """Every entry below a folder, sorted by path; links are not followed. `shown` is for messages."""
    # not `Path.is_dir`, which fails for a name that is too long
    if not os.path.isdir(root):
        what = "is not a folder" if os.path.lexists(root) else "does not exist"
        raise InputError.of(f"the tree '{shown}' {what}", hint="give its folder with 'path', or with --tree")
    entries: dict[str, Entry] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as found:
                inner = [_entry(f"{folder}{item.name}", item) for item in found]
        except (FileNotFoundError, NotADirectoryError) as error:
            if not folder:
                raise _unreadable(error, shown) from error
            # it has gone since it was listed: then it is no part of the tree
            del entries[folder.rstrip("/")]
            continue
        except OSError as error:
            if not folder:
                raise _unreadable(error, shown) from error
            path = folder.rstrip("/")
            entries[path] = Entry(path, "closed", _why(error))
            continue
        inner = [entry for entry in inner if entry.kind and entry.path != STATE_FOLDER]
        entries.update((entry.path, entry) for entry in inner)
        folders += [f"{entry.path}/" for entry in inner if entry.kind == "dir"]
    return tuple(sorted(entries.values(), key=lambda entry: entry.path))


def is_file(path: Path) -> bool:
    """Whether there is a file; `Path.is_file` fails for a name that is too long."""
    return os.path.isfile(path)


def is_folder(path: Path) -> bool:
    """Whether there is a folder; `Path.is_dir` fails for a name that is too long."""
    return os.path.isdir(path)


def _entry(path: str, item: os.DirEntry[str]) -> Entry:
    """One thing that was listed; without a kind if it has gone since."""
    if item.is_symlink():
        try:
            return Entry(path, "link", os.readlink(item.path))
        except FileNotFoundError:
            return Entry(path, "")
    if item.is_dir(follow_symlinks=False):
        return Entry(path, "dir", "")
    return Entry(path, "file" if item.is_file(follow_symlinks=False) else "other", "")


def _unreadable(error: OSError, shown: str) -> InputError:
    return InputError.of(f"cannot be read: {_why(error)}", shown)


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def reader(root: Path, shown: str) -> Callable[[str], bytes]:
    """A function that gives a file's bytes by its path below the root, and never leaves the root."""
    real_root = os.path.realpath(root)
    below = f"{real_root}/".replace("//", "/")

    def read(path: str) -> bytes:
        name = f"{shown}/{path}"
        try:
            real = os.path.realpath(f"{below}{path}", strict=True)
            if real != real_root and not real.startswith(below):
                raise InputError.of("leads out of its tree", name, "put the file itself in the tree")
            status = os.stat(real)
            if not stat.S_ISREG(status.st_mode):
                raise InputError.of("is not a regular file", name)
            if status.st_size > MOST_BYTES:
                raise InputError.of(f"is larger than {MOST_BYTES >> 20} MiB", name)
            with open(real, "rb") as file:
                return file.read()
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
    """A file that people write, as text; the mark that editors of Windows put in front is none of it."""
    try:
        return path.read_text(encoding="utf-8-sig")
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


def changed_after(folder: Path, paths: Iterable[str], moment: float) -> list[str]:
    """Those of the paths below a folder whose content was written after a moment, in seconds since 1970."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            if os.lstat(folder / path).st_mtime > moment:
                found.append(path)
    return found


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
        """The state of each path below a tree's context folder; raises with all that cannot be read."""
        folder = os.path.normpath(self._roots[tree] / context)
        found: list[FileState] = []
        problems: list[Problem] = []
        for path in paths:
            try:
                found.append(self._state(folder, path))
            except InputError as error:
                problems.extend(error.problems)
        if problems:
            raise InputError(*problems)
        return tuple(found)

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
        except FileNotFoundError as error:
            raise InputError.of("went away while it was being read", full, "run again") from error
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
