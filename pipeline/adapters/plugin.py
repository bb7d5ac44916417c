"""How buildx is started: as the plugin it is, or through `docker`."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from pipeline.adapters import dockerconfig

NAME = "docker-buildx"
# where docker looks after the folders of its configuration, which differ with who packaged it
PLACES = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


def buildx() -> tuple[str, ...]:
    """The beginning of every command line of buildx.

    `docker` starts the plugin twice, to ask what it is and to let it do its work; by itself it takes half of
    the processor time and of the memory, which counts where many images are built.
    """
    return _found(os.environ.get("PATH", ""), dockerconfig.folder())


@cache
def _found(path: str, _configuration: Path) -> tuple[str, ...]:
    docker = shutil.which("docker", path=path)
    # a script that is called docker may be somebody's own way to an engine
    if not docker or not _is_program(Path(docker)):
        return ("docker", "buildx")
    for place in (dockerconfig.folder() / "cli-plugins", *_more(), *map(Path, PLACES)):
        if os.access(place / NAME, os.X_OK):
            return (str(place / NAME),)
    return ("docker", "buildx")


def _is_program(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) != b"#!"
    except OSError:
        return False


def _more() -> tuple[Path, ...]:
    """The folders that docker's configuration names."""
    found = (dockerconfig.read() or {}).get("cliPluginsExtraDirs")
    return tuple(Path(str(one)) for one in found) if isinstance(found, list) else ()
