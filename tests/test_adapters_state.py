"""What is remembered of earlier runs: all of it comes back, and nothing breaks it for good."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from pipeline.adapters import verdicts
from pipeline.adapters.state import VERSION, BuildNote, State
from pipeline.errors import FailedError
from pipeline.keys import FileState, KeyRecord
from pipeline.outcome import Device, Hardware, Result, Verdict

RECORD = KeyRecord(
    schema=1,
    image="one",
    instructions=("FROM x",),
    args=(("A", "1"),),
    files=(FileState("a", "file", "0", executable=True), FileState("odd-\udcff", "link", "b")),
    parents=(("jupyter/base", "2"),),
    roots=(("debian:12", "sha256:3"),),
    target="",
    platform="linux/amd64",
    refreshed="then",
)
NOTE = BuildNote(RECORD, RECORD.key, "sha256:4", 1.5, 42, "/logs/one.log")
SEEN = Hardware((Device("GPU", "9.0"), Device("GPU", "9.0")), "550.1")
VERDICT = Verdict(
    "one", RECORD.key, "5", "it runs", Result.PASSED, "", 0.5, ("said",), gpu=True, hardware=SEEN
)


def fill(state: State) -> None:
    """One of everything."""
    state.note_build(NOTE)
    state.note_current("cpu", [RECORD])
    verdicts.note(state, "sha256:4", VERDICT)
    state.note_pushed("registry.example", {RECORD.key: "sha256:6"})
    state.note_files(
        {"/a": ((1, 2, 3, 4), "7"), "/odd-\udcff": ((1, 2, 3, 4), "8"), "/ü": ((5, 6, 7, 8), "9")}
    )


def check(state: State) -> None:
    """And it is all there."""
    assert state.seconds() == {"one": 1.5}
    assert state.last_records("cpu") == {"one": RECORD}
    assert state.last_records("gpu") == {}
    assert verdicts.stored(state) == {("sha256:4", "5"): {str(SEEN): VERDICT}}
    assert state.builds() == {RECORD.key: "sha256:4"}
    assert state.pushed("registry.example") == {RECORD.key: "sha256:6"}
    assert state.pushed("elsewhere.example") == {}
    # a name that is no text is not kept: such a file is hashed each time
    assert state.file_digests() == {"/a": ((1, 2, 3, 4), "7"), "/ü": ((5, 6, 7, 8), "9")}


def test_what_is_noted_comes_back_in_a_later_run(tmp_path: Path) -> None:
    state = State(tmp_path / "deep/state", write=True)
    fill(state)
    check(state)
    state.close()
    check(State(tmp_path / "deep/state", write=True))
    check(State(tmp_path / "deep/state", write=False))


def test_reading_creates_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    State(folder, write=False).close()
    assert not folder.exists()
    state = State(folder, write=True)
    fill(state)
    state.close()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before.keys() == {"state.db", ".gitignore"}
    reader = State(folder, write=False)
    check(reader)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    reader.close()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_git_passes_over_what_is_ours_unless_somebody_has_said_otherwise(tmp_path: Path) -> None:
    ignored = tmp_path / "state/.gitignore"
    State(tmp_path / "state", write=True).close()
    assert ignored.read_text() == "*\n"
    ignored.write_text("!state.db\n")
    State(tmp_path / "state", write=True).close()
    assert ignored.read_text() == "!state.db\n"


def test_a_reader_sees_what_a_writer_that_still_runs_has_finished(tmp_path: Path) -> None:
    writer = State(tmp_path, write=True)
    fill(writer)
    reader = State(tmp_path, write=False)
    check(reader)
    reader.close()
    writer.close()


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_state_is_set_aside_and_not_lost(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(content)
    reader = State(tmp_path, write=False)
    assert reader.seconds() == {}
    assert file.read_bytes() == content
    assert bool(reader.set_aside) is bool(content)
    state = State(tmp_path, write=True)
    fill(state)
    check(state)
    aside = list(tmp_path.glob("state.db.broken-*"))
    # an empty file is one that a kill has left: there is nothing in it to keep
    assert [path.read_bytes() for path in aside] == [content] * bool(content)
    assert state.set_aside == (str(aside[0]) if content else "")


def test_a_state_whose_pages_are_broken_is_set_aside_too(tmp_path: Path) -> None:
    state = State(tmp_path, write=True)
    fill(state)
    state.close()
    file = tmp_path / "state.db"
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xee" * (len(content) - 4096)
    file.write_bytes(bytes(content))
    again = State(tmp_path, write=True)
    assert again.set_aside
    fill(again)
    check(again)


def test_a_state_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    State(tmp_path, write=True).close()
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute(f"pragma user_version = {VERSION + 1}")
    for write in (True, False):
        with pytest.raises(FailedError, match=f"of version {VERSION + 1}") as caught:
            State(tmp_path, write=write)
        assert "newer stackbuild" in caught.value.problems[0].hint
    assert not list(tmp_path.glob("*.broken-*"))


def test_rows_that_make_no_sense_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    state = State(tmp_path, write=True)
    fill(state)
    state.close()
    with sqlite3.connect(tmp_path / "state.db") as database:
        database.execute("update current set record = '{}'")
        database.execute("update judged set verdict = 'no json'")
    again = State(tmp_path, write=True)
    assert again.last_records("cpu") == {}
    assert verdicts.stored(again) == {}
    assert again.seconds() == {"one": 1.5}


def test_a_folder_that_cannot_be_had_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(FailedError, match=f"{tmp_path}/state/state.db: the state cannot be used") as caught:
        State(tmp_path / "state", write=True)
    assert caught.value.problems[0].hint


def test_many_who_begin_at_once_all_find_their_place(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def begin(number: int) -> None:
        try:
            state = State(tmp_path, write=True)
            state.note_pushed("registry.example", {str(number): "sha256:1"})
            state.close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(State(tmp_path, write=False).pushed("registry.example")) == 8


def test_a_file_where_the_states_folder_belongs_is_said_in_words_and_once(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(FailedError) as caught:
        State(tmp_path / "state", write=True)
    assert caught.value.problems[0].message == "the state cannot be used: file exists"


def test_a_full_disk_does_not_set_the_state_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(tmp_path, write=True)
    state.note_pushed("r", {"k": "d"})
    state.close()

    def full(_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(State, "_open", full)
        with pytest.raises(FailedError, match="disk is full"):
            State(tmp_path, write=True)
    assert State(tmp_path, write=True).pushed("r") == {"k": "d"}
