"""Everything that decides an image, as a record; its digest is the key."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import PIN, PLATFORM, ROOT, graph, graph_of, records, stacks, subsets

from pipeline import keys
from pipeline.config import ImageSettings
from pipeline.keys import FileState, KeyRecord, Part, World

OTHER_PIN = "sha256:" + "1" * 64
RECORD = KeyRecord(
    schema=1,
    image="scipy",
    instructions=("FROM base", 'COPY ["rc", "/"]'),
    args=(("NB_UID", "1000"),),
    files=(FileState("rc", "file", "a" * 64), FileState("run", "link", "rc")),
    parents=(("base", "k" * 64),),
    roots=(("debian:12", PIN),),
    target="",
    platform="linux/amd64",
)
# for every field a change of it, and how people are told
CHANGES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "schema": (2, ("stackbuild's own format",)),
    "image": ("scipy2", ("image scipy → scipy2",)),
    "instructions": (("FROM base",), ("instructions",)),
    "args": ((("NB_UID", "1001"),), ("arg NB_UID",)),
    "files": (RECORD.files[:1], ("file run",)),
    "parents": ((("base", "l" * 64),), ()),  # the parent's own change explains it
    "roots": ((("debian:12", OTHER_PIN),), ("root debian:12",)),
    "target": ("final", ("target (none) → final",)),
    "platform": ("linux/arm64", ("platform linux/amd64 → linux/arm64",)),
    "refreshed": ("2026-01-01", ("taken as changed",)),
}
FILE_CHANGES: dict[str, Any] = {"path": "rc2", "kind": "dir", "content": "b" * 64, "executable": True}


def difference(old: KeyRecord, new: KeyRecord) -> tuple[str, ...]:
    return tuple(str(part) for part in keys.difference(old, new))


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(KeyRecord)])
def test_a_change_of_any_field_changes_the_key_and_is_explained(field: str) -> None:
    value, told = CHANGES[field]
    changed = replace(RECORD, **{field: value})
    assert changed.key != RECORD.key
    assert difference(RECORD, changed) == told
    assert len(difference(changed, RECORD)) == len(told)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(FileState)])
def test_a_change_of_any_part_of_a_file_changes_the_key_and_is_explained(field: str) -> None:
    changed = replace(
        RECORD, files=(replace(RECORD.files[0], **{field: FILE_CHANGES[field]}), RECORD.files[1])
    )
    assert changed.key != RECORD.key
    assert "file rc" in difference(RECORD, changed)


def test_a_record_differs_in_nothing_from_itself() -> None:
    assert difference(RECORD, replace(RECORD)) == ()


def test_everything_that_differs_is_told_at_once_and_sorted() -> None:
    changed = replace(
        RECORD,
        instructions=(),
        args=(("A", ""),),
        files=(FileState("rc", "dir"), FileState("z", "dir"), FileState("b", "dir")),
        roots=(),
        refreshed="now",
    )
    assert difference(RECORD, changed) == (
        "instructions", "arg A", "arg NB_UID", "file b", "file rc", "file run", "file z", "root debian:12",
        "taken as changed",
    )  # fmt: skip


def test_other_parents_are_explained_but_not_another_build_of_the_same() -> None:
    other = replace(RECORD, parents=(("minimal", "k" * 64),))
    assert difference(RECORD, other) == ("parents",)


texts = st.text(max_size=8) | st.sampled_from(["a\udcff", "é", '"', "\n"])
pairs = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
any_record = st.builds(
    KeyRecord,
    schema=st.integers(0, 9),
    image=texts,
    instructions=st.lists(texts, max_size=3).map(tuple),
    args=pairs,
    files=st.lists(st.builds(FileState, texts, texts, texts, st.booleans()), max_size=3).map(tuple),
    parents=pairs,
    roots=pairs,
    target=texts,
    platform=texts,
    refreshed=texts,
)


@given(any_record)
def test_a_record_survives_json(record: KeyRecord) -> None:
    again = KeyRecord.from_json(json.loads(json.dumps(record.to_json())))
    assert again == record
    assert again.key == record.key


@given(any_record, any_record)
def test_two_records_have_one_key_only_if_they_are_the_same(one: KeyRecord, two: KeyRecord) -> None:
    assert (one.key == two.key) == (one == two)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda v: st.lists(v) | st.dictionaries(
    st.sampled_from([field.name for field in dataclasses.fields(KeyRecord)]), v)))  # fmt: skip
def test_what_is_no_record_is_one_of_three_errors(value: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        KeyRecord.from_json(value)


def test_the_key_is_64_hex_digits_and_the_same_on_every_machine() -> None:
    assert RECORD.key == "6bfd93bd92f6e6ab7c1e9d18d33adc5d85f45554016635c891bbdd9af1c79b03"


@given(st.data(), stacks())
def test_a_touched_file_changes_the_keys_of_its_image_and_its_descendants_and_no_other(
    data: st.DataObject, arrows: str
) -> None:
    found = graph(arrows)
    touched = data.draw(subsets(found))
    before, after = records(found), records(found, dict.fromkeys(touched, "new"))
    assert {name for name in found.order if before[name].key != after[name].key} == found.descendants(touched)


def test_another_digest_of_a_root_changes_every_key_below_and_is_told_where_the_root_is_used() -> None:
    found = graph("base > child, busybox:1 > other")
    before, after = records(found), records(found, pins={ROOT: OTHER_PIN})
    assert {name for name in found.order if before[name].key != after[name].key} == {"base", "child"}
    assert difference(before["base"], after["base"]) == (f"root {ROOT}",)
    assert difference(before["child"], after["child"]) == ()


def test_a_refresh_changes_the_keys_of_the_image_and_all_below() -> None:
    found = graph("base > child, other")
    before, after = records(found), records(found, refreshed={"base": "2026-01-01"})
    assert {name for name in found.order if before[name].key != after[name].key} == {"base", "child"}


def test_only_declared_build_args_count() -> None:
    files = {"a/Dockerfile": f"ARG V=1\nFROM {ROOT}\nARG W\nRUN echo $W\n"}
    settings = (("a", ImageSettings("", args=(("V", "2"), ("W", "3"), ("X", "4")))),)
    assert records(graph_of(files, images=settings))["a"].args == (("V", "2"), ("W", "3"))


def test_comments_blank_lines_and_line_breaks_do_not_count_and_words_do() -> None:
    def key(dockerfile: str) -> str:
        return records(graph_of({"a/Dockerfile": dockerfile}))["a"].key

    plain = key(f"FROM {ROOT}\nRUN a && b\n")
    assert key(f"# hello\nfrom {ROOT}\n\nRUN a && \\\n    # why\n    b\n") == plain
    assert key(f"FROM {ROOT}\nRUN a && c\n") != plain
    assert key(f"FROM {ROOT}\nRUN <<E\na\nE\n") != key(f"FROM {ROOT}\nRUN <<E\nb\nE\n")


def test_what_no_instruction_reads_does_not_count() -> None:
    files = {"a/Dockerfile": f"FROM {ROOT}\nCOPY rc /\n", "a/rc": ""}
    assert records(graph_of(files)) == records(graph_of({**files, "a/README.md": ""}))


def test_one_more_file_that_a_glob_matches_counts() -> None:
    files = {"a/Dockerfile": f"FROM {ROOT}\nCOPY *.sh /\n", "a/one.sh": ""}
    one, two = records(graph_of(files))["a"], records(graph_of({**files, "a/two.sh": ""}))["a"]
    assert difference(one, two) == ("file two.sh",)


def test_two_trees_with_the_same_content_have_the_same_keys() -> None:
    files = {"a/Dockerfile": f"FROM {ROOT}\nCOPY rc /\n", "a/rc": ""}
    here, there = graph_of(files), graph_of(files, name="other", path="/elsewhere/images", where="x:9")
    assert [r.key for r in records(here).values()] == [r.key for r in records(there).values()]


def test_a_root_without_a_digest_is_a_record_too() -> None:
    found = keys.compute(graph("base"), World({}, {}, PLATFORM), lambda _tree, _context, _paths: ())
    assert found["base"].roots == ((ROOT, ""),)


def test_the_states_are_asked_for_the_tree_the_context_and_the_paths_of_each_image() -> None:
    asked = []

    def states(tree: str, context: str, paths: Any) -> tuple[FileState, ...]:
        asked.append((tree, context, tuple(paths)))
        return ()

    keys.compute(graph("base > child"), World({}, {}, PLATFORM), states)
    assert asked == [("notebooks", "base", ("setup",)), ("notebooks", "child", ("setup",))]


def test_a_difference_says_what_was_and_what_is() -> None:
    changed = replace(
        RECORD,
        args=(("NB_UID", ""), ("SHELL", "sh")),
        files=(replace(RECORD.files[0], executable=True),),
        roots=(("debian:12", ""),),
        target="final",
    )
    assert keys.difference(RECORD, changed) == (
        Part("arg", "NB_UID", "1000", ""),
        Part("arg", "SHELL", None, "sh"),
        Part("file", "rc", f"file {'a' * 64}", f"file {'a' * 64} executable"),
        Part("file", "run", "link to rc", None),
        Part("root", "debian:12", PIN, ""),
        Part("target", "", "", "final"),
    )
