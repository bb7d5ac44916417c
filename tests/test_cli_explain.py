"""`explain` as a person meets it: by lock, state and git, without an engine."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest
from command import Project
from test_gitrepo import git

from pipeline import keys
from pipeline.adapters.disk import Digests
from pipeline.adapters.state import BuildNote, State
from pipeline.adapters.texts import Texts
from pipeline.run.project import open_project, views

PIN = "sha256:" + "0" * 64


def as_built(project: Project) -> dict[str, str]:
    """Leave a state as if all images had just been built; their keys."""
    project.write("stacks.lock", f'[root."debian:bookworm"]\ndigest = "{PIN}"\n')
    opened = open_project()
    (view,) = views(opened, ())
    inputs = keys.World(opened.lock.digests, {}, opened.config.platform)
    found = keys.compute(view.graph, inputs, Digests(dict(opened.folders), {}).states)
    state = State(opened.state, write=True)
    for record in found.values():
        state.note_build(BuildNote(record, record.key, "id", 1.0, 1, "log"))
        folder = opened.folders["notebooks"] / view.graph.nodes[record.image].image.context
        Texts(state).keep((one.content, folder / one.path) for one in record.files if one.kind == "file")
    state.note_current("default", found.values())
    state.close()
    return {name: record.key for name, record in found.items()}


def explained(project: Project, image: str, *arguments: str) -> Any:
    said = project.run("explain", image, "--format", "json", *arguments)
    return json.loads(said.out)["variants"]["default"]["images"][image]


def later(project: Project, path: str, text: str) -> None:
    """Write a file some time after the build."""
    moment = time.time() + 10
    os.utime(project.write(path, text), (moment, moment))


def test_what_was_never_built_is_told_so(project: Project) -> None:
    said = project.run("explain", "child")
    assert said.out.startswith("child (default): never built\n  its key is ")
    assert explained(project, "child")["then"] is None
    assert not (project.root / ".stackbuild").exists()


def test_what_is_the_same_says_what_was_touched_and_why_that_does_not_count(project: Project) -> None:
    as_built(project)
    for path, text in {
        "README.md": "hello\n",
        "setup": "1\n",
        "Dockerfile": "# why\nFROM jupyter/base\nCOPY setup /\n",
    }.items():
        later(project, f"images/child/{path}", text)
    found = explained(project, "child")
    assert not found["rebuild"]
    assert {one["path"]: one["why"] for one in found["idle"]} == {
        "README.md": "no instruction copies it",
        "setup": "its content is the same",
        "Dockerfile": "only comments, blank lines or line breaks",
    }
    assert "would not be rebuilt: nothing that counts differs from the last build, of 2" in (
        project.run("explain", "child").out
    )


def test_a_changed_file_is_shown_as_a_diff_of_what_was_built(project: Project) -> None:
    as_built(project)
    project.write("images/child/setup", "2\n")
    (part,) = explained(project, "child")["parts"]
    assert (part["name"], part["diff"]) == ("setup", ["@@ -1 +1 @@", "-1", "+2"])


def test_what_is_again_as_an_earlier_build_made_it_would_not_be_rebuilt(project: Project) -> None:
    first = as_built(project)["child"]
    project.write("images/child/setup", "2\n")
    as_built(project)
    project.write("images/child/setup", "1\n")
    found = explained(project, "child")
    assert (found["rebuild"], found["now"], [part["name"] for part in found["parts"]]) == (
        False,
        first,
        ["setup"],
    )
    said = project.run("explain", "child").out
    assert "would not be rebuilt: built as it is now on 2" in said
    assert explained(project, "child", "--against", first)["then"] == first


def test_what_another_variant_has_built_is_not_told_as_never_built(project: Project) -> None:
    as_built(project)
    with (project.root / "stacks.toml").open("a") as toml:
        toml.write("\n[variant.new]\n")
    said = project.run("explain", "child", "-V", "new")
    assert "never built" not in said.out
    assert "not built for this variant yet, but the same was built before: on 2" in said.out


def test_a_changed_parent_is_told_with_its_parts(project: Project) -> None:
    as_built(project)
    project.image("base", "FROM debian:bookworm\nRUN true\n")
    found = explained(project, "child")
    assert [cause["image"] for cause in found["causes"]] == ["base"]
    assert [part["kind"] for part in found["causes"][0]["parts"]] == ["instructions"]


def test_a_parent_that_was_built_anew_alone_is_still_the_cause(project: Project) -> None:
    """The child's own record says what it stood on, whatever the parent was built as since."""
    as_built(project)
    project.image("base", "FROM debian:bookworm\nRUN true\n")
    opened = open_project()
    (view,) = views(opened, ())
    inputs = keys.World(opened.lock.digests, {}, opened.config.platform)
    record = keys.compute(view.graph, inputs, Digests(dict(opened.folders), {}).states)["base"]
    state = State(opened.state, write=True)
    state.note_build(BuildNote(record, record.key, "id", 1.0, 1, "log"))
    state.note_current("default", [record])
    state.close()
    assert not explained(project, "base")["rebuild"]
    assert [cause["image"] for cause in explained(project, "child")["causes"]] == ["base"]


def test_an_earlier_build_is_compared_by_the_beginning_of_its_key(project: Project) -> None:
    first = as_built(project)["child"]
    project.write("images/child/setup", "2\n")
    as_built(project)
    assert not explained(project, "child")["rebuild"]
    found = explained(project, "child", "--against", first[:12])
    assert (found["then"], found["since"]) == (first, f"the build {first[:12]} of child")
    assert found["parts"][0]["diff"] == ["@@ -1 +1 @@", "-1", "+2"]
    assert explained(project, "child", "--against", f"k-{first[:32]}")["then"] == first


def test_a_revision_is_compared_with_its_files_and_causes(project: Project) -> None:
    project.write("stacks.lock", f'[root."debian:bookworm"]\ndigest = "{PIN}"\n')
    git(project.root, "init", "-q")
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "-m", "all")
    assert not explained(project, "child", "--against", "HEAD")["rebuild"]
    project.write("images/child/setup", "2\n")
    project.image("base", "FROM debian:bookworm\nRUN true\n")
    found = explained(project, "child", "--against", "HEAD")
    assert found["parts"][0]["diff"] == ["@@ -1 +1 @@", "-1", "+2"]
    assert [cause["image"] for cause in found["causes"]] == ["base"]
    project.image("new", "FROM jupyter/base\n")
    assert "new (default): not there in HEAD\n" in project.run("explain", "new", "--against", "HEAD").out
    assert len(json.loads(project.run("explain", "*", "--against", "HEAD", "--format", "json").out)) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "which image?"),
        (("chld",), "no image 'chld' in the tree"),
        (("child", "--against", "HEAD"), "is in no git repository"),
        (("child", "--against", "abcdef012345"), "no build of the key 'abcdef012345' is remembered, and '"),
    ],
)
def test_what_cannot_be_explained_is_an_error(
    arguments: tuple[str, ...], error: str, project: Project
) -> None:
    assert error in project.run("explain", *arguments, code=2).errors[0]


def test_a_file_that_an_overlay_lays_into_a_context_is_shown_as_a_diff_too(project: Project) -> None:
    project.image("child", "FROM jupyter/base\nCOPY . /\n")
    project.write("stacks.lock", f'[root."debian:bookworm"]\ndigest = "{PIN}"\n')
    git(project.root, "init", "-q")
    for text in ("1", "2"):
        overlay = f'[[file]]\nimage = "child"\npath = "laid"\ncontent = "{text}\\n"\n'
        project.write("overlays/laid.toml", overlay)
        if text == "1":
            git(project.root, "add", "-A")
            git(project.root, "commit", "-q", "-m", "all")
    (part,) = explained(project, "child", "--against", "HEAD", "--overlay", "laid")["parts"]
    assert (part["name"], part["diff"]) == ("laid", ["@@ -1 +1 @@", "-1", "+2"])


def test_an_ambiguous_key_names_what_it_could_be(project: Project) -> None:
    as_built(project)
    state = State(open_project().state, write=True)
    record = state.last_records("default")["base"]
    for ending in "01":
        state.note_build(BuildNote(record, "abcdef" + ending * 58, "id", 1.0, 1, "log"))
    state.close()
    (error,) = project.run("explain", "child", "--against", "abcdef", code=2).errors
    assert "'abcdef' are several keys: abcdef000000 of base, abcdef111111 of base" in error


def test_an_unreadable_state_is_told_and_nothing_is_known(project: Project) -> None:
    project.write(".stackbuild/state.db", "nonsense" * 100)
    said = project.run("explain", "child")
    assert "warning: the state is unreadable" in said.err
    assert "never built" in said.out
