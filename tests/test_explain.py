"""Why an image would be built again, or would not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_keys import CHANGES, FILE_CHANGES, RECORD
from trees import graph, graph_of, records, stacks, subsets

from pipeline import show
from pipeline.explain import Explanation, Idle, RootCause, explain, idle
from pipeline.graph import Graph
from pipeline.keys import FileState, KeyRecord, Part

TEXTS = {"a" * 64: "one\ntwo\nthree\n", "b" * 64: "one\n2\nthree\n"}


def explained(
    of: Graph,
    then: Mapping[str, KeyRecord],
    now: Mapping[str, KeyRecord],
    image: str,
    texts: Mapping[str, str] | None = None,
) -> Explanation:
    known = (
        then.get(image),
        "the last build",
        {record.key: record for record in then.values()}.get,
        (TEXTS if texts is None else texts).get,
    )
    return explain(of, now, image, known)


def beside(then: KeyRecord, now: KeyRecord) -> Explanation:
    """A record explained against another."""
    of = graph("base > scipy")
    base = records(of)["base"]
    return explained(of, {"scipy": then}, {"scipy": now, "base": base}, "scipy")


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(KeyRecord)])
def test_a_change_of_any_field_means_a_rebuild_and_is_told(field: str) -> None:
    found = beside(RECORD, replace(RECORD, **{field: CHANGES[field][0]}))
    assert found.rebuilt
    assert found.details or [cause.image for cause in found.causes] == ["base"]
    assert not beside(RECORD, RECORD).rebuilt


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(FileState)])
def test_a_change_of_any_part_of_a_file_is_told_in_words_or_as_a_diff(field: str) -> None:
    state: Any = replace(RECORD.files[0], **{field: FILE_CHANGES[field]})
    found = beside(RECORD, replace(RECORD, files=(state, RECORD.files[1])))
    assert found.rebuilt
    assert all(detail.words or detail.diff for detail in found.details)
    assert "rc" in {detail.part.name for detail in found.details}


def test_what_was_never_built_is_told_as_that() -> None:
    of = graph("base")
    found = explained(of, {}, records(of), "base")
    assert (found.then, found.rebuilt, found.details) == ("", True, ())


def test_a_file_is_shown_as_a_diff_where_both_texts_are_known() -> None:
    now = replace(RECORD, files=(replace(RECORD.files[0], content="b" * 64), RECORD.files[1]))
    (detail,) = beside(RECORD, now).details
    assert detail.diff == ("@@ -1,3 +1,3 @@", " one", "-two", "+2", " three")
    unknown = replace(RECORD, files=(replace(RECORD.files[0], content="c" * 64), RECORD.files[1]))
    (detail,) = beside(RECORD, unknown).details
    assert (detail.words, detail.diff) == ("another content; no text", ())
    (detail,) = beside(unknown, RECORD).details
    assert detail.words == "another content; no text of it was kept"


@pytest.mark.parametrize(
    ("before", "after", "diff"),
    [
        ("a\n", "a", ("@@ -1 +1 @@", "-a", "+a (no newline at the end)")),
        ("a", "b", ("@@ -1 +1 @@", "-a", "+b")),
        ("", "a\n", ("@@ -0,0 +1 @@", "+a")),
        ("a\fb\r\n", "a\fb\n", ("@@ -1 +1 @@", "-a\fb\r", "+a\fb")),
    ],
)
def test_a_diff_splits_lines_at_newlines_alone(before: str, after: str, diff: tuple[str, ...]) -> None:
    assert diff_of(before, after) == ("", diff)


def diff_of(before: str, after: str) -> tuple[str, tuple[str, ...]]:
    of = graph("base > scipy")
    now = replace(RECORD, files=(replace(RECORD.files[0], content="b" * 64), RECORD.files[1]))
    found = explained(
        of, {"scipy": RECORD}, {**records(of), "scipy": now}, "scipy", {"a" * 64: before, "b" * 64: after}
    )
    return found.details[0].words, found.details[0].diff


texts = st.lists(st.sampled_from("abc"), max_size=12).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(texts, texts)
def test_a_diff_is_the_plain_one_whatever_the_texts_begin_and_end_with(before: str, after: str) -> None:
    """Applying it to the one text gives the other."""
    if before == after:
        return
    lines, result, at = before.split("\n")[:-1], [], 0
    for line in diff_of(before, after)[1]:
        if line.startswith("@@"):
            first, _, length = line.split()[1][1:].partition(",")
            start = int(first) - (length != "0")
            result += lines[at:start]
            at = start
        else:
            if line[0] in " -":
                assert lines[at] == line[1:]
                at += 1
            result += [line[1:]] if line[0] in " +" else []
    assert [*result, *lines[at:]] == after.split("\n")[:-1]


def test_texts_that_differ_in_a_great_many_lines_are_not_shown() -> None:
    before, after = ("".join(f"{number * factor % 150}\n" for number in range(20_000)) for factor in (1, 7))
    assert diff_of(before, after) == ("another content, in many lines", ())
    lines = before.split("\n")
    assert diff_of(before, "\n".join([*lines[:9000], "new", *lines[9000:]]))[1][0] == "@@ -8999,4 +8999,5 @@"


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (None, FileState("x", "file", "a"), "new"),
        (FileState("x", "dir"), None, "gone"),
        (FileState("x", "dir"), FileState("x", "link", "y"), "dir → link to y"),
        (FileState("x", "link", "y"), FileState("x", "link", "z"), "link to y → link to z"),
        (FileState("x", "file", "a"), FileState("x", "file", "a", True), "executable now"),
        (FileState("x", "file", "a", True), FileState("x", "file", "a"), "not executable any more"),
    ],
)
def test_a_file_is_told_in_words(then: FileState | None, now: FileState | None, words: str) -> None:
    old, new = (replace(RECORD, files=(state,) if state else ()) for state in (then, now))
    (detail,) = beside(old, new).details
    assert (detail.words, detail.diff) == (words, ())


def test_instructions_are_shown_as_a_diff() -> None:
    now = replace(RECORD, instructions=("FROM base", "RUN <<E\nx\nE"))
    (detail,) = beside(RECORD, now).details
    assert detail.diff == ("@@ -1,2 +1,4 @@", " FROM base", '-COPY ["rc", "/"]', "+RUN <<E", "+x", "+E")


def test_args_and_roots_say_what_they_were_and_are() -> None:
    now = replace(RECORD, args=(("B", ""), ("NB_UID", "1")), roots=(("debian:12", ""), ("x", "sha256:1")))
    words = {str(detail.part): detail.words for detail in beside(RECORD, now).details}
    assert words == {
        "arg B": "'' (new)",
        "arg NB_UID": "'1000' → '1'",
        "root debian:12": f"{RECORD.roots[0][1]} → unlocked",
        "root x": "sha256:1 (new)",
    }


def test_what_follows_from_an_ancestor_names_it_and_what_changed_there() -> None:
    of = graph("base > minimal > scipy, tools > scipy")
    found = explained(of, records(of), records(of, {"base": "new"}), "scipy")
    assert found.details == ()
    assert found.causes == (RootCause("base", (Part("file", "setup", "file", "file new"),)),)
    assert "1 file" in found.same
    assert not any("parent" in kind for kind in found.same)


def test_an_ancestor_whose_record_is_lost_is_named_without_one() -> None:
    of = graph("base > scipy")
    then = {"scipy": records(of)["scipy"]}
    found = explained(of, then, records(of, {"base": "new"}), "scipy")
    assert found.causes == (RootCause("base", ()),)


def test_what_is_the_same_says_what_was_compared() -> None:
    of = graph("base > scipy")
    found = explained(of, records(of), records(of), "scipy")
    assert found.same == (
        "2 instructions", "no build args", "1 file", "1 parent", "no roots", "target", "platform",
    )  # fmt: skip


@given(st.data(), stacks())
def test_an_image_is_explained_by_itself_and_by_exactly_the_ancestors_that_changed(
    data: st.DataObject, arrows: str
) -> None:
    of = graph(arrows)
    touched = data.draw(subsets(of))
    then, now = records(of), records(of, dict.fromkeys(touched, "new"))
    for image in of.order:
        found = explained(of, then, now, image)
        assert bool(found.details) == (image in touched)
        assert {cause.image for cause in found.causes} == (of.ancestors([image]) - {image}) & touched
        assert found.rebuilt == bool(found.details or found.causes)


def test_a_touched_file_that_does_not_count_says_why() -> None:
    of = graph_of(
        {
            "a/Dockerfile": "FROM scratch\nCOPY *.sh /\n",
            "a/one.sh": "",
            "a/two.sh": "",
            "a/README.md": "",
            "a/notes.sh": "",
            "a/.dockerignore": "notes*\n",
        }
    )
    then, now = records(of), records(of)
    changed = replace(now["a"], files=(replace(now["a"].files[0], content="new"), *now["a"].files[1:]))
    found = explained(of, then, {"a": changed}, "a")
    touched = ["Dockerfile", "README.md", "notes.sh", "one.sh", "two.sh"]
    assert idle(of.nodes["a"], touched, found) == (
        Idle("Dockerfile", "only comments, blank lines or line breaks"),
        Idle("README.md", "no instruction copies it"),
        Idle("notes.sh", "left out by .dockerignore"),
        Idle("two.sh", "its content is the same"),
    )


def test_a_dockerfile_whose_instructions_changed_is_not_told_as_idle() -> None:
    of = graph_of({"a/Dockerfile": "FROM scratch\nCOPY x /\n", "a/x": ""})
    then = {"a": replace(records(of)["a"], instructions=())}
    found = explained(of, then, records(of), "a")
    assert idle(of.nodes["a"], ["Dockerfile"], found) == ()


def test_an_explanation_is_shown_part_by_part(golden: Any) -> None:
    of = graph("base > minimal > scipy")
    then = records(of)
    now = records(of, {"base": "new"})
    now["scipy"] = replace(
        now["scipy"],
        args=(("A", "\x1b[31m"),),
        instructions=(*now["scipy"].instructions, *(f"RUN {number}" for number in range(60))),
        files=(*now["scipy"].files, FileState("x", "file", "y")),
    )
    found = replace(
        explained(of, then, now, "scipy"),
        idle=tuple(Idle(f"f{number}", "no instruction copies it") for number in range(12)),
    )
    same = explained(of, then, then, "minimal")
    golden(
        "explain.txt",
        show.explanations_text(
            {"cpu": [found, same], "gpu": [found, replace(same, then="", since="")]}, show.plain
        ),
    )


def test_an_explanation_for_machines_is_as_documented() -> None:
    of = graph("base > scipy")
    then, now = records(of), records(of, {"base": "new", "scipy": "new"})
    found = explained(of, then, now, "scipy")
    part = {"kind": "file", "name": "setup", "old": "file", "new": "file new"}
    assert show.explanations_json({"cpu": [found]}) == {
        "variants": {
            "cpu": {
                "images": {
                    "scipy": {
                        "rebuild": True,
                        "then": then["scipy"].key,
                        "now": now["scipy"].key,
                        "since": "the last build",
                        "parts": [{**part, "words": "another content; no text of it was kept", "diff": []}],
                        "causes": [{"image": "base", "parts": (part,)}],
                        "same": list(found.same),
                        "idle": [],
                    }
                }
            }
        }
    }


def test_an_ancestor_that_is_the_same_is_no_cause_even_where_nothing_is_known_of_it() -> None:
    of = graph("base > scipy")
    then = {"scipy": records(of)["scipy"]}
    assert explained(of, then, records(of, {"scipy": "new"}), "scipy").causes == ()
