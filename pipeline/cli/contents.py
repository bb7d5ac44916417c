"""`manifest`."""

from __future__ import annotations

import sys
from typing import Any

from pipeline.adapters.terminal import paint_for, put
from pipeline.cli import options
from pipeline.cli.group import cli


@cli.command()
@options.images
@options.place
@options.variant
@options.format_
def manifest(images: tuple[str, ...], form: str, file: str | None, tree: str | None, **chosen: Any) -> None:
    """List what built images hold: packages of apt, pip, conda and R, layers and sizes.

    \b
    stackbuild manifest scipy-notebook --variant cpu
    stackbuild manifest --format json > manifests.json
    """
    from pipeline.run.contents import run_manifest  # noqa: PLC0415 (docker is slow to import)
    from pipeline.show.manifests import manifest_text  # noqa: PLC0415 (only needed here)

    found = run_manifest(file or "", tree or "", images, (chosen["variants"], chosen["overlays"]))
    if form == "json":
        data = {
            variant: {"images": {name: one.to_json() for name, one in by_image.items()}}
            for variant, by_image in found.items()
        }
        options.put_json({"variants": data})
        return
    paint = paint_for(sys.stdout)
    every = {one.key: one for by_image in found.values() for one in by_image.values()}
    put("\n\n".join(manifest_text(one, paint) for one in every.values()))
