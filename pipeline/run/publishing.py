"""Moves the names of what a run may promote."""

from __future__ import annotations

import datetime
from dataclasses import replace

from pipeline import digest, lock, publish, show
from pipeline.adapters import gitrepo
from pipeline.adapters.terminal import paint_for, say
from pipeline.lock import Lock
from pipeline.outcome import HeldBack, Promoted, Verdict
from pipeline.publish import Entry, Generation, Judged, Naming, Place, Seen
from pipeline.run import fields
from pipeline.run.decide import Ask, Decision, How
from pipeline.run.project import Project
from pipeline.run.worker import Worker


def now() -> str:
    """The present moment, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def run(
    project: Project,
    found: list[tuple[Decision, tuple[Verdict, ...]]],
    given: tuple[Ask, How, Worker],
    pins: Lock,
) -> tuple[Promoted | HeldBack, ...]:
    """Move the names of every image that may be promoted, as one generation."""
    ask, how, worker = given
    assert worker.remote is not None
    place = Place(worker.remote, ask.registry)
    short = digest.short(digest.of_bytes(lock.render(pins).encode()))
    commit = gitrepo.commit(project.root)
    naming = Naming(ask.registry, project.config.tags, {"date": now()[:10], "commit": commit, "lock": short})
    every = [_candidates(decision, verdicts, how, worker) for decision, verdicts in found]
    for judged, (decision, verdicts) in zip(every, found, strict=True):
        smoked = [name for name, entry in judged.entries.items() if not entry.unsmoked]
        if names := publish.unprobed(decision.view.graph, smoked, verdicts):
            say(show.unprobed_text(judged.variant, names, paint_for()))

    def propose(last: Generation | None) -> Generation:
        known = _named(project, naming, every, (place, last, worker))
        wrong = publish.wrong(known, last, place.remote, place.registry)
        made = publish.follow(known, last, wrong, project.config.variant_names)
        return replace(made, commit=commit, lock=short)

    published = publish.publish(place, propose, now)
    return _outcomes(published, every, place)


def _candidates(decision: Decision, verdicts: tuple[Verdict, ...], how: How, worker: Worker) -> Judged:
    graph = decision.view.graph
    steps = {step.image: step for step in decision.steps}
    sources = {name: worker.digests[step.key] for name, step in steps.items() if step.key in worker.digests}
    may, held = publish.decide(graph, sources, verdicts, allow_unsmoked=how.allow_unsmoked)
    held |= {name: "it was not built and pushed" for name in steps if name not in sources}
    said: dict[str, list[Seen]] = {}
    for one in verdicts:
        said.setdefault(one.image, []).append(Seen(one.title, str(one.result), one.reason))
    entries = {
        name: Entry(
            name, decision.view.variant.name, steps[name].key, sources[name], (),
            graph.main_parent(name), tuple(said.get(name, ())), unsmoked,
        )
        for name, unsmoked in may.items()
    }  # fmt: skip
    keys = {name: record.key for name, record in decision.records.items()}
    return Judged(decision.view.variant.name, graph, keys, frozenset(steps), entries, held)


def _named(
    project: Project,
    naming: Naming,
    every: list[Judged],
    given: tuple[Place, Generation | None, Worker],
) -> list[Judged]:
    """The candidates with their names."""
    first = project.config.variant_names[0]
    made = []
    for one in every:
        variant = "" if one.variant == first else one.variant
        entries = {}
        for name, entry in one.entries.items():
            own = fields.read(project.config, entry, given)
            tags = publish.names(naming, name, variant, dict(own))
            entries[name] = replace(entry, names=tags, fields=own)
        made.append(replace(one, entries=entries))
    return made


def _outcomes(
    published: publish.Published, every: list[Judged], place: Place
) -> tuple[Promoted | HeldBack, ...]:
    ran = {(name, one.variant) for one in every for name in one.run}
    moved = set(published.moved)
    # where nothing moves the generation is an earlier one: what this run holds back comes before what it says
    whys = {(one.image, one.variant): one.why for one in published.generation.kept}
    whys |= {(name, one.variant): why for one in every for name, why in one.held.items()}
    held = [HeldBack(*who, why) for who, why in whys.items() if who in ran]
    promoted = [
        Promoted(
            entry.image, entry.variant, entry.digest, tuple(map(place.whole, entry.names)), entry.unsmoked,
            tuple(place.whole(name) for name in entry.names if name in moved),
        )
        for entry in published.generation.entries
        if (entry.image, entry.variant) in ran - whys.keys()
    ]  # fmt: skip
    return (*held, *promoted)
