"""`explain`: what an image was last built with, or was at another time, beside what it is now."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import explain, keys, plan
from pipeline.adapters import disk, texts
from pipeline.adapters.disk import Digests
from pipeline.adapters.state import State
from pipeline.adapters.texts import Texts
from pipeline.digest import short
from pipeline.errors import InputError
from pipeline.explain import Explanation
from pipeline.graph import Node
from pipeline.keys import KeyRecord
from pipeline.run.project import Project, View, open_project, views
from pipeline.run.then import Place, Then, at

_KEY = re.compile(r"(?:k-)?([0-9a-f]{6,64})\Z")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line of `explain`."""

    images: tuple[str, ...] = ()
    file: str | None = None
    tree: str | None = None
    variants: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    against: str | None = None


@dataclass(frozen=True, slots=True)
class _Past:
    """What one variant is compared with: a record by image, what then is, and others by key."""

    last: Mapping[str, KeyRecord]
    since: Mapping[str, str]
    built: Mapping[str, float]
    by_key: Mapping[str, KeyRecord]


def run_explain(wanted: Wanted) -> dict[str, tuple[Explanation, ...]]:
    """The images asked for, by variant, explained by lock, state and git alone."""
    project = open_project(wanted.file or "", wanted.tree or "")
    found = views(project, wanted.variants, wanted.overlays)
    names = plan.matching(project.tree.images, wanted.images)
    if not names:
        if len(project.tree.images) > 1:
            raise InputError.of("which image?", hint=f"one of {', '.join(sorted(project.tree.images))}")
        names = tuple(project.tree.images)
    state = State(project.state, write=False)
    try:
        return _explained(project, found, (names, wanted), state)
    finally:
        state.close()


def _explained(
    project: Project, found: tuple[View, ...], asked: tuple[tuple[str, ...], Wanted], state: State
) -> dict[str, tuple[Explanation, ...]]:
    names, wanted = asked
    digests = Digests(dict(project.folders), state.file_digests())
    inputs = keys.World(project.lock.digests, project.lock.refreshed, project.config.platform)
    answers = {}
    with _then(project, wanted, state) as then:
        for view in found:
            records = keys.compute(view.graph, inputs, digests.states)
            past = _past(project, view.variant.name, (wanted, then), state)
            answers[view.variant.name] = tuple(
                _one(project, view, records, (name, past, then), state) for name in names
            )
    return answers


@contextmanager
def _then(project: Project, wanted: Wanted, state: State) -> Iterator[Then | None]:
    """The revision to compare with, unless it is a key, or the last build."""
    if wanted.against is None or _by_key(wanted.against, state):
        yield None
        return
    place = Place(wanted.file or "", wanted.tree or "", wanted.overlays)
    try:
        with at(project, place, wanted.against) as then:
            yield then
    except InputError as error:
        if not _KEY.match(wanted.against):
            raise
        # what can be both is told as both
        first = error.problems[0]
        message = f"no build of the key '{wanted.against}' is remembered, and {first.message}"
        raise InputError(replace(first, message=message), *error.problems[1:]) from error


def _by_key(against: str, state: State) -> KeyRecord | None:
    """The build whose key begins like this; raises InputError where there are several."""
    match = _KEY.match(against)
    records = state.records(match[1]) if match else {}
    if len(records) > 1:
        told = ", ".join(f"{short(key)} of {record.image}" for key, record in records.items())
        raise InputError.of(f"'{against}' are several keys: {told}", hint="give more of its digits")
    return next(iter(records.values()), None)


def _past(project: Project, variant: str, asked: tuple[Wanted, Then | None], state: State) -> _Past:
    wanted, then = asked
    if then is not None:
        before = then.records(project.lock).get(variant, {})
        since = dict.fromkeys(project.tree.images, wanted.against or "")
        return _Past(before, since, {}, {record.key: record for record in before.values()})
    last = state.last_records(variant)
    by_key = {record.key: record for record in last.values()}
    if wanted.against is not None and (record := _by_key(wanted.against, state)):
        since = dict.fromkeys(project.tree.images, f"the build {short(record.key)} of {record.image}")
        return _Past(dict.fromkeys(project.tree.images, record), since, {}, by_key)
    built = {name: when for name, record in last.items() if (when := state.built_at(record.key))}
    since = {name: f"the last build, of {_moment(when)}" for name, when in built.items()}
    return _Past(last, since, built, by_key)


def _moment(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def _one(
    project: Project,
    view: View,
    records: Mapping[str, KeyRecord],
    asked: tuple[str, _Past, Then | None],
    state: State,
) -> Explanation:
    name, past, then = asked
    node, kept = view.graph.nodes[name], Texts(state)
    places = _places(project, node, records[name])
    if then is not None and then.project is not None:
        nodes = {found.variant.name: found.graph.nodes for found in then.views}.get(view.variant.name, {})
        if name in nodes and name in past.last:
            places |= _places(then.project, nodes[name], past.last[name])

    def text_of(content: str) -> str | None:
        text = texts.read(places[content]) if content in places else None
        return kept.find(content) if text is None else text

    def record_of(key: str) -> KeyRecord | None:
        return past.by_key.get(key) or state.records(key).get(key)

    found_as = "the build that it was last found as" if name in past.last else ""
    since = past.since.get(name, found_as)
    known = (past.last.get(name), since, record_of, text_of)
    found = explain.explain(view.graph, records, name, known)
    if name not in past.built:
        return found
    touched = _touched(project, view, node, past.built[name])
    return replace(found, idle=explain.idle(node, touched, found))


def _places(project: Project, node: Node, record: KeyRecord) -> dict[str, Path]:
    """Where the content of each of an image's files can be read."""
    folder = project.folders[node.image.tree] / node.image.context
    return {state.content: folder / state.path for state in record.files if state.kind == "file"}


def _touched(project: Project, view: View, node: Node, when: float) -> list[str]:
    """The files of an image's context that were changed after its build, and its Dockerfile if it was."""
    image = node.image
    folder = project.folders[image.tree] / image.context
    entries = view.tree.sources[image.tree].below(image.context)
    paths = [entry.path for entry in entries if entry.kind == "file"]
    return disk.changed_after(
        folder, dict.fromkeys([*paths, posixpath.relpath(image.path, image.context or ".")]), when
    )
