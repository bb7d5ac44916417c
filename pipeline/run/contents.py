"""`manifest` and `changes`: what builds hold, and what changed in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline import manifest, plan, publish, shelf
from pipeline.adapters import disk, pools
from pipeline.adapters.contents import Contents
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.adapters.state import State
from pipeline.errors import InputError, InterruptedRunError
from pipeline.manifest import ImageChange, Manifest, Sets
from pipeline.publish import Generation, Place, generation, moving
from pipeline.run.decide import Ask, decide
from pipeline.run.generations import place_of
from pipeline.run.project import open_project, views

TOGETHER = 4


def gather(wanted: Iterable[tuple[str, str, str]], world: tuple[Engine, State]) -> dict[str, Manifest]:
    """The manifests of builds, by key; each is (image, key, image id). Builds that are gone are left out."""
    contents = Contents(*world)

    def look(one: tuple[str, str, str]) -> Manifest | None:
        try:
            return contents.look(*one)
        except NotFoundError:
            return None

    try:
        with pools.threads(TOGETHER) as pool:
            found = list(pool.map(look, dict.fromkeys(wanted)))
    except KeyboardInterrupt:
        contents.inside.stop()
        raise InterruptedRunError.of("interrupted") from None
    return {one.key: one for one in found if one}


def run_manifest(
    file: str, tree: str, images: tuple[str, ...], chosen: tuple[tuple[str, ...], tuple[str, ...]]
) -> Mapping[str, Mapping[str, Manifest]]:
    """The manifests of the present builds, by variant and image; `chosen` are variants and further overlays.

    Raises InputError where one has not been built.
    """
    project = open_project(file, tree)
    found = views(project, *chosen)
    engine = Engine()
    state = State(project.state, write=True)
    try:
        images = plan.matching(project.tree.images, images)
        decided = decide(project, found, Ask(images), (engine, state))
        steps = [(d.view.variant.name, step) for d in decided.decisions for step in d.steps]
        asked = [(variant, step) for variant, step in steps if not images or step.image in images]
        if absent := sorted({step.image for _, step in asked if step.key not in decided.held}):
            hint = f"build first: stackbuild {' '.join(absent)}"
            raise InputError.of(f"{_listed(absent)} not in the engine as it would be built now", hint=hint)
        wanted = [(step.image, step.key, decided.held[step.key].image_id) for _, step in asked]
        by_key = gather(wanted, (engine, state))
    finally:
        state.close()
    made: dict[str, dict[str, Manifest]] = {}
    for variant, step in asked:
        if step.key in by_key:
            made.setdefault(variant, {})[step.image] = by_key[step.key]
    return made


def run_changes(file: str, registry: str, old: str, new: str) -> dict[str, tuple[ImageChange, ...]]:
    """What changed between two generations, or two files of manifests, by variant.

    Without `new` the newest generation is meant, without `old` the one before that has other builds.
    """
    if is_file(old) and is_file(new):
        before, after = _sets(old), _sets(new)
    else:
        before, after = _published(place_of(file, registry), old, new)
    return {
        variant: manifest.changes(before.get(variant, {}), after.get(variant, {}))
        for variant in (*before, *(name for name in after if name not in before))
    }


def is_file(name: str) -> bool:
    """Whether a word on the command line means a file, and no generation."""
    return name.endswith(".json") or "/" in name


def _published(place: Place, old: str, new: str) -> tuple[Sets, Sets]:
    """The manifests of two generations; what one of them has held back is left out of both."""
    first, last = _pair(place, old, new)
    held = {(kept.image, kept.variant) for one in (first, last) for kept in one.kept}
    keys = {entry.key for one in (first, last) for entry in one.entries}
    with pools.threads(TOGETHER) as pool:
        known = dict(zip(keys, pool.map(lambda key: shelf.take(place, key), keys), strict=True))
    sets: list[Sets] = []
    for one in (first, last):
        found: Sets = {}
        for entry in one.entries:
            if (entry.image, entry.variant) not in held:
                unknown = Manifest(entry.image, entry.key, entry.key, 0, (), {}, manifest.UNKEPT)
                found.setdefault(entry.variant, {})[entry.image] = known[entry.key] or unknown
        sets.append(found)
    return sets[0], sets[1]


def _pair(place: Place, old: str, new: str) -> tuple[Generation, Generation]:
    tags = publish.history(place)
    if not tags:
        raise InputError.of("nothing has been published yet", hint="stackbuild --publish")
    last = publish.load(place, _meant(tags, new) if new else tags[-1])
    first = _meant(tags, old) if old else moving.before(place, last, tags)
    if not first:
        hint = "`stackbuild generations` lists them"
        raise InputError.of(f"no generation before {last.name} has other builds", hint=hint)
    return publish.load(place, first), last


def _meant(tags: tuple[str, ...], text: str) -> str:
    found = generation.meant(tags, text)
    if len(found) != 1:
        hint = "`stackbuild generations` lists them"
        raise InputError.of(f"{'more than one' if found else 'no'} generation '{text}'", hint=hint)
    return found[0]


def _sets(name: str) -> Sets:
    if not disk.is_file(Path(name)):
        hint = "`stackbuild manifest --format json` writes such files"
        raise InputError.of(f"no file '{name}'", hint=hint)
    try:
        return manifest.sets_from_json(json.loads(disk.read_text(Path(name), name)))
    except ValueError as error:
        hint = "`stackbuild manifest --format json` writes such files"
        raise InputError.of(f"is no file of manifests: {error}", name, hint) from error


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
