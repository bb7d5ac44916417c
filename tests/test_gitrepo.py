"""Trees from git: pinned, cached, and read as a checkout has them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.adapters import gitrepo
from pipeline.errors import InputError, UnreachableError
from pipeline.run.project import Opening, open_project

WHO = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"), ("DATE", "2020-05-01T00:00:00Z"))
}


def git(folder: Path, *arguments: str) -> str:
    line = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        line, check=True, capture_output=True, text=True, env={**os.environ, **WHO}
    ).stdout.strip()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two commits: `old` and an annotated tag at the first, `main` at the second."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "images/base").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "images/base/Dockerfile").write_text("FROM debian:bookworm\n")
    (folder / "images/base/kept.txt").write_text("$Id$ kept\n")
    # `git archive` would obey these; a checkout, which people build from, does not
    (folder / ".gitattributes").write_text("*.txt export-ignore export-subst\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    git(folder, "branch", "old")
    git(folder, "tag", "-a", "v1", "-m", "first")
    (folder / "images/top").mkdir()
    (folder / "images/top/Dockerfile").write_text("FROM lab/base\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "two")
    return folder


@pytest.fixture
def upstream(template: Path, tmp_path: Path) -> Path:
    """The repository, for a test to do with as it likes."""
    return Path(shutil.copytree(template, tmp_path / "upstream", symlinks=True))


def project(tmp_path: Path, upstream: Path, ref: str) -> Path:
    folder = tmp_path / "project"
    folder.mkdir(exist_ok=True)
    (folder / "stacks.toml").write_text(f'[tree.up]\ngit = "{upstream}"\nref = "{ref}"\npath = "images"\n')
    return folder / "stacks.toml"


def test_a_branch_a_tag_and_a_commit_stand_for_their_commit(upstream: Path) -> None:
    first, second = git(upstream, "rev-parse", "old"), git(upstream, "rev-parse", "main")
    found = [gitrepo.resolve(str(upstream), ref) for ref in ("old", "v1", first, "main", "")]
    assert found == [first, first, first, second, second]


def test_an_unknown_ref_names_the_repository(upstream: Path) -> None:
    with pytest.raises(InputError, match="has no branch or tag 'gone'"):
        gitrepo.resolve(str(upstream), "gone")


def test_a_checkout_has_every_file_of_its_commit_as_it_is(upstream: Path) -> None:
    folder = gitrepo.checkout(str(upstream), git(upstream, "rev-parse", "old"))
    assert (folder / "images/base/kept.txt").read_text() == "$Id$ kept\n"
    assert not (folder / "images/top").exists()
    assert not (folder / ".git").exists()


def test_a_cached_commit_works_without_the_repository(upstream: Path, tmp_path: Path) -> None:
    commit = git(upstream, "rev-parse", "main")
    folder = gitrepo.checkout(str(upstream), commit)
    upstream.rename(tmp_path / "away")
    assert gitrepo.checkout(str(upstream), commit) == folder


def test_a_repository_out_of_reach_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="cannot be read"):
        gitrepo.resolve(str(tmp_path / "nowhere"), "main")


def test_of_what_git_says_the_cause_is_shown_and_not_the_advice_behind_it(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="does not appear to be a git repository"):
        gitrepo.resolve(str(tmp_path), "main")


def test_a_commit_that_is_not_there_leaves_nothing_behind(upstream: Path, cache: Path) -> None:
    with pytest.raises((InputError, UnreachableError)):
        gitrepo.checkout(str(upstream), "0" * 40)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_tree_at_a_tag_has_the_images_of_that_commit(upstream: Path, tmp_path: Path) -> None:
    opened = open_project(str(project(tmp_path, upstream, "v1")))
    assert list(opened.tree.images) == ["base"]
    assert opened.pins["up"].commit == git(upstream, "rev-parse", "old")


def test_the_lock_holds_a_branch_at_its_commit_until_it_is_updated(upstream: Path, tmp_path: Path) -> None:
    file = project(tmp_path, upstream, "main")
    pin = git(upstream, "rev-parse", "old")
    (tmp_path / "project/stacks.lock").write_text(
        f'format = 1\n[tree.up]\ngit = "{upstream}"\nref = "main"\ncommit = "{pin}"\n'
    )
    assert list(open_project(str(file)).tree.images) == ["base"]
    assert sorted(open_project(str(file), how=Opening(update=("*",))).tree.images) == ["base", "top"]


def test_the_lock_of_another_ref_does_not_hold(upstream: Path, tmp_path: Path) -> None:
    file = project(tmp_path, upstream, "main")
    pin = git(upstream, "rev-parse", "old")
    (tmp_path / "project/stacks.lock").write_text(
        f'format = 1\n[tree.up]\ngit = "{upstream}"\nref = "old"\ncommit = "{pin}"\n'
    )
    assert sorted(open_project(str(file)).tree.images) == ["base", "top"]


def test_trees_stand_on_each_other(upstream: Path, tmp_path: Path) -> None:
    file = project(tmp_path, upstream, "main")
    hub = tmp_path / "project/hub/hub"
    hub.mkdir(parents=True)
    (hub / "Dockerfile").write_text("FROM debian:bookworm\nCOPY --from=lab/top /x /x\n")
    file.write_text(file.read_text() + '[tree.own]\npath = "hub"\n')
    opened = open_project(str(file))
    assert {name: image.tree for name, image in opened.tree.images.items()} == {
        "base": "up", "top": "up", "hub": "own",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('git = "ext::sh -c id"', "is no address"),
        ('git = "--upload-pack=x"', "is no address"),
        ('git = "https://me:secret@git.example/x"', "holds credentials"),
        ('git = "/x"\nref = "--output=x"', "is no branch"),
        ('git = "/x"\npath = "../.."', "must stay inside"),
        ('path = "x"\nref = "main"', "goes with 'git'"),
    ],
)
def test_what_would_run_or_leak_is_refused(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "stacks.toml").write_text(f"[tree.up]\n{line}\n")
    with pytest.raises(InputError, match=message) as caught:
        open_project(str(tmp_path / "stacks.toml"))
    assert "secret" not in str(caught.value)


def test_a_folder_that_is_a_link_out_of_its_repository_is_no_tree(upstream: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/base").mkdir(parents=True)
    (tmp_path / "elsewhere/base/Dockerfile").write_text("FROM debian:bookworm\n")
    git(upstream, "mv", "images", "kept")
    (upstream / "images").symlink_to(tmp_path / "elsewhere")
    git(upstream, "add", "-A")
    git(upstream, "commit", "-q", "-m", "three")
    with pytest.raises(InputError, match="leads out of its repository"):
        open_project(str(project(tmp_path, upstream, "main")))


def test_a_checkout_is_described_by_its_commit_and_by_what_was_edited_since(upstream: Path) -> None:
    git(upstream, "remote", "add", "origin", "https://somebody:secret@git.example/stacks.git")
    found = gitrepo.describe(upstream / "images")
    assert found is not None
    assert found.remote == "https://git.example/stacks.git"
    assert found.commit == git(upstream, "rev-parse", "HEAD")
    assert found.at.startswith("2020-05-01T00:00:00")
    assert not found.dirty
    # what lies beside the tree, like the lock that a run writes, edits no image
    (upstream / "stacks.lock").write_text("")
    found = gitrepo.describe(upstream / "images")
    assert found is not None
    assert not found.dirty
    (upstream / "images/base/Dockerfile").write_text("FROM scratch\n")
    found = gitrepo.describe(upstream / "images")
    assert found is not None
    assert found.dirty


def test_no_checkout_is_described_by_nothing(tmp_path: Path) -> None:
    assert gitrepo.describe(tmp_path) is None


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://git.example/a.git", "https://git.example/a.git"),
        ("https://token@git.example/a.git", "https://git.example/a.git"),
        ("ssh://git:word@git.example/a", "ssh://git.example/a"),
        ("git@git.example:a/b.git", "git@git.example:a/b.git"),
        ("/home/somebody/a", ""),
        ("../a", ""),
        ("file:///home/somebody/a", ""),
    ],
)
def test_an_address_is_shown_without_secrets_and_without_paths_of_this_machine(
    address: str, shown: str
) -> None:
    assert gitrepo.without_secrets(address) == shown


def test_the_time_of_a_commit_is_noted_with_its_checkout(upstream: Path) -> None:
    commit = git(upstream, "rev-parse", "old")
    assert gitrepo.committed_at(str(upstream), commit) == ""
    gitrepo.checkout(str(upstream), commit)
    assert gitrepo.committed_at(str(upstream), commit).startswith("2020-05-01T00:00:00")
