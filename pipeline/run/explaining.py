"""`explain`: what an image was last built with, or was at another time, beside what it is now."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import explain, keys, plan
from pipeline.adapters import disk, texts
from pipeline.adapters.disk import Digests
from pipeline.adapters.state import State
from pipeline.adapters.terminal import warn
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
class _Sources:
    """What the past is known from: the state, and where another time is asked for, a build or a revision."""

    project: Project
    state: State
    build: KeyRecord | None = None
    then: Then | None = None


@dataclass(frozen=True, slots=True)
class _Past:
    """What one variant is compared with: records by image, others by key, and where each file's text is."""

    records: Mapping[str, KeyRecord]
    by_key: Mapping[str, KeyRecord]
    nodes: Mapping[str, Node]


def run_explain(wanted: Wanted) -> dict[str, tuple[Explanation, ...]]:
    """The images asked for, by variant, explained by lock, state and git alone."""
    project = open_project(wanted.file or "", wanted.tree or "")
    found = views(project, wanted.variants, wanted.overlays)
    names = plan.matching(project.tree.images, wanted.images)
    if not names:
        if len(project.tree.images) > 1:
            raise InputError.of("which image?", hint=f"one of {', '.join(sorted(project.tree.images))}")
        names = tuple(project.tree.images)
    with ExitStack() as stack:
        state = stack.enter_context(closing(State(project.state, write=False)))
        if state.set_aside:
            warn(f"the state is unreadable: {state.set_aside}")
        sources = _sources(project, wanted, state, stack)
        digests = Digests(dict(project.folders), state.file_digests())
        inputs = keys.World(project.lock.digests, project.lock.refreshed, project.config.platform)
        before = sources.then.records(project.lock) if sources.then else {}
        answers = {}
        for view in found:
            records = keys.compute(view.graph, inputs, digests.states)
            past = _past(sources, view, before)
            answers[view.variant.name] = tuple(_one(sources, view, records, (name, past)) for name in names)
        return answers


def _sources(project: Project, wanted: Wanted, state: State, stack: ExitStack) -> _Sources:
    """What to compare with; a revision is laid out for as long as the stack is open."""
    if wanted.against is None:
        return _Sources(project, state)
    if build := _build(wanted.against, state):
        return _Sources(project, state, build=build)
    place = Place(wanted.file or "", wanted.tree or "", wanted.overlays)
    try:
        return _Sources(project, state, then=stack.enter_context(at(project, place, wanted.against)))
    except InputError as error:
        if not _KEY.match(wanted.against):
            raise
        # what can be both is told as both
        first = error.problems[0]
        message = f"no build of the key '{wanted.against}' is remembered, and {first.message}"
        raise InputError(replace(first, message=message), *error.problems[1:]) from error


def _build(against: str, state: State) -> KeyRecord | None:
    """The build whose key begins like this; raises InputError where there are several."""
    match = _KEY.match(against)
    records = state.records(match[1]) if match else {}
    if len(records) > 1:
        told = ", ".join(f"{short(key)} of {record.image}" for key, record in records.items())
        raise InputError.of(f"'{against}' are several keys: {told}", hint="give more of its digits")
    return next(iter(records.values()), None)


def _past(sources: _Sources, view: View, before: Mapping[str, Mapping[str, KeyRecord]]) -> _Past:
    variant = view.variant.name
    if sources.then:
        records = before.get(variant, {})
        nodes = {found.variant.name: found.graph.nodes for found in sources.then.views}.get(variant, {})
        return _Past(records, {record.key: record for record in records.values()}, nodes)
    last = sources.state.last_records(variant)
    by_key = {record.key: record for record in last.values()}
    return _Past(dict.fromkeys(view.graph.nodes, sources.build) if sources.build else last, by_key, {})


def _one(
    sources: _Sources, view: View, records: Mapping[str, KeyRecord], asked: tuple[str, _Past]
) -> Explanation:
    name, past = asked
    project, state = sources.project, sources.state
    node, record, kept = view.graph.nodes[name], past.records.get(name), Texts(state)
    places = _places(project, node, records[name])
    if record and name in past.nodes and sources.then and sources.then.project:
        places |= _places(sources.then.project, past.nodes[name], record)

    def text_of(content: str) -> str | None:
        place = places.get(content)
        text = texts.decode(place) if isinstance(place, bytes) else texts.read(place) if place else None
        return kept.find(content) if text is None else text

    def record_of(key: str) -> KeyRecord | None:
        return past.by_key.get(key) or state.records(key).get(key)

    when = state.built_at(record.key) if record and not sources.then and not sources.build else 0
    known = (record, _since(sources, record, when), record_of, text_of)
    found = explain.explain(view.graph, records, name, known)
    if found.rebuilt and not sources.then and not sources.build and (at_all := state.built_at(found.now)):
        found = replace(found, again=f"on {_minute(at_all)}")
    return (
        replace(found, idle=explain.idle(node, _touched(project, view, node, when), found)) if when else found
    )


def _since(sources: _Sources, record: KeyRecord | None, when: float) -> str:
    """What an image is compared with, in words; "" for nothing."""
    if sources.then:
        return sources.then.revision.name
    if sources.build:
        return f"the build {short(sources.build.key)} of {sources.build.image}"
    if when:
        return f"the last build, of {_minute(when)}"
    return "the build that it was last found as" if record else ""


def _minute(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def _places(project: Project, node: Node, record: KeyRecord) -> dict[str, Path | bytes]:
    """Where the content of each of an image's files can be read, or what overlays make of it, by digest."""
    image = node.image
    folder = project.folders[image.tree] / image.context
    found: dict[str, Path | bytes] = {}
    for one in record.files:
        if one.kind == "file":
            laid = image.overlaid.get(one.path)
            found[one.content] = folder / one.path if laid is None else laid.content or b""
    return found


def _touched(project: Project, view: View, node: Node, when: float) -> list[str]:
    """The files of an image's context that were changed after its build, and its Dockerfile if it was."""
    image = node.image
    folder = project.folders[image.tree] / image.context
    entries = view.tree.sources[image.tree].below(image.context)
    dockerfile = posixpath.relpath(image.path, image.context or ".")
    paths = [one.path for one in entries if one.kind == "file" and one.path not in image.overlaid]
    return disk.changed_after(folder, dict.fromkeys([*paths, dockerfile]), when)
