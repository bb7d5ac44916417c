"""`lock`, `--locked` and `--no-engine`, where no engine is in reach."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command import TOML, Project
from test_gitrepo import git

from pipeline.run.asking import Asked, ask_of
from pipeline.run.project import open_project, views

PIN = "sha256:" + "0" * 64
LOCKED = f'[root."debian:bookworm"]\ndigest = "{PIN}"\n'


@pytest.fixture
def upstream(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose one image needs no root."""
    folder = tmp_path_factory.mktemp("upstream")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    (folder / "only").mkdir()
    (folder / "only/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    return folder


def commit(folder: Path) -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "more")
    return git(folder, "rev-parse", "HEAD")


def lock(project: Project) -> str:
    return (project.root / "stacks.lock").read_text()


def test_commits_alone_are_pinned_without_an_engine(project: Project, upstream: Path) -> None:
    first = git(upstream, "rev-parse", "HEAD")
    project.write("stacks.toml", f'[tree.up]\ngit = "{upstream}"\nref = "main"\npath = "."\n')
    said = project.run("lock")
    assert said.out == f"tree up  (new) → {first} (main of {upstream})\n"
    assert f'commit = "{first}"' in lock(project)
    second = commit(upstream)
    assert project.run("lock", "--check").out == ""
    assert second in project.run("lock", "--update", "--check", code=1).out
    assert first in lock(project)
    moved = json.loads(project.run("lock", "--update", "u*", "--format", "json").out)["moved"]
    assert [(move["kind"], move["name"], move["new"][:40]) for move in moved] == [("tree", "up", second)]


def test_a_check_asks_nobody_and_says_what_is_missing_and_what_is_used_no_more(project: Project) -> None:
    project.write("stacks.lock", LOCKED.replace("debian:bookworm", "ubuntu:20.04"))
    before = lock(project)
    said = project.run("lock", "--check", code=1)
    assert said.out.splitlines() == [
        "root debian:bookworm  (new) → (to be looked up)",
        f"root ubuntu:20.04  {PIN} → (not used any more)",
    ]
    assert said.err == "2 pins would move\n"
    moved = json.loads(project.run("lock", "--check", "--format", "json", code=1).out)["moved"]
    assert [(move["old"], move["new"]) for move in moved] == [(None, ""), (PIN, None)]
    assert lock(project) == before


def test_a_complete_lock_is_left_alone_but_for_what_is_used_no_more(project: Project) -> None:
    project.write("stacks.lock", f'{LOCKED}[refreshed]\nbase = "then"\ngone = "then"\n')
    project.run("lock")
    assert "base" in lock(project)
    assert "gone" not in lock(project)
    assert project.run("lock", "--check").err == "0 pins would move\n"


def test_what_is_to_be_updated_must_be_there(project: Project) -> None:
    said = project.run("lock", "--update", "debian:bokworm", "x*", code=2)
    assert said.errors == [
        "error: no root image and no tree from git is called 'debian:bokworm'",
        "error: no root image and no tree from git is called 'x*'",
    ]
    assert "did you mean 'debian:bookworm'?" in said.err


def test_a_root_without_update_is_a_mistake(project: Project) -> None:
    assert "stackbuild lock --update debian:bookworm" in project.run("lock", "debian:bookworm", code=2).err


def test_locked_names_every_root_that_the_lock_does_not_pin_and_asks_nobody(project: Project) -> None:
    project.image("other", "FROM ubuntu:20.04\n")
    for command in ("build", "plan"):
        assert project.run(command, "--locked", code=2).errors == [
            "error: images/base/Dockerfile:1: stacks.lock does not pin the root image 'debian:bookworm'",
            "error: images/other/Dockerfile:1: stacks.lock does not pin the root image 'ubuntu:20.04'",
        ]
    assert not (project.root / "stacks.lock").exists()


def test_locked_fetches_nothing_and_takes_no_other_trees_lock(project: Project, upstream: Path) -> None:
    toml = f'[tree.up]\ngit = "{upstream}"\npath = "."\n'
    project.write("stacks.toml", toml)
    (error,) = project.run("plan", "--locked", code=2).errors
    assert error.endswith(f"stacks.lock does not pin the tree 'up', which is HEAD of {upstream}")
    project.run("lock")
    project.write("stacks.toml", f'{toml}ref = "main"\n')
    (error,) = project.run("plan", "--locked", code=2).errors
    assert error.endswith(f"which is main of {upstream}, but HEAD of {upstream}")
    project.write("stacks.toml", toml.replace(str(upstream), "https://git.example/other"))
    pin = f'[tree.up]\ngit = "https://git.example/other"\ncommit = "{"a" * 40}"\n'
    project.write("stacks.lock", pin)
    (error,) = project.run("plan", "--locked", code=2).errors
    assert "the tree 'up' is not on this machine yet, and --locked fetches nothing" in error


def test_a_commit_that_the_repository_does_not_have_is_told_of_the_lock(
    project: Project, upstream: Path
) -> None:
    project.write("stacks.toml", f'[tree.up]\ngit = "{upstream}"\npath = "."\n')
    project.write("stacks.lock", f'[tree.up]\ngit = "{upstream}"\ncommit = "{"a" * 40}"\n')
    said = project.run("plan", code=2)
    assert said.errors == [f"error: stacks.lock: there is no commit {'a' * 40} in '{upstream}'"]
    assert "`stackbuild lock --update up`" in said.err
    project.run("lock", "--update", "up")
    project.run("plan", "--locked")
    project.write("stacks.toml", f'[tree.up]\ngit = "{upstream}"\npath = "."\nref = "{"b" * 40}"\n')
    said = project.run("plan", code=2)
    assert said.errors == [f"error: stacks.toml:1: there is no commit {'b' * 40} in '{upstream}'"]
    assert "a shallow clone does not have all commits" in said.err


def test_a_lock_of_another_project_is_told_and_made_ones_own_by_lock(project: Project) -> None:
    project.write("stacks.lock", LOCKED.replace("debian:bookworm", "ubuntu:20.04"))
    said = project.run("plan", "--no-engine")
    assert "warning: stacks.lock pins nothing that is used here" in said.err
    project.write("stacks.lock", f"{LOCKED}\n{LOCKED.replace('debian:bookworm', 'ubuntu:20.04')}")
    assert project.run("plan", "--no-engine").err == ""
    project.run("lock")
    assert "ubuntu" not in lock(project)


def test_a_lock_that_only_other_variants_need_is_no_other_projects(project: Project) -> None:
    project.write("stacks.toml", f'{TOML}\n[variant.cpu]\n\n[variant.gpu]\noverlays = ["swap"]\n')
    project.write("overlays/swap.toml", '[[root]]\nfrom = "debian:*"\nto = "ubuntu:20.04"\n')
    project.write("stacks.lock", LOCKED.replace("debian:bookworm", "ubuntu:20.04"))
    assert "pins nothing" not in project.run("plan", "--no-engine", "--variant", "cpu").err


def test_locked_and_changed_exclude_each_other(project: Project) -> None:
    project.write("stacks.lock", LOCKED)
    (error,) = project.run("plan", "--locked", "--changed", "base", code=2).errors
    assert "--locked leaves the lock as it is" in error


def test_with_a_complete_lock_a_plan_needs_no_engine_and_says_that_none_was_asked(project: Project) -> None:
    project.write("stacks.lock", LOCKED)
    said = project.run("plan", "--format", "json")
    assert "warning: no docker engine answers" in said.err
    assert json.loads(said.out)["engine"] is False
    assert "never built" in project.run("plan", "--locked").out


def test_without_an_engine_an_unlocked_root_counts_as_it_is_named_and_is_shown(project: Project) -> None:
    said = project.run("plan", "--no-engine")
    assert said.err == ""
    assert "unlocked: debian:bookworm (counts as it is named" in said.out
    report = json.loads(project.run("plan", "--no-engine", "--format", "json").out)
    assert report["unlocked"] == ["debian:bookworm"]
    unlocked = report["variants"]["default"]["images"]["base"]["key"]
    project.write("stacks.lock", LOCKED)
    report = json.loads(project.run("plan", "--no-engine", "--format", "json").out)
    assert report["unlocked"] == []
    assert report["variants"]["default"]["images"]["base"]["key"] != unlocked
    assert not (project.root / ".stackbuild").exists()


def test_globs_leaves_and_ancestors_select_images(project: Project) -> None:
    project.image("other", "FROM jupyter/base\n")

    def planned(*arguments: str) -> set[str]:
        text = project.run("plan", "--no-engine", "--format", "json", *arguments).out
        return set(json.loads(text)["variants"]["default"]["images"])

    assert planned("chil?") == {"base", "child"}
    assert planned("child", "--ancestors-only") == {"base"}
    assert planned("--leaves") == {"base", "child", "other"}
    assert planned("--leaves", "--ancestors-only") == {"base"}


def test_publishing_only_the_ancestors_means_the_same_images_as_building_them(project: Project) -> None:
    project.write("stacks.lock", LOCKED)
    asked = (
        "build",
        "child",
        "--ancestors-only",
        "--dry-run",
        "--format",
        "json",
        "--registry",
        "r.example/t",
    )
    plans = [
        json.loads(project.run(*asked, *more).out)["variants"]["default"] for more in ((), ("--publish",))
    ]
    assert [set(plan["images"]) for plan in plans] == [{"base"}, {"base"}]


def test_what_is_taken_as_changed_counts_where_it_was_asked_for_and_nowhere_else(project: Project) -> None:
    """A lock that told of the rest would have a later run build it."""
    project.image("other", "FROM jupyter/base\n")
    view = views(open_project(), ())
    images = ("child",)
    ask = ask_of(open_project(), view, Asked(1, images, changed=("base", "other")))
    assert (ask.images, ask.changed) == (images, ("base",))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nothing*",), "no image 'nothing*' in the tree"),
        (("base", "--leaves"), "nothing that was asked for is a leaf"),
        (("--ancestors-only",), "--ancestors-only: of which images?"),
        (("base", "--changed", "child"), "nothing that was asked for is child, or stands on it"),
    ],
)
def test_a_selection_of_nothing_is_a_mistake(
    arguments: tuple[str, ...], error: str, project: Project
) -> None:
    assert project.run("plan", "--no-engine", *arguments, code=2).errors == [f"error: {error}"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("\0", "stacks.lock:1: not valid TOML"),
        ("format = 99\n", "stacks.lock:1: format 99 is not known here"),
        (f"{LOCKED}<<<<<<< HEAD\n", "stacks.lock:3: is in the middle of a merge"),
        ('[root."a b"]\n' + LOCKED[LOCKED.index("digest") :], "stacks.lock:1: 'a b' "),
        ("[project]\nname = 'x'\n", "stacks.lock:1: unknown section 'project'"),
    ],
)
def test_a_lock_of_nonsense_is_an_error_at_its_line_and_stays_as_it_is(
    text: str, error: str, project: Project
) -> None:
    project.write("stacks.lock", text)
    for command in (("plan",), ("lock",), ("lock", "--update"), ("build",)):
        assert project.run(*command, code=2).errors[0].startswith(f"error: {error}")
    assert lock(project) == text


def test_a_lock_that_is_no_file_is_an_error_and_nobody_waits_for_it(project: Project) -> None:
    os.mkfifo(project.root / "stacks.lock")
    (error,) = project.run("plan", "--no-engine", code=2).errors
    assert error == "error: stacks.lock: is not a file"
