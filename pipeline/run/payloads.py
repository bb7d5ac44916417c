"""What probes bring along: the built-in ones their scripts, the declared ones files out of the project."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipeline.adapters import disk, scripts
from pipeline.config import Smoke, called
from pipeline.errors import InputError, Problem
from pipeline.ports import ProbeFile
from pipeline.run.project import Project, shown
from pipeline.smoke import Payload, scripts_of
from pipeline.tomlfile import nearest

MOST_BYTES = 32 << 20


def read(project: Project, smokes: Iterable[Smoke]) -> dict[Smoke, Payload]:
    """What each of the smokes brings along; raises InputError with everything that cannot be had."""
    found: dict[Smoke, Payload] = {}
    problems: list[Problem] = []
    for smoke in smokes:
        try:
            files = tuple(_scripts(smoke) if smoke.probe else _files(project, smoke))
        except InputError as error:
            problems += [Problem(p.message, smoke.where, p.hint) for p in error.problems]
            continue
        if sum(len(file.content) for file in files) > MOST_BYTES:
            problems.append(Problem(f"its files are larger than {MOST_BYTES >> 20} MiB", smoke.where))
        if files:
            found[smoke] = Payload(files)
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return found


def _scripts(smoke: Smoke) -> Iterator[ProbeFile]:
    return (ProbeFile(name, scripts.read(name)) for name in scripts_of(smoke.probe))


def _files(project: Project, smoke: Smoke) -> Iterator[ProbeFile]:
    for path in smoke.files:
        yield from _below(project, path, f"files/{called(path)}")
    if smoke.tests:
        yield from _below(project, smoke.tests, "tests")


def _below(project: Project, path: str, place: str) -> Iterator[ProbeFile]:
    """A file, or all files of a folder, below a place in the probe's own folder."""
    root, inner = _root(project, path)
    name = f"{shown(root)}/{inner}"
    read = _named(disk.reader(root, shown(root)))
    full = root / inner
    if not disk.is_folder(full):
        yield ProbeFile(place, read(inner))
        return
    # a folder that is a link is followed here, so it must not lead out
    if not full.resolve().is_relative_to(root.resolve()):
        raise InputError.of(f"'{name}' leads out of its tree", hint="put the folder itself in the tree")
    for entry in disk.walk(full, name):
        if entry.kind != "dir" and "__pycache__" not in entry.path:
            yield ProbeFile(f"{place}/{entry.path}", read(posixpath.join(inner, entry.path)))


def _root(project: Project, path: str) -> tuple[Path, str]:
    """The folder that a path is below: that of stacks.toml, or of the tree that it names."""
    tree, colon, inner = path.partition(":")
    if not colon:
        return project.root, posixpath.normpath(path)
    if tree not in project.folders:
        hint = nearest(tree, project.folders) or f"there are: {', '.join(sorted(project.folders))}"
        raise InputError.of(f"no tree '{tree}', in '{path}'", hint=hint)
    return project.folders[tree], posixpath.normpath(inner)


def _named(read: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """A reader whose complaints name the file in their message: where they arise is the probe's place."""

    def named(path: str) -> bytes:
        try:
            return read(path)
        except InputError as error:
            problem = error.problems[0]
            raise InputError.of(f"'{problem.where}' {problem.message}", hint=problem.hint) from error

    return named
