"""What this machine knows of earlier runs, in one sqlite file."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import FailedError
from pipeline.keys import KeyRecord

FILE = "state.db"
# one script a version, in order; a state of version n has had the first n. Never edit one, add one
MIGRATIONS = (
    """
create table if not exists builds (
    key text primary key, image text not null, record text not null, image_id text not null,
    seconds real not null, size integer not null, log text not null, at real not null);
create table if not exists current (
    variant text not null, image text not null, record text not null, primary key (variant, image));
create table if not exists verdicts (
    image_id text not null, probe text not null, verdict text not null, at real not null,
    primary key (image_id, probe));
create table if not exists pushed (
    registry text not null, key text not null, digest text not null, primary key (registry, key));
create table if not exists files (
    path text primary key, size integer not null, mtime integer not null, inode integer not null,
    ctime integer not null, content text not null);
""",
    """
create table if not exists manifests (image_id text primary key, manifest text not null, at real not null);
""",
    """
create table if not exists answered (
    image text not null, answer text not null, at real not null, primary key (image, answer))
""",
    """
create table if not exists runs (
    number integer primary key autoincrement, began real not null, ended real, exit_code integer,
    owner text not null, command text not null, plan text not null, needs text not null);
create table if not exists happenings (run integer not null, at real not null, happening text not null);
create index if not exists happenings_of_run on happenings (run);
create table if not exists outputs (
    variant text not null, image text not null, key text not null, size integer not null,
    layers text not null, primary key (variant, image))
""",
    """
create table if not exists texts (content text primary key, text text not null, at real not null)
""",
    """
drop table verdicts;
create table judged (
    image_id text not null, probe text not null, hardware text not null, verdict text not null,
    at real not null, primary key (image_id, probe, hardware));
""",
    """
create table if not exists attempts (
    image text not null, key text not null, doing text not null, number integer not null, why text not null,
    wait real not null, at real not null)
""",
    """
create table if not exists shared (
    registry text not null, key text not null, probe text not null, primary key (registry, key, probe))
""",
    """
create table if not exists made (key text primary key, at real not null)
""",
)
VERSION = len(MIGRATIONS)
PATIENCE = 30.0  # how long to wait for another process that writes, in seconds


@dataclass(frozen=True, slots=True)
class BuildNote:
    """One finished build, as it is remembered."""

    record: KeyRecord
    key: str
    image_id: str
    seconds: float
    size: int
    log: str


# a full disk must not make a new state of an old one
ELSEWHERE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM,
}  # fmt: skip


class State:
    """The state file of a project; without `write`, nothing is created and nothing changes.

    A file that is no state is set aside under another name, and `set_aside` says which.
    """

    def __init__(self, folder: Path, *, write: bool) -> None:
        self._path = folder / FILE
        self._write = write
        self._lock = threading.Lock()
        self.set_aside = ""
        self._last: dict[str, dict[str, KeyRecord]] = {}
        with _mapped(self._path):
            try:
                self._db = self._open()
            except sqlite3.DatabaseError as error:
                if _is_sound(error) and (self._write or "locked" in str(error)):
                    raise
                self._db = self._start_again()

    def _open(self) -> sqlite3.Connection:
        if not self._write and not self._path.exists():
            return _nothing()
        if self._write:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _keep_from_git(self._path.parent)
        db = sqlite3.connect(
            f"{self._path.resolve().as_uri()}?{self._mode()}",
            uri=True,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            version = int(db.execute("pragma user_version").fetchone()[0])
            if version > VERSION:
                hint = "a newer stackbuild wrote it: update this one, or remove the file"
                raise FailedError.of(f"the state is of version {version}", str(self._path), hint)
            if version == 0 and not self._write and _is_empty(db):
                db.close()
                return _nothing()
            if version < VERSION and self._write:
                _log_ahead(db)
                _migrate(db)
            elif version < VERSION:
                db = _migrated_copy(db)
            db.execute("select count(*) from builds").fetchone()
        except BaseException:
            db.close()
            raise
        return db

    def _mode(self) -> str:
        if self._write:
            return "mode=rwc"
        # a reader of a write-ahead log makes files of its own, unless there is no log to read
        log = self._path.with_name(f"{self._path.name}-wal")
        return "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"

    def _start_again(self) -> sqlite3.Connection:
        aside = self._path.with_name(f"{FILE}.broken-{time.time_ns()}")
        self.set_aside = str(aside) if self._write else str(self._path)
        if not self._write:
            return _nothing()
        self._path.rename(aside)
        for ending in ("-wal", "-shm"):
            self._path.with_name(f"{FILE}{ending}").unlink(missing_ok=True)
        return self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """What a query finds; for the modules that keep a table of their own here."""
        with self._lock, _mapped(self._path):
            return self._db.execute(query, values).fetchall()

    def change(self, query: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement for each row, all or none."""
        with self._lock, _mapped(self._path):
            self._db.execute("begin immediate")
            try:
                self._db.executemany(query, rows)
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def last_records(self, variant: str) -> dict[str, KeyRecord]:
        """The record that each image of a variant was last built or found with."""
        found = {}
        for image, text in self.rows("select image, record from current where variant = ?", variant):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                found[str(image)] = KeyRecord.from_json(json.loads(str(text)))
        self._last[variant] = found
        return dict(found)

    def note_current(self, variant: str, records: Iterable[KeyRecord]) -> None:
        """Remember what the images of a variant are now."""
        last = self._last.setdefault(variant, {})
        changed = {record.image: record for record in records if last.get(record.image) != record}
        rows = [(variant, image, json.dumps(record.to_json())) for image, record in changed.items()]
        if rows:
            self.change("insert or replace into current values (?, ?, ?)", rows)
        last.update(changed)

    def note_build(self, note: BuildNote) -> None:
        """Remember a finished build."""
        record = json.dumps(note.record.to_json())
        row = (note.key, note.record.image, record, note.image_id, note.seconds, note.size, note.log)
        self.change("insert or replace into builds values (?, ?, ?, ?, ?, ?, ?, ?)", [(*row, time.time())])

    def records(self, beginning: str) -> dict[str, KeyRecord]:
        """The records of the finished builds whose keys begin like this, by key."""
        found = {}
        query = "select key, record from builds where substr(key, 1, ?) = ?"
        for key, text in self.rows(query, len(beginning), beginning):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                found[str(key)] = KeyRecord.from_json(json.loads(str(text)))
        return found

    def built_at(self, key: str) -> float:
        """When a key was built, in seconds since 1970; 0 where that is not known."""
        return max(
            (float(str(at)) for (at,) in self.rows("select at from builds where key = ?", key)), default=0
        )

    def builds(self) -> dict[str, str]:
        """The image id of every build that is remembered, by key."""
        return {str(key): str(image_id) for key, image_id in self.rows("select key, image_id from builds")}

    def seconds(self) -> dict[str, float]:
        """How long each image took to build the last time."""
        rows = self.rows("select image, seconds from builds order by at")
        return {str(image): float(str(seconds)) for image, seconds in rows}

    def pushed(self, registry: str) -> dict[str, str]:
        """The digest that each key was pushed to a registry with."""
        rows = self.rows("select key, digest from pushed where registry = ?", registry)
        return {str(key): str(digest) for key, digest in rows}

    def note_pushed(self, registry: str, digests: Mapping[str, str]) -> None:
        """Remember which keys a registry has."""
        rows = [(registry, key, digest) for key, digest in digests.items()]
        self.change("insert or replace into pushed values (?, ?, ?)", rows)

    def file_digests(self) -> dict[str, tuple[tuple[int, int, int, int], str]]:
        """The remembered digest of each file, with the stamp that it is valid for."""
        rows = self.rows("select path, size, mtime, inode, ctime, content from files")
        return {
            str(path): ((int(str(a)), int(str(b)), int(str(c)), int(str(d))), str(content))
            for path, a, b, c, d, content in rows
        }

    def note_files(self, learnt: Mapping[str, tuple[tuple[int, int, int, int], str]]) -> None:
        """Remember digests of files; names that are no valid text are left out."""
        rows = [
            (path, *stamp, content)
            for path, (stamp, content) in learnt.items()
            if path.isprintable() or path.isascii()
        ]
        if rows:
            self.change("insert or replace into files values (?, ?, ?, ?, ?, ?)", rows)


def aside(folder: Path) -> tuple[Path, ...]:
    """The states that could not be read and were set aside."""
    return tuple(sorted(folder.glob(f"{FILE}.broken-*")))


def forget(states: Iterable[Path]) -> None:
    """Remove states that were set aside."""
    for path in states:
        path.unlink(missing_ok=True)


def _keep_from_git(folder: Path) -> None:
    """Let git pass over a folder of ours; where that cannot be written, what is to be will say so."""
    with contextlib.suppress(OSError), (folder / ".gitignore").open("x", encoding="ascii") as file:
        file.write("*\n")


def _nothing() -> sqlite3.Connection:
    """A state that nothing is in, and that is nowhere."""
    db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    _migrate(db)
    return db


def _log_ahead(db: sqlite3.Connection) -> None:
    """Let readers go on while one writes, from now on.

    sqlite's own timeout does not cover this change: of two who try at once, one is refused without a wait.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _migrate(db: sqlite3.Connection) -> None:
    """Bring a state up to date, one version at a time; of two processes that try at once, one does it."""
    version = -1
    while version < VERSION:
        db.execute("begin immediate")
        try:
            version = int(db.execute("pragma user_version").fetchone()[0])
            if version < VERSION:
                for statement in MIGRATIONS[version].split(";"):
                    db.execute(statement)
                db.execute(f"pragma user_version = {version + 1}")
        except BaseException:
            db.execute("rollback")
            raise
        db.execute("commit")


def _migrated_copy(db: sqlite3.Connection) -> sqlite3.Connection:
    """An older state as it would be now, for who may not write it."""
    copy = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    db.backup(copy)
    db.close()
    _migrate(copy)
    return copy


def _is_sound(error: sqlite3.DatabaseError) -> bool:
    """Whether the file may be as good as ever, and only its disk, its folder or others are in the way."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in ELSEWHERE


def _is_empty(db: sqlite3.Connection) -> bool:
    """Whether this is a file that a kill has left before anything was in it."""
    return bool(db.execute("select count(*) from sqlite_master").fetchone() == (0,))


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        hint = "is the disk full, or the folder not writable?"
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise FailedError.of(f"the state cannot be used: {why.lower()}", str(path), hint) from error
