"""What the state survives: kills at any moment, and being of any earlier version."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from pipeline.adapters.state import MIGRATIONS, VERSION, BuildNote, State
from pipeline.keys import FileState, KeyRecord

FORK = multiprocessing.get_context("fork")


def record(number: int) -> KeyRecord:
    """A record of an image of its own."""
    files = tuple(FileState(f"{path}", "file", "0" * 64) for path in range(50))
    return KeyRecord(1, f"image-{number}", ("FROM x",), (), files, (), (), "", "linux/amd64")


def write(folder: Path, pipe: int, first: int) -> None:
    """Note one thing after the other, and say of each that it is noted, until killed."""
    state = State(folder, write=True)
    for number in range(first, first + 10_000):
        one = record(number)
        state.note_build(BuildNote(one, one.key, f"sha256:{number}", 1.0, 1, ""))
        state.note_current("cpu", [one])
        state.note_files({f"/{number}": ((1, 2, 3, number), "4")})
        os.write(pipe, f"{number}\n".encode())


def test_kills_at_random_moments_lose_nothing_that_was_noted(tmp_path: Path) -> None:
    rng = random.Random(5)
    noted: list[int] = []
    for round_ in range(16):
        reading, writing = os.pipe()
        child = FORK.Process(target=write, args=(tmp_path, writing, round_ * 10_000))
        child.start()
        os.close(writing)
        with os.fdopen(reading) as said:
            # the first few hit the very first statements, the others whatever is being noted
            lines = [said.readline()] if round_ >= 6 else []
            time.sleep(rng.random() * 0.02)
            os.kill(child.pid or 0, signal.SIGKILL)
            child.join()
            lines += said.readlines()
        noted += [int(line) for line in lines if line.endswith("\n")]
        state = State(tmp_path, write=bool(round_ % 2))
        assert state.set_aside == ""
        kept = state.last_records("cpu")
        files = state.file_digests()
        builds = state.builds()
        state.close()
        for number in noted:
            assert kept[f"image-{number}"] == record(number)
            assert builds[record(number).key] == f"sha256:{number}"
            assert files[f"/{number}"] == ((1, 2, 3, number), "4")
    assert noted
    with sqlite3.connect(tmp_path / "state.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    ours = {".gitignore", "state.db", "state.db-wal", "state.db-shm"}
    assert {path.name for path in tmp_path.iterdir()} <= ours


def earlier(folder: Path, version: int) -> KeyRecord:
    """A state as an earlier version of stackbuild left it."""
    one = record(1)
    text = json.dumps(one.to_json())
    with sqlite3.connect(folder / "state.db") as database:
        for script in MIGRATIONS[:version]:
            database.executescript(script)
        database.execute(
            "insert into builds values (?, 'image-1', ?, 'sha256:1', 2, 3, '', 4)", [one.key, text]
        )
        database.execute("insert into current values ('cpu', 'image-1', ?)", [text])
        database.execute("insert into pushed values ('registry.example', ?, 'sha256:5')", [one.key])
        database.execute("insert into files values ('/a', 1, 2, 3, 4, '5')")
        database.execute(f"pragma user_version = {version}")
    database.close()
    return one


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_state_of_any_earlier_version_is_brought_up_to_date_with_all_it_holds(
    tmp_path: Path, version: int, write: bool
) -> None:
    one = earlier(tmp_path, version)
    before = (tmp_path / "state.db").read_bytes()
    state = State(tmp_path, write=write)
    assert state.set_aside == ""
    assert state.seconds() == {"image-1": 2.0}
    assert state.builds() == {one.key: "sha256:1"}
    assert state.last_records("cpu") == {"image-1": one}
    assert state.pushed("registry.example") == {one.key: "sha256:5"}
    assert state.file_digests() == {"/a": ((1, 2, 3, 4), "5")}
    state.close()
    with sqlite3.connect(tmp_path / "state.db") as database:
        (now,) = database.execute("pragma user_version").fetchone()
    database.close()
    assert now == (VERSION if write else version)
    assert write or (tmp_path / "state.db").read_bytes() == before
