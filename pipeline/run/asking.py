"""What the command line of `build` and `plan` asks for, checked before anything is looked up anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pipeline import lock as locking
from pipeline import plan, refs, smoke
from pipeline.adapters.engine import Engine, local_name
from pipeline.adapters.terminal import Voice, say, warn
from pipeline.errors import InputError, Problem, UnreachableError
from pipeline.plan import Request
from pipeline.run import means
from pipeline.run.decide import Ask, Before, roots_of
from pipeline.run.project import LOCK, Opening, Project, View, open_project
from pipeline.run.then import Place, at
from pipeline.tree import Image


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line of `build` and `plan`; without `jobs` it is up to stacks.toml or the machine."""

    jobs: int
    images: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    file: str | None = None
    tree: str | None = None
    variants: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    registry: str | None = None
    dry_run: bool = False
    no_cache: bool = False
    fail_fast: bool = False
    gpu: str = "auto"
    smoke: str = "auto"
    junit: str | None = None
    publish: bool = False
    allow_unsmoked: bool = False
    leaves: bool = False
    ancestors_only: bool = False
    locked: bool = False
    no_engine: bool = False
    changed_since: str | None = None
    fresh: bool = False
    quiet: bool = False
    verbose: bool = False
    build: bool = True
    secrets: tuple[str, ...] = ()

    @property
    def voice(self) -> Voice:
        """How much is said on the way."""
        if self.quiet:
            return Voice.QUIET
        return Voice.VERBOSE if self.verbose else Voice.NORMAL


def opened(asked: Asked) -> Project:
    """The project that is meant; raises InputError with all that is wrong with it."""
    return open_project(asked.file or "", asked.tree or "", Opening(locked=asked.locked))


def ask_of(project: Project, found: tuple[View, ...], asked: Asked) -> Ask:
    """What was asked for, checked before anything is looked up anywhere."""
    registry = (asked.registry or project.config.registry).rstrip("/")
    if asked.publish and not registry:
        hint = "give [project] a 'registry' in stacks.toml, or use --registry"
        raise InputError.of("--publish needs a registry", hint=hint)
    try:
        refs.parse(f"{registry}/image" if registry else "image")
    except ValueError as error:
        raise InputError.of(
            f"registry '{registry}' {error}", hint="write it like registry.example/team"
        ) from error
    there, graphs = project.tree.images, {view.variant.name: view.graph for view in found}
    problems = [*_nameless(there.values()), *smoke.declared(project.config, there, graphs)]
    if problems := [*problems, *means.declared(project.config.build, there)]:
        raise InputError(*dict.fromkeys(problems))
    roots = roots_of(found)
    missing = {ref: where for ref, where in roots.items() if ref not in project.lock.roots}
    # of some variants alone nothing can be told: the lock may be the others'
    every = len(found) == len(project.config.variants)
    if every and not locking.fits(project.lock, roots, project.pins):
        warn(f"{LOCK} pins nothing that is used here")
        say("  hint: if it is another project's, `stackbuild lock` makes it this one's")
    if asked.locked and missing:
        hint = "run `stackbuild lock`, and commit it"
        raise InputError(
            *(
                Problem(f"{LOCK} does not pin the root image '{reference}'", where, hint)
                for reference, where in missing.items()
            )
        )
    images, changed = _images(project, asked)
    request = Request(images, leaves=asked.leaves)
    if asked.leaves and not any(plan.chosen(view.graph, request) for view in found):
        raise InputError.of("nothing that was asked for is a leaf", hint="`stackbuild graph --leaves`")
    if changed:
        changed = _reached(found, replace(request, ancestors_only=asked.ancestors_only), changed)
    ask = Ask(images, changed, registry, asked.publish, asked.leaves, asked.ancestors_only, asked.locked)
    return replace(ask, gpu=asked.gpu, smoke=asked.smoke)


def _nameless(images: Iterable[Image]) -> Iterator[Problem]:
    """The images whose name no engine takes, like that of a folder `c++`."""
    for image in images:
        if not refs.is_valid(local_name(image.name, "")):
            hint = f"name it: [tree.{image.tree}.images.NAME] with dockerfile = '{image.path}' in stacks.toml"
            yield Problem(f"no image can be called '{image.name}'", image.where, hint)


def _images(project: Project, asked: Asked) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The images asked for, and those to take as changed; names and globs that mean none are errors."""
    images = plan.matching(project.tree.images, asked.images)
    changed = plan.matching(project.tree.images, asked.changed)
    if asked.locked and (changed or asked.fresh):
        option = "--changed" if changed else "--fresh"
        message = f"{option} is written into stacks.lock, and --locked leaves the lock as it is"
        raise InputError.of(message, hint="leave one of them out")
    if asked.ancestors_only and not (images or asked.leaves):
        raise InputError.of("--ancestors-only: of which images?", hint="name them, or use --leaves")
    return images, changed


def _reached(found: tuple[View, ...], request: Request, changed: tuple[str, ...]) -> tuple[str, ...]:
    """Of what is to be taken as changed, what the request is about: the lock is to tell of nothing else."""
    above = {name for view in found for name in view.graph.ancestors(plan.chosen(view.graph, request))}
    if not above.intersection(changed):
        message = f"nothing that was asked for is {' or '.join(changed)}, or stands on it"
        raise InputError.of(message, hint="name what is to be built with it, or no images at all")
    return tuple(name for name in changed if name in above)


def engine_to_ask(project: Project, found: tuple[View, ...], asked: Asked) -> Engine | None:
    """The engine, unless a plan does without: with a complete lock the state can tell what there was."""
    if asked.no_engine:
        return None
    try:
        return Engine()
    except UnreachableError as error:
        if roots_of(found).keys() - project.lock.roots.keys():
            raise
        warn(error.problems[0].message)
        say("  this is planned from the lock and the state alone: what is gone meanwhile does not show")
        return None


@contextmanager
def since(project: Project, asked: Asked) -> Iterator[Before | None]:
    """The records of the revision that --changed-since names, for as long as it is laid out."""
    if asked.changed_since is None:
        yield None
        return
    place = Place(asked.file or "", asked.tree or "", asked.overlays, asked.locked)
    with at(project, place, asked.changed_since) as then:
        if then.project is None:
            say(f"'{asked.changed_since}' has no such project: all images differ from it")
        yield then.records
