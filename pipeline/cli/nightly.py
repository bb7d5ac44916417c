"""`fresh`: what a nightly build would build again."""

from __future__ import annotations

import sys
from typing import Any

from pipeline.adapters.terminal import paint_for, put, warn
from pipeline.cli import options
from pipeline.cli.group import cli


@cli.command()
@options.images
@options.place
@options.variant
@options.registry
@options.format_
def fresh(images: tuple[str, ...], form: str, file: str | None, tree: str | None, **chosen: Any) -> None:
    """Say which built images are too old, or would get other packages if they were built again now.

    apt, pip and conda are asked inside the images. Nothing is built: `stackbuild --fresh` does that.

    \b
    stackbuild fresh
    stackbuild fresh scipy-notebook --variant cpu --format json
    """
    from pipeline.run.freshness import Chosen, run_fresh  # noqa: PLC0415 (docker is slow to import)
    from pipeline.show.freshness import fresh_text  # noqa: PLC0415 (only needed here)

    found = run_fresh(file or "", tree or "", images, Chosen(**chosen))
    if form == "json":
        options.put_json({"images": found.to_json()})
    else:
        put(fresh_text(found.findings.values(), paint_for(sys.stdout)))
        for line in found.warnings():
            warn(line)
    sys.exit(found.exit_code)
