"""What this machine has of what a run needs, and how to get the rest."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.adapters import buildx, cosign, dockerconfig, machine
from pipeline.adapters.engine import Engine
from pipeline.errors import StackbuildError
from pipeline.run.finding import Finding, Health
from pipeline.run.gpudoctor import gpu_side

LEAST_FREE = 5 << 30


def examine(state: Path | None) -> Iterator[Finding]:
    """Look at everything; nothing is started or changed."""
    yield Finding("python", Health.OK, sys.version.split()[0])
    git = shutil.which("git")
    yield Finding(
        "git",
        Health.OK if git else Health.WARNING,
        git or "not on PATH",
        "" if git else "install git: without it, tags cannot name the commit",
    )
    if trouble := dockerconfig.trouble():
        yield Finding("docker", Health.WARNING, trouble, dockerconfig.HINT)
    signer = cosign.path()
    yield Finding("cosign", Health.OK, signer or "not on PATH: only [sign] needs it")
    try:
        yield Finding("buildx", Health.OK, buildx.version())
    except StackbuildError as error:
        yield Finding("buildx", Health.MISSING, error.problems[0].message, error.problems[0].hint)
    try:
        yield from _engine(Engine())
    except StackbuildError as error:
        hint = "start Docker, or set DOCKER_HOST; in a clone of stackbuild, `ci/engine up` provides one"
        yield Finding("engine", Health.MISSING, error.problems[0].message, hint)
    if state is not None:
        folder = next(parent for parent in (state, *state.parents) if parent.exists())
        free = shutil.disk_usage(folder).free
        health = Health.OK if free > LEAST_FREE else Health.WARNING
        hint = "" if health is Health.OK else "`stackbuild prune` and `docker builder prune` make room"
        yield Finding("disk", health, f"{free / 1e9:.0f} GB free at {folder}", hint)


def _engine(engine: Engine) -> Iterator[Finding]:
    about = engine.about()
    name = f"{about.get('ServerVersion')} at {engine.address}, {about.get('Architecture')}"
    yield Finding("engine", Health.OK, name)
    yield _attestations(engine)
    local = engine.address.startswith("unix://")
    folders = about.get("CDISpecDirs") or ()
    yield from gpu_side(about, machine.look(folders if local else ()), local=local)


def _attestations(engine: Engine) -> Finding:
    if engine.attests():
        return Finding("attestations", Health.OK, "SBOM and provenance can be kept with images")
    hint = "switch on containerd's image store: the feature containerd-snapshotter of daemon.json"
    return Finding("attestations", Health.OK, "not supported by this engine's image store", hint)
