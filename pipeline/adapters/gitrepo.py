"""Trees in git repositories, and what git knows of a folder."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline import digest
from pipeline.errors import InputError, StackbuildError, UnreachableError

TIMEOUT = 600
# nothing of the user's may run or be thinned out because an index of ours is written
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.sparseCheckout=false")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


def commit(folder: Path) -> str:
    """The commit that is checked out around the folder, 12 hex digits; "" without git or a commit."""
    with contextlib.suppress(StackbuildError):
        return git(["-C", str(folder), "rev-parse", "--short=12", "HEAD"])
    return ""


@dataclass(frozen=True, slots=True)
class Checkout:
    """What git knows of a folder: its remote's address, the commit, that commit's time, and edits since."""

    remote: str
    commit: str
    at: str
    dirty: bool


def describe(folder: Path) -> Checkout | None:
    """The checkout that a folder lies in; None without git or a commit."""
    here = ["-C", str(folder)]
    try:
        commit, at = git([*here, "log", "-1", "--format=%H %cI"]).split()
        dirty = bool(git([*here, "status", "--porcelain", "--", "."]))
    except (StackbuildError, ValueError):
        return None
    try:
        remote = git([*here, "remote", "get-url", "origin"])
    except StackbuildError:
        remote = ""
    return Checkout(without_secrets(remote), commit, at, dirty)


def without_secrets(url: str) -> str:
    """A repository's address without user and password; "" for a path of this machine."""
    if not re.match(r"\w[\w+.-]*://|[\w.-]+@[\w.-]+:", url) or url.startswith("file:"):
        return ""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def committed_at(url: str, commit: str) -> str:
    """When a commit that has been checked out was made; "" where that was not noted."""
    try:
        return _note(url, commit).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _note(url: str, commit: str) -> Path:
    return cache_folder() / digest.short(digest.of_bytes(url.encode())) / f"{commit}.at"


def resolve(url: str, ref: str) -> str:
    """The commit that a branch, a tag or "" (the default branch) stands for now; one stands for itself."""
    if _COMMIT.match(ref):
        return ref
    names = [f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/tags/{ref}^{{}}"] if ref else ["HEAD"]
    lines = git(["ls-remote", "--", url, *names], url).splitlines()
    found = {name: commit for commit, _, name in (line.partition("\t") for line in lines)}
    # an annotated tag is an object of its own; what it points to is listed behind it, with ^{}
    for name in reversed(names):
        if name in found:
            return found[name]
    hint = "give a branch, a tag, or a whole commit of 40 hex digits"
    raise InputError.of(f"'{url}' has no branch or tag '{ref}'", hint=hint)


def cache_folder() -> Path:
    """Where repositories are kept between runs; it may be deleted at any time."""
    import platformdirs  # noqa: PLC0415 (only trees from git need it)

    return platformdirs.user_cache_path("stackbuild") / "git"


def cached(url: str, commit: str) -> bool:
    """Whether a commit can be had without asking anybody: it was fetched before, or is on this machine."""
    return url.startswith(("/", "file:")) or _folder(url, commit).is_dir()


def _folder(url: str, commit: str) -> Path:
    return cache_folder() / digest.short(digest.of_bytes(url.encode())) / commit


def checkout(url: str, commit: str) -> Path:
    """A folder with the files of a commit, fetched where it is not cached; nobody else writes to it."""
    folder = _folder(url, commit)
    home = folder.parent
    if folder.is_dir():
        return folder
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix=".new-") as temporary:
            repository, files = Path(temporary) / "repository", Path(temporary) / "files"
            files.mkdir()
            git(["init", "--quiet", "--bare", str(repository)])
            _fetch(repository, url, commit)
            try:
                export(repository, commit, files)
            except InputError as error:
                raise InputError.of(f"there is no commit {commit} in '{url}'") from error
            at = git(["--git-dir", str(repository), "log", "-1", "--format=%cI", commit])
            _note(url, commit).write_text(at, encoding="ascii")
            with _won_by_another(folder):
                files.rename(folder)
    except OSError as error:
        raise InputError.of(f"'{url}' cannot be kept: {error}", str(home)) from error
    return folder


def _fetch(repository: Path, url: str, commit: str) -> None:
    line = ["--git-dir", str(repository), "fetch", "--quiet", "--no-tags"]
    try:
        git([*line, "--depth=1", "--", url, commit], url)
    except UnreachableError:
        # some servers hand out no single commits: then everything is fetched, once
        git([*line, "--", url, "+refs/*:refs/fetched/*"], url)


def export(repository: Path, commit: str, files: Path) -> None:
    """The files as a checkout has them; `git archive` would leave out what .gitattributes says it should.

    The repository, which may be somebody's, stays as it is. Raises InputError without such a commit.
    """
    with tempfile.TemporaryDirectory() as temporary:
        index = Path(temporary) / "index"
        base = [*_QUIET, "--git-dir", str(repository), "--work-tree", str(files)]
        try:
            git([*base, "read-tree", commit], index=index)
        except UnreachableError as error:
            raise InputError.of(f"there is no commit {commit} in the repository") from error
        git([*base, "checkout-index", "--all", "--quiet"], index=index)


@contextlib.contextmanager
def _won_by_another(folder: Path) -> Iterator[None]:
    """Two runs may fetch the same commit at once: the second finds the first one's folder, and takes it."""
    try:
        yield
    except OSError:
        if not folder.is_dir():
            raise


def git(arguments: list[str], url: str = "", *, index: Path | None = None) -> str:
    """What a git command prints; `url` is the repository it is about, for messages.

    Raises UnreachableError with what git says where it fails.
    """
    if not shutil.which("git"):
        raise UnreachableError.of("no `git` on PATH", hint="install git")
    # GIT_DIR and its like, set by hooks that call us, must not lead git elsewhere
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_DIR")}
    environment.pop("GIT_WORK_TREE", None)
    environment.pop("GIT_INDEX_FILE", None)
    if index:
        environment["GIT_INDEX_FILE"] = str(index)
    environment["GIT_TERMINAL_PROMPT"] = "0"
    environment["LC_ALL"] = "C"
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError.of(f"git does not answer: {url or arguments[0]}") from error
    if done.returncode == 0:
        return done.stdout.strip()
    said = [line for line in done.stderr.splitlines() if line.strip()] or ["git did not say why"]
    # the first "fatal:" is the cause; what it led to, and advice, come behind it
    message = next((line for line in said if line.startswith("fatal: ")), said[-1])
    message = message.removeprefix("fatal: ")
    what = f"the git repository '{url}' cannot be read" if url else "git failed"
    hint = "check the address, and that this machine reaches it; a cached commit works offline" if url else ""
    raise UnreachableError.of(f"{what}: {message}", hint=hint)
