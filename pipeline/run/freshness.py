"""Asks the builds at hand, and the clock, which images would come out differently now."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from pipeline import digest, freshness, plan, publish
from pipeline.adapters import pools
from pipeline.adapters.contents import PATIENCE, Contents, made_at
from pipeline.adapters.disk import reader
from pipeline.adapters.engine import Engine, local_name
from pipeline.adapters.inside import Answer, CannotRunError
from pipeline.adapters.state import State
from pipeline.errors import InputError, InterruptedRunError, Problem, StackbuildError, UnreachableError
from pipeline.freshness import Asking, Finding, Held, Moved, Question
from pipeline.graph import Node
from pipeline.manifest import Manifest
from pipeline.plan import Action, Reason, Step
from pipeline.refs import parse
from pipeline.run.decide import Ask, Decided, Decision, decide
from pipeline.run.means import means_of
from pipeline.run.project import Project, View, open_project, views
from pipeline.tomlfile import among

TOGETHER = 4
MOST_TEXT = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found out, by image; `answers` are digests of what images would be built again for."""

    findings: Mapping[str, Finding]
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def stale(self) -> dict[str, Reason]:
        """The images to build again, and why."""
        return {name: one.reason for name, one in self.findings.items() if one.reason}

    @property
    def exit_code(self) -> int:
        """3 where an image did not answer, for want of an index or a registry."""
        return UnreachableError.exit_code if any(one.doubt for one in self.findings.values()) else 0

    def warnings(self) -> list[str]:
        """What is in doubt: such an image is taken as it is, and the run ends with exit code 3."""
        return [f"{name}: is it still fresh? {one.doubt}" for name, one in self.findings.items() if one.doubt]

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {name: one.to_json() for name, one in self.findings.items()}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which variants are meant, with which further overlays, and the registry instead of the project's."""

    variants: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    registry: str | None = None


@dataclass(frozen=True, slots=True)
class _Subject:
    """One build to ask: its step and node, and the base that it stands on as (image, key, pinned root)."""

    step: Step
    node: Node
    base: tuple[str, str, str]


def find(project: Project, decided: Decided, ask: Ask, world: tuple[Engine, State]) -> Found:
    """Ask about every image that is there; what is to be built anyway is not asked about.

    Images that only the registry has are fetched when there is something to ask inside them. Raises
    InputError for a glob of `[fresh.images]` that names no image.
    """
    _check(project)
    asker = _Asker(project, decided, ask, world)
    subjects = {subject.step.key: subject for d in decided.decisions for subject in _subjects(d)}
    try:
        with pools.threads(TOGETHER) as pool:
            found = list(pool.map(asker.about, subjects.values()))
    except KeyboardInterrupt:
        asker.contents.inside.stop()
        raise InterruptedRunError.of("interrupted") from None
    return _joined(found, asker.contents)


def _check(project: Project) -> None:
    names = project.tree.images
    fresh = project.config.fresh
    problems = [
        Problem(f"no image is called '{glob}'", fresh.where, among(glob, names))
        for glob, _ in fresh.ages
        if not any(fnmatchcase(name, glob) for name in names)
    ]
    if problems:
        raise InputError(*problems)


def _subjects(decision: Decision) -> Iterable[_Subject]:
    for step in decision.steps:
        if step.action is Action.BUILD:
            continue
        node = decision.view.graph.nodes[step.image]
        parent = dict(node.parents).get(node.base, "")
        if parent:
            base = (parent, decision.records[parent].key, "")
        else:
            pin = dict(step.record.roots).get(node.base, "")
            base = (node.base, "", parse(node.base).pinned(pin) if pin else "")
        yield _Subject(step, node, base)


def _joined(found: Iterable[Finding], contents: Contents) -> Found:
    """The findings by image; the variants of an image are refreshed together, as the lock names images."""
    findings: dict[str, Finding] = {}
    for one in found:
        before = findings.get(one.image)
        if before is None or (one.reason and not before.reason) or (one.doubt and not before.reason):
            findings[one.image] = one
    answers: dict[str, str] = {}
    for name, one in findings.items():
        if not one.moved:
            continue
        answer = digest.of_value([[m.manager, m.name, m.old, m.new] for m in one.moved])
        if contents.acted_on(name, answer):
            note = "was built again for this before, to no effect"
            findings[name] = Finding(name, None, one.moved, (*one.unasked, note))
        else:
            answers[name] = answer
    return Found(findings, answers)


def refresh(project: Project, seen: tuple[View, ...], ask: Ask, world: tuple[Engine, State]) -> Found:
    """Decide as if nobody had asked for freshness, and find out what of that is stale."""
    return find(project, decide(project, seen, ask, world), ask, world)


def run_fresh(file: str, tree: str, images: tuple[str, ...], chosen: Chosen) -> Found:
    """Find out what is stale, and leave it at that; `chosen` are variants, overlays and the registry."""
    project = open_project(file, tree)
    seen = views(project, chosen.variants, chosen.overlays)
    registry = (chosen.registry or project.config.registry).rstrip("/")
    engine = Engine()
    state = State(project.state, write=True)
    try:
        ask = Ask(plan.matching(project.tree.images, images), registry=registry)
        return refresh(project, seen, ask, (engine, state))
    finally:
        state.close()


class _Asker:
    """Asks one image after the other, in several threads."""

    def __init__(self, project: Project, decided: Decided, ask: Ask, world: tuple[Engine, State]) -> None:
        self._project = project
        self._decided = decided
        self._ask = ask
        self._engine = world[0]
        self._now = time.time()
        self.contents = Contents(*world)

    def about(self, subject: _Subject) -> Finding:
        """What there is to say about one build."""
        image = subject.step.image
        fresh = self._project.config.fresh
        if reason := freshness.aged(self._made(subject), self._now, fresh.most(image)):
            return Finding(image, reason)
        asked = freshness.asking(subject.node, self._texts(subject), subject.step.record.platform)
        questions = [one for one in asked.questions if one.manager in fresh.drift]
        if not questions:
            return Finding(image, unasked=asked.unasked)
        try:
            return self._put(subject, asked, questions)
        except InterruptedRunError:
            raise
        except StackbuildError as error:
            return Finding(image, unasked=asked.unasked, doubt=error.problems[0].message)

    def _put(self, subject: _Subject, asked: Asking, questions: list[Question]) -> Finding:
        image = subject.step.image
        own = self._manifest(image, subject.step.key)
        held = Held(own, self._base(subject))
        moved: list[Moved] = []
        unasked = list(asked.unasked)
        doubts = []
        means = means_of(self._project.config.build, image, self._project.root)
        for question in questions:
            try:
                answer = self.contents.ask(own.image_id, question, means)
            except CannotRunError:
                unasked.append(own.note or f"{question.manager} cannot be run in it")
                continue
            if answer.code == 0:
                try:
                    moved += freshness.moved(question, answer.out, held, asked)
                except ValueError as error:
                    doubts.append(str(error))
            elif freshness.nobody_to_ask(answer.err):
                unasked.append(f"{question.manager} cannot be asked: {_last(answer)}")
            else:
                doubts.append(f"{question.manager} does not say: {_last(answer)}")
        every = tuple(dict.fromkeys(moved))
        reason = freshness.drifted(every) if every else None
        return Finding(image, reason, every, tuple(unasked), "; ".join(doubts))

    def _made(self, subject: _Subject) -> float:
        """When a build was made; the registry is asked only where the age counts."""
        key, image = subject.step.key, subject.step.image
        if held := self._decided.held.get(key):
            return held.created
        if self._project.config.fresh.most(image) and self._ask.registry:
            return made_at(publish.key_name(self._ask.registry, image, key))
        return 0.0

    def _manifest(self, image: str, key: str) -> Manifest:
        """The manifest of a build, which is fetched where only the registry has it."""
        if held := self._decided.held.get(key):
            return self.contents.look(image, key, held.image_id)
        remote = publish.key_name(self._ask.registry, image, key)
        product = self._engine.pull(remote, local_name(image, key), key, _silently)
        return self.contents.look(image, key, product.image_id)

    def _base(self, subject: _Subject) -> Manifest | None:
        image, key, pinned = subject.base
        if key:
            return self._manifest(image, key)
        return self.contents.of_root(image, pinned) if pinned else None

    def _texts(self, subject: _Subject) -> dict[str, str]:
        """The small texts of an image's context: requirement files are among them."""
        node = subject.node
        folder = self._project.folders[node.image.tree]
        read = reader(folder, node.image.tree)
        found = {}
        for path in node.files:
            if not path.endswith((".txt", ".in", ".yml", ".yaml", ".lock", ".cfg")):
                continue
            overlaid = node.image.overlaid.get(path)
            try:
                own = f"{node.image.context}/{path}".removeprefix("./").removeprefix("/")
                data = overlaid.content or b"" if overlaid else read(own)
            except InputError:
                continue
            if len(data) <= MOST_TEXT:
                found[path] = data.decode("utf-8", "surrogateescape")
        return found


def _last(answer: Answer) -> str:
    if answer.code is None:
        return f"no answer within {PATIENCE:.0f} s"
    lines = [line.strip() for line in answer.err.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "ERROR:", "Err:"))]
    return (errors or lines or [f"exit {answer.code}"])[-1][:300]


def _silently(_: object) -> None:
    return None
