"""`manifest` and `changes`: what is in images, and what changed in them."""

from __future__ import annotations

import sys
from typing import Any

import click

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
    from pipeline.manifest import sets_to_json  # noqa: PLC0415 (only needed here)
    from pipeline.run.contents import run_manifest  # noqa: PLC0415 (docker is slow to import)
    from pipeline.show.manifests import manifest_text  # noqa: PLC0415 (only needed here)

    found = run_manifest(file or "", tree or "", images, (chosen["variants"], chosen["overlays"]))
    if form == "json":
        options.put_json(sets_to_json(found))
        return
    paint = paint_for(sys.stdout)
    every = {one.key: one for by_image in found.values() for one in by_image.values()}
    put("\n\n".join(manifest_text(one, paint) for one in every.values()))


@cli.command()
@click.argument("old", required=False, default="")
@click.argument("new", required=False, default="")
@click.option("-f", "file", metavar="FILE", help="The stacks.toml to use (default: the nearest one).")
@options.registry
@options.format_
def changes(old: str, new: str, form: str, file: str | None, registry: str | None) -> None:
    """Say what changed between two generations: images, packages, sizes.

    Without NEW the newest one is meant, without OLD the one before it. Both may also be files that
    `stackbuild manifest --format json` has written.

    \b
    stackbuild changes                      what came with last night's build
    stackbuild changes 41 43
    stackbuild changes monday.json tuesday.json
    """
    from pipeline.run.contents import run_changes  # noqa: PLC0415 (only needed here)
    from pipeline.show.manifests import changes_json, changes_text  # noqa: PLC0415 (only needed here)

    found = run_changes(file or "", registry or "", old, new)
    if form == "json":
        options.put_json({"variants": {variant: changes_json(one) for variant, one in found.items()}})
        return
    paint = paint_for(sys.stdout)
    put("\n\n".join(f"variant {name}:\n{changes_text(one, paint)}" for name, one in found.items()))
