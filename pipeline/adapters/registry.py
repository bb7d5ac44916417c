"""The private registry: what it has, and names moved on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from pipeline.adapters import pools
from pipeline.adapters.engine import Engine, NotFoundError, refused_text
from pipeline.adapters.patience import patiently
from pipeline.errors import UnreachableError

LOOKUPS = 16
TIMEOUT = 300


class Registry:
    """A registry as this machine's engine reaches it, with the docker config's credentials."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """The digest of each name that the registry has; absent is a 404, and any doubt is an error."""

        def look(name: str) -> tuple[str, str]:
            try:
                return name, self._engine.find_root(name).digest
            except NotFoundError:
                return name, ""

        with pools.threads(LOOKUPS) as pool:
            return {name: digest for name, digest in pool.map(look, names) if digest}

    @patiently
    def move(self, source: str, names: tuple[str, ...]) -> None:
        """Give a digest these names on the registry's side; nothing is pulled."""
        line = ["docker", "buildx", "imagetools", "create"]
        for name in names:
            line += ["--tag", name]
        try:
            done = subprocess.run(
                [*line, source], capture_output=True, text=True, timeout=TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnreachableError.of(f"names of '{source}' could not be moved: {error}") from error
        if done.returncode:
            said = [text.strip() for text in done.stderr.splitlines() if text.strip()]
            message = (said or ["it did not say why"])[-1].removeprefix("ERROR: ")
            raise refused_text(message, source.partition("/")[0])
