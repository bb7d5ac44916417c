"""`manifest` and `changes`: what builds hold, and what changed in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline import manifest, plan
from pipeline.adapters import disk, pools
from pipeline.adapters.contents import Contents
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.adapters.state import State
from pipeline.errors import InputError, InterruptedRunError
from pipeline.manifest import ImageChange, Manifest, Sets
from pipeline.run.decide import Ask, decide
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


def run_changes(old: str, new: str, place: tuple[str, str]) -> dict[str, tuple[ImageChange, ...]]:
    """What changed between two files of manifests, by variant."""
    del place
    before, after = _sets(old), _sets(new)
    return {
        variant: manifest.changes(before.get(variant, {}), after.get(variant, {}))
        for variant in (*before, *(name for name in after if name not in before))
    }


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
