"""`--changed-since`: what differs between a revision and the work tree, by the rules of keys."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from command import TOML, Project
from test_gitrepo import git

PIN = "sha256:" + "0" * 64
LOCKED = f'[root."debian:bookworm"]\ndigest = "{PIN}"\n'
OVERLAY = '[[root]]\nfrom = "debian:*"\nto = "debian:12"\n'


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository, all committed: `base > child`, `base > other`, `lone`."""
    folder = tmp_path_factory.mktemp("template")
    for path, text in {
        "stacks.toml": TOML,
        "stacks.lock": LOCKED,
        "images/base/Dockerfile": "FROM debian:bookworm\n",
        "images/child/Dockerfile": "FROM jupyter/base\nCOPY setup /\n",
        "images/child/setup": "1\n",
        "images/other/Dockerfile": "FROM jupyter/base\nCOPY scripts/ /\n",
        "images/other/scripts/run": "1\n",
        "images/lone/Dockerfile": "FROM scratch\nARG VERSION=1\nCOPY Dockerfile /\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return folder


@pytest.fixture
def repo(project: Project, template: Path) -> Project:
    """The project as a copy of the template."""
    shutil.copytree(template, project.root, dirs_exist_ok=True, symlinks=True)
    return project


def commit(project: Project) -> None:
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "-m", "all", "--allow-empty")


def since(project: Project, revision: str = "HEAD", *arguments: str, variant: str = "default") -> set[str]:
    """The images that are built for it; all that is known was never built."""
    said = project.run("plan", "--no-engine", "--changed-since", revision, "--format", "json", *arguments)
    return set(json.loads(said.out)["variants"][variant]["images"])


def test_a_clean_work_tree_differs_in_nothing(repo: Project) -> None:
    assert since(repo) == set()


def test_what_no_image_reads_is_no_difference(repo: Project) -> None:
    for path, text in {
        "images/child/README.md": "hello\n",
        "images/base/Dockerfile": "# why\nFROM \\\n  debian:bookworm\n",
        "stacks.toml": TOML + 'args = { VERSIOM = "2" }\n',
        "overlays/unused.toml": OVERLAY,
        "stacks.lock": LOCKED + f'[root."ubuntu:20.04"]\ndigest = "{PIN}"\n',
    }.items():
        repo.write(path, text)
    assert since(repo) == set()


@pytest.mark.parametrize(
    ("path", "text", "images"),
    [
        ("images/base/Dockerfile", "FROM debian:bookworm\nRUN true\n", {"base", "child", "other"}),
        ("images/child/setup", "2\n", {"child", "base"}),
        ("images/other/scripts/more", "", {"other", "base"}),
        ("stacks.toml", TOML + 'args = { VERSION = "2" }\n', {"lone"}),
        ("stacks.lock", LOCKED.replace("0", "1"), {"base", "child", "other"}),
        ("stacks.lock", LOCKED + '[refreshed]\nlone = "now"\n', {"lone"}),
        ("images/new/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n", {"new"}),
    ],
)
def test_what_differs_is_meant_with_all_that_stands_on_it(
    path: str, text: str, images: set[str], repo: Project
) -> None:
    """What is not there is needed, too: a changed child is planned with its missing parent."""
    repo.write(path, text)
    assert since(repo) == images


def test_a_difference_that_is_committed_is_one_from_the_commit_before(repo: Project) -> None:
    repo.write("images/child/setup", "2\n")
    commit(repo)
    assert since(repo) == set()
    assert since(repo, "HEAD~1") == {"base", "child"}


def test_modes_and_link_targets_differ_and_times_do_not(repo: Project) -> None:
    script = repo.root / "images/other/scripts/run"
    os.utime(script, (1, 1))
    assert since(repo) == set()
    script.chmod(0o755)
    assert since(repo) == {"other", "base"}
    (script.parent / "link").symlink_to("run")
    commit(repo)
    (script.parent / "link").unlink()
    (script.parent / "link").symlink_to("walk")
    assert since(repo) == {"other", "base"}


def test_an_overlay_that_changed_differs_where_it_reaches(repo: Project) -> None:
    repo.write("stacks.toml", f'{TOML}\n[variant.cpu]\n[variant.new]\noverlays = ["new"]\n')
    repo.write("overlays/new.toml", OVERLAY)
    commit(repo)
    assert since(repo, variant="new") == set()
    repo.write("overlays/new.toml", OVERLAY.replace("debian:12", "debian:13"))
    assert since(repo, variant="cpu") == set()
    assert since(repo, variant="new") == {"base", "child", "other"}


def test_an_overlay_that_is_new_since_then_differs_where_it_reaches(repo: Project) -> None:
    repo.write("overlays/new.toml", OVERLAY)
    assert since(repo, "HEAD", "--overlay", "new") == {"base", "child", "other"}


def test_a_variant_that_is_new_since_then_differs_in_everything(repo: Project) -> None:
    repo.write("stacks.toml", f"{TOML}\n[variant.default]\n[variant.new]\n")
    assert since(repo) == set()
    assert since(repo, variant="new") == {"base", "child", "lone", "other"}


def test_a_project_that_is_new_since_then_differs_in_everything(repo: Project) -> None:
    git(repo.root, "mv", "stacks.toml", "other.toml")
    commit(repo)
    git(repo.root, "mv", "other.toml", "stacks.toml")
    assert since(repo) == {"base", "child", "lone", "other"}


def test_a_lock_that_git_does_not_keep_is_the_same_then_as_now(repo: Project) -> None:
    repo.write(".gitignore", "stacks.lock\n")
    git(repo.root, "rm", "-q", "--cached", "stacks.lock")
    commit(repo)
    assert since(repo) == set()
    (repo.root / "stacks.lock").unlink()
    assert since(repo) == set()


def test_a_git_tree_that_no_committed_lock_pins_is_the_same_then_as_now(
    repo: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = tmp_path_factory.mktemp("upstream")
    monkeypatch.setenv("XDG_CACHE_HOME", str(upstream.parent / "cache"))
    shutil.copytree(repo.root / "images/lone", upstream / "lone")
    git(upstream, "init", "-q", "-b", "main")
    git(upstream, "add", "-A")
    git(upstream, "commit", "-q", "-m", "one")
    repo.write("stacks.toml", f'[tree.up]\ngit = "{upstream}"\npath = "."\n')
    repo.write(".gitignore", "stacks.lock\n")
    git(repo.root, "rm", "-q", "--cached", "stacks.lock")
    commit(repo)
    repo.run("lock")
    (upstream / "lone/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /Dockerfile\n")
    git(upstream, "commit", "-q", "-a", "-m", "two")
    assert since(repo) == set()
    repo.run("lock", "--update")
    assert since(repo) == set()


def test_a_bare_tree_below_the_top_of_its_repository_is_compared(repo: Project) -> None:
    repo.write("images/child/setup", "2\n")
    text = repo.run(
        "plan", "--tree", "images", "--no-engine", "--changed-since", "HEAD", "--format", "json"
    ).out
    assert "child" in json.loads(text)["variants"]["default"]["images"]
    assert "lone" not in json.loads(text)["variants"]["default"]["images"]


def test_images_and_differences_together_mean_the_way_between_them(repo: Project) -> None:
    repo.write("images/base/Dockerfile", "FROM debian:bookworm\nRUN true\n")
    assert since(repo, "HEAD", "child") == {"base", "child"}
    assert since(repo, "HEAD", "child", "--ancestors-only") == {"base"}


def test_the_repository_and_its_index_stay_as_they_are(repo: Project) -> None:
    repo.write("images/child/setup", "2\n")
    git(repo.root, "add", "-A")
    repo.write("images/child/setup", "3\n")
    hook = repo.write(".git/hooks/post-index-change", f"#!/bin/sh\ntouch {repo.root}/hooked\n")
    hook.chmod(0o755)
    index = (repo.root / ".git/index").read_bytes()
    assert since(repo) == {"base", "child"}
    assert (repo.root / ".git/index").read_bytes() == index
    assert not (repo.root / "hooked").exists()


def submodule(repo: Project, tmp_path: Path) -> Path:
    """A submodule `images/child/sub`, all of which the child reads, at the first of its commits."""
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    git(upstream, "init", "-q", "-b", "main")
    (upstream / "file").write_text("1\n")
    git(upstream, "add", "-A")
    git(upstream, "commit", "-q", "-m", "one")
    git(
        repo.root,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        str(upstream),
        "images/child/sub",
    )
    repo.image("child", "FROM jupyter/base\nCOPY sub /\n")
    commit(repo)
    return repo.root / "images/child/sub"


def test_a_submodule_is_compared_at_the_commit_it_had(
    repo: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sub = submodule(repo, tmp_path_factory.mktemp("up"))
    assert since(repo) == set()
    (sub / "file").write_text("2\n")
    assert since(repo) == {"base", "child"}
    git(sub, "commit", "-q", "-a", "-m", "two")
    assert since(repo) == {"base", "child"}
    commit(repo)
    assert since(repo) == set()
    assert since(repo, "HEAD~1") == {"base", "child"}


def test_a_submodule_that_lacks_the_commit_it_had_is_an_error(
    repo: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    submodule(repo, tmp_path_factory.mktemp("up"))
    git(repo.root, "update-index", "--cacheinfo", f"160000,{'a' * 40},images/child/sub")
    git(repo.root, "commit", "-q", "-m", "elsewhere")
    said = repo.run("plan", "--no-engine", "--changed-since", "HEAD", code=2)
    assert said.errors == [
        "error: the submodule 'images/child/sub' lacks the commit aaaaaaaaaaaa that 'HEAD' has of it"
    ]


def refused(project: Project, revision: str = "HEAD") -> tuple[str, str]:
    said = project.run("plan", "--no-engine", "--changed-since", revision, code=2)
    (error,) = said.errors
    return error, said.err


@pytest.mark.parametrize("revision", ["nowhere", "HEAD~99", "a" * 40, "--all", "", "HEAD:images", "\n"])
def test_an_unknown_revision_is_an_error(revision: str, repo: Project) -> None:
    error, hint = refused(repo, revision)
    assert "there is no revision '" in error
    assert "give a branch, a tag or a commit" in hint


def test_a_revision_before_a_shallow_clone_says_how_to_get_it(
    repo: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repo)
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "-q", "--depth", "1", f"file://{repo.root}", "shallow")
    monkeypatch.chdir(clone / "shallow")
    assert since(repo) == set()
    assert "this clone is shallow: `git fetch --unshallow`" in refused(repo, "HEAD~1")[1]


def test_a_project_that_is_in_no_repository_is_an_error(project: Project) -> None:
    error, hint = refused(project)
    assert error.endswith("is in no git repository")
    assert "'HEAD' is taken for a revision of git" in hint


def test_a_repository_without_a_commit_has_no_revision(project: Project) -> None:
    git(project.root, "init", "-q")
    assert "there is no revision 'HEAD'" in refused(project)[0]


def test_a_tree_outside_the_repository_is_an_error(
    repo: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "far").mkdir()
    (outside / "far/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    repo.write("stacks.toml", f'{TOML}\n[tree.far]\npath = "{outside}"\n')
    error, _ = refused(repo)
    assert "stacks.toml:8: the tree 'far' lies outside the git repository" in error


def test_what_was_wrong_then_is_told_of_then(repo: Project) -> None:
    repo.image("child", "FORM jupyter/base\n")
    commit(repo)
    repo.image("child", "FROM jupyter/base\n")
    assert refused(repo)[0].startswith("error: HEAD:images/child/Dockerfile:1: ")
