"""`build` and `plan`."""

from __future__ import annotations

import sys
from typing import Any

import click

from pipeline.adapters.terminal import paint_for, put
from pipeline.cli import options
from pipeline.cli.group import cli
from pipeline.errors import InputError


@cli.command()
@options.images
@options.selection
@options.place
@options.variant
@options.registry
@options.jobs
@click.option("--dry-run", "-n", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--fresh", is_flag=True, help="Take as changed, too, what is too old or would install something else now."
)
@click.option("--no-cache", is_flag=True, help="Let BuildKit reuse no layer in what is built.")
@click.option("--fail-fast", is_flag=True, help="Start nothing more once something has failed.")
@options.probing
@click.option("--publish", is_flag=True, help="Move the names people pull to what has passed.")
@click.option("--allow-unsmoked", is_flag=True, help="With --publish: name what no probe could judge, too.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="id=ID[,env=NAME|,src=PATH]",
    help="What RUN --mount=type=secret gets; its value is never in a key, a log or the state.",
)
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but what goes wrong.")
@click.option(
    "--verbose", "-v", is_flag=True, help="Say all that the builds print, each line with its image."
)
@options.format_
def build(form: str, **asked: Any) -> None:
    """Build what is out of date, probe it, and with --publish give it names.

    \b
    stackbuild                               all variants, all images
    stackbuild scipy-notebook -V gpu         one image, and the ancestors it needs
    stackbuild --changed base-notebook -n    what a change of base-notebook would rebuild
    stackbuild --publish -j 4                push, and move the names that passed
    stackbuild --fresh --publish             the same every night, with whatever apt, pip and conda have new
    """
    from pipeline.run.asking import Asked  # noqa: PLC0415 (docker is slow to import)
    from pipeline.run.building import run_build  # noqa: PLC0415 (docker is slow to import)

    if asked["quiet"] and asked["verbose"]:
        raise InputError.of("--quiet and --verbose exclude each other")
    asked["jobs"] = asked["jobs"] or 0
    done = run_build(Asked(**asked))
    if form == "json":
        options.put_json(done.to_json())
    elif asked["dry_run"]:
        put(done.planned.text(paint_for(sys.stdout)))
    options.end(done)


@cli.command()
@options.images
@options.selection
@options.place
@options.variant
@options.registry
@click.option(
    "--no-engine", is_flag=True, help="Ask neither engine nor registry: go by lock and state alone."
)
@options.format_
def plan(form: str, **asked: Any) -> None:
    """Say what a build would do about each image, and why; nothing is changed.

    \b
    stackbuild plan
    stackbuild plan '*-notebook' --leaves
    stackbuild plan --changed minimal-notebook --variant cpu
    stackbuild plan --format json | jq '.variants.gpu.images'
    """
    from pipeline.run.asking import Asked  # noqa: PLC0415 (docker is slow to import)
    from pipeline.run.building import run_plan  # noqa: PLC0415 (docker is slow to import)

    found = run_plan(Asked(jobs=0, **asked))
    if form == "json":
        options.put_json(found.to_json())
    else:
        put(found.text(paint_for(sys.stdout)))
