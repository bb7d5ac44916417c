"""A project opened: its configuration, its trees, its overlays and its lock, all read and checked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline import config as configuration
from pipeline import digest
from pipeline import lock as locking
from pipeline import overlay as overlays
from pipeline import tree as trees
from pipeline.adapters import disk, gitrepo
from pipeline.config import Config, TreeConfig, Variant
from pipeline.errors import InputError, Problem
from pipeline.graph import Graph, derive
from pipeline.lock import Lock, Pin
from pipeline.overlay import Match, Overlay
from pipeline.tomlfile import nearest
from pipeline.tree import Tree

FILE = "stacks.toml"
LOCK = "stacks.lock"


@dataclass(frozen=True, slots=True)
class Project:
    """What people wrote. `state` is the folder for what this machine remembers; nothing else is written.

    `lock` is as it was read; `pins` are the commits of the trees from git, as they are used now.
    """

    config: Config
    tree: Tree
    root: Path
    folders: Mapping[str, Path]
    lock: Lock
    pins: Mapping[str, Pin]
    lock_path: Path
    state: Path


@dataclass(frozen=True, slots=True)
class Opening:
    """How a project is opened: `update` are globs for the trees whose pins are looked up anew.

    With `locked` nothing is looked up or fetched: what the lock does not answer is an error. Relative
    addresses of repositories are taken from `home` ("" for the folder of stacks.toml).
    """

    update: tuple[str, ...] = ()
    locked: bool = False
    home: str = ""


AS_IT_IS = Opening()


@dataclass(frozen=True, slots=True)
class View:
    """One variant: the tree after its overlays, where they matched, and the graph."""

    variant: Variant
    tree: Tree
    matches: tuple[Match, ...]
    graph: Graph


def find_file(start: Path) -> Path | None:
    """The nearest stacks.toml, from a folder upwards."""
    return next((folder / FILE for folder in (start, *start.parents) if (folder / FILE).is_file()), None)


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise InputError.of("the current folder is not there any more", hint="cd into one that is") from error


def _real(path: Path) -> Path:
    """Where links lead, as far as they do: `Path.resolve` fails for a loop and for too long a name."""
    return Path(os.path.realpath(path))


def shown(path: Path) -> str:
    """A path for messages: relative to where the person stands, unless that is a detour."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(f"..{os.sep}..") else relative


def open_project(file: str = "", tree: str = "", how: Opening = AS_IT_IS) -> Project:
    """Read and check everything; `tree` takes a folder alone, without a stacks.toml.

    Trees from git are fetched at the commits of the lock; where it has none, or is to be updated, at those
    that their refs stand for now.

    Raises InputError with every problem of the configuration, or else of the trees.
    """
    path = _file(file, tree)
    if path is None:
        here = _here()
        return _opened(configuration.for_tree(tree, _real(here / tree).name or "tree"), here, "", how)
    name = shown(path)
    return _opened(configuration.parse(disk.read_text(path, name), name), path.parent, name, how)


def state_folder(file: str = "", tree: str = "") -> Path:
    """The folder for what this machine remembers of a project, whose files need not be in order for that."""
    path = _file(file, tree)
    if path is None:
        return _apart(configuration.for_tree(tree), _here())[1]
    return path.parent / disk.STATE_FOLDER


def _file(file: str, tree: str) -> Path | None:
    """The stacks.toml that is meant, or None where a tree is meant alone."""
    here = _here()
    if tree:
        if file:
            raise InputError.of(
                "--tree and -f exclude each other", hint="a stacks.toml names its trees itself"
            )
        return None
    path = Path(file) if file else find_file(here)
    if path is None:
        hint = "write one, or point at a folder of Dockerfiles: --tree DIR"
        raise InputError.of(f"no {FILE} here or above", hint=hint)
    if not disk.is_file(path):
        raise InputError.of(f"no file '{path}'", hint=f"-f takes the path of a {FILE}")
    return path.absolute()


def _opened(config: Config, root: Path, file: str, how: Opening) -> Project:
    lock_path, state = (root / LOCK, root / disk.STATE_FOLDER) if file else _apart(config, root)
    lock = _lock(lock_path)
    found: list[Tree] = []
    problems: list[Problem] = []
    folders: dict[str, Path] = {}
    pins: dict[str, Pin] = {}
    for declared in config.trees:
        try:
            folder = (root / declared.path).absolute()
            name = shown(folder)
            if declared.git:
                pin = _pin(declared, root, lock, how)
                pins[declared.name] = pin
                files = _checkout(declared, root, (pin, lock_path), how)
                folder = files / declared.path
                name = f"{declared.name}@{pin.commit[:12]}/{declared.path}".removesuffix("/.")
                # the repository is somebody else's, and a folder of it may be a link to anywhere
                if not _real(folder).is_relative_to(_real(files)):
                    raise InputError.of(f"the tree '{name}' leads out of its repository", declared.where)
            folders[declared.name] = folder
            found.append(_scan(replace(declared, path=name), folder))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    return Project(config, trees.merge(found), root, folders, lock, pins, lock_path, state)


def _apart(config: Config, root: Path) -> tuple[Path, Path]:
    """Lock and state of a bare tree: it is somebody else's, so nothing is put into it."""
    only = _real(root / config.trees[0].path)
    name = digest.short(digest.of_bytes(os.fsencode(only)))
    import platformdirs  # noqa: PLC0415 (most projects have a folder for it)

    state = platformdirs.user_state_path("stackbuild") / "trees" / f"{only.name[:40]}-{name}"
    return state / LOCK, state


def address(declared: TreeConfig, root: Path) -> str:
    """A repository's address; a path is relative to stacks.toml."""
    return str((root / declared.git).resolve()) if declared.git.startswith((".", "/")) else declared.git


def _pin(declared: TreeConfig, root: Path, lock: Lock, how: Opening) -> Pin:
    locked = lock.trees.get(declared.name)
    moving = any(fnmatchcase(declared.name, glob) for glob in how.update)
    if locked and not moving and (locked.git, locked.ref) == (declared.git, declared.ref):
        return locked
    if how.locked:
        what = f"{declared.ref or 'HEAD'} of {declared.git}"
        message = f"{LOCK} does not pin the tree '{declared.name}', which is {what}"
        if locked:
            message += f", but {locked.ref or 'HEAD'} of {locked.git}"
        raise InputError.of(message, declared.where, "run `stackbuild lock`, and commit it")
    home = Path(how.home) if how.home else root
    return Pin(declared.git, declared.ref, gitrepo.resolve(address(declared, home), declared.ref))


def _checkout(declared: TreeConfig, root: Path, given: tuple[Pin, Path], how: Opening) -> Path:
    pin, lock_path = given
    url = address(declared, Path(how.home) if how.home else root)
    if how.locked and not gitrepo.cached(url, pin.commit):
        message = f"the tree '{declared.name}' is not on this machine yet, and --locked fetches nothing"
        raise InputError.of(message, declared.where, "run `stackbuild lock --check` first: it fetches")
    try:
        return gitrepo.checkout(url, pin.commit)
    except InputError as error:
        where, hint = declared.where, "is it the right one? a shallow clone does not have all commits"
        if pin.commit != declared.ref:
            where = shown(lock_path)
            hint = f"of another tree, or was history rewritten? `stackbuild lock --update {declared.name}`"
        raise InputError(
            *(replace(p, where=p.where or where, hint=p.hint or hint) for p in error.problems)
        ) from error


def _scan(declared: TreeConfig, folder: Path) -> Tree:
    entries = disk.walk(folder, declared.path)
    return trees.scan(declared, entries, disk.reader(folder, declared.path))


def _lock(path: Path) -> Lock:
    name = shown(path)
    if not os.path.lexists(path):
        return Lock()
    if not disk.is_file(path):
        raise InputError.of("is not a file", name, "remove it: `stackbuild lock` writes a new one")
    return locking.parse(disk.read_text(path, name), name)


def overlay_path(project: Project, name: str) -> Path:
    """Where the overlay of this name is: in the project's folder of overlays, unless the name is a path."""
    if name.endswith(".toml") or "/" in name:
        return Path(name)
    return overlay_folder(project) / f"{name}.toml"


def overlay_folder(project: Project) -> Path:
    """The folder of the project's overlays."""
    return Path(os.path.normpath(project.root / project.config.overlays))


def read_overlay(project: Project, name: str) -> Overlay:
    """The overlay of this name in the project's folder, or at this path where the name is a path."""
    path = overlay_path(project, name)
    if not disk.is_file(path):
        there = sorted(other.stem for other in overlay_folder(project).glob("*.toml") if other != path)
        hint = nearest(name, there) or (f"there are: {', '.join(there)}" if there else f"write {shown(path)}")
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise InputError.of(f"overlay '{name}': {shown(path)} {what}", hint=hint)
    beside = disk.file_reader({"": path.parent}, {"": shown(path.parent)})
    return overlays.read_overlay(disk.read_text(path, shown(path)), path.stem, shown(path), beside)


def reading(project: Project) -> overlays.ReadFile:
    """How overlays read the files of the project's trees."""
    names = {name: source.root for name, source in project.tree.sources.items()}
    return disk.file_reader(project.folders, names)


def view(project: Project, variant: Variant, more: Iterable[str] = ()) -> View:
    """A variant's view of the tree, with further overlays on top of its own; all its problems together."""
    names = (*variant.overlays, *more)
    found: list[Overlay] = []
    problems: list[Problem] = []
    for name in names:
        try:
            found.append(read_overlay(project, name))
        except InputError as error:
            where = variant.where if name in variant.overlays else ""
            problems += [replace(p, where=p.where or where) for p in error.problems]
    try:
        tree, matches = overlays.apply(
            found, project.tree, platform=project.config.platform, read=reading(project)
        )
    except InputError as error:
        problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    try:
        graph = derive(tree, project.config.platform)
    except InputError as error:
        raise InputError(*overlays.blamed(error.problems, tree, matches)) from error
    files = {node.image.name: frozenset(node.files) for node in graph}
    if problems := overlays.unread(matches, files):
        raise InputError(*problems)
    return View(variant, tree, matches, graph)


def views(project: Project, names: Iterable[str], more: Iterable[str] = ()) -> tuple[View, ...]:
    """The views of the named variants, of all where none is named; all their problems together."""
    chosen = [project.config.variant(name) for name in dict.fromkeys(names)] or project.config.variants
    found: list[View] = []
    problems: list[Problem] = []
    for variant in chosen:
        try:
            found.append(view(project, variant, more))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return tuple(found)
