"""What helps a build along: secrets, ssh, proxies, hosts, network and caches, as stacks.toml has them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline.adapters import secrets
from pipeline.config import FROM_ENVIRONMENT, Building, Secret, Ssh, is_path, parse_secret
from pipeline.dockerfile import Dockerfile, mounted_ids
from pipeline.errors import InputError, Problem
from pipeline.plan import Action
from pipeline.ports import Cache, Means
from pipeline.run.decide import Decided
from pipeline.tomlfile import among

SSH = "ssh"


def building_of(declared: Building, root: Path, texts: Iterable[str]) -> Building:
    """`[build]` with the secrets of the command line, all paths absolute. Raises InputError."""
    given, problems = [], []
    for text in texts:
        try:
            secret = parse_secret(text)
        except ValueError as error:
            hint = "write it like --secret id=pip,env=PIP_TOKEN or --secret id=netrc,src=PATH"
            problems.append(Problem(f"--secret: {error}", hint=hint))
            continue
        given.append(replace(secret, file=_absolute(secret.file, Path.cwd())))
    if problems:
        raise InputError(*problems)
    located = replace(
        declared,
        secrets=tuple(replace(s, file=_absolute(s.file, root)) for s in declared.secrets),
        ssh=tuple(replace(s, file=_absolute(s.file, root)) for s in declared.ssh),
    )
    return located.with_secrets(tuple(given))


def declared(building: Building, images: Iterable[str]) -> list[Problem]:
    """What `[build]` says of images that there are not."""
    names = tuple(images)
    return [
        Problem(f"no image is called '{glob}'", where, among(glob, names))
        for glob, _, where in building.images
        if not any(fnmatchcase(name, glob) for name in names)
    ]


def check(decided: Decided, building: Building) -> None:
    """Raise InputError with every secret that a build mounts and that cannot be had."""
    problems: dict[str, Problem] = {}
    wanted: dict[str, Secret | Ssh] = {secret.id: secret for secret in building.secrets}
    wanted |= {f"{SSH} {one.id}": one for one in building.ssh}
    for decision in decided.decisions:
        for step in decision.steps:
            if step.action is not Action.BUILD:
                continue
            image = decision.view.graph.nodes[step.image].image
            for name in _mounts(image.dockerfile):
                given = wanted.get(name)
                if given and (lack := secrets.lacks(given)):
                    what = f"the key '{given.id}'" if isinstance(given, Ssh) else f"the secret '{given.id}'"
                    message = f"{what}, which {step.image} mounts, is not there: {lack}"
                    problems.setdefault(name, Problem(message, given.where))
    if problems:
        raise InputError(*problems.values())


def means_of(building: Building, image: str, root: Path) -> Means:
    """The means of an image's build; what cannot be had is left out, and missed by who mounts it."""
    settings = building.of(image)
    name = image.replace("/", "--").lower()

    def caches(patterns: Iterable[str]) -> tuple[Cache, ...]:
        made = []
        for pattern in patterns:
            text = pattern.replace("{image}", name)
            made.append(Cache(path=_absolute(text, root)) if is_path(pattern) else Cache(reference=text))
        return tuple(made)

    return Means(
        secrets=tuple(secret for secret in building.secrets if not secrets.lacks(secret)),
        ssh=tuple(one for one in building.ssh if not secrets.lacks(one)),
        cache_from=caches(settings.cache_from),
        cache_to=caches(settings.cache_to),
        network=settings.network,
        hosts=settings.hosts,
        proxies=tuple(_proxy_args(building)),
    )


def _proxy_args(building: Building) -> Iterable[tuple[str, str | None]]:
    """The build args that BuildKit knows for proxies; None for the value that the environment has."""
    for name, value in building.proxies:
        for variable in (f"{name}_proxy".upper(), f"{name}_proxy"):
            if value != FROM_ENVIRONMENT:
                yield variable, value
            elif variable in os.environ:
                yield variable, None


def _mounts(dockerfile: Dockerfile) -> Iterable[str]:
    for kind, name in mounted_ids(dockerfile):
        yield f"{SSH} {name}" if kind == SSH else name


def _absolute(path: str, root: Path) -> str:
    return os.path.normpath(root / Path(path).expanduser()) if path else ""
