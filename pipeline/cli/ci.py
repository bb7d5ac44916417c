"""`ci`: pipelines for those who outgrow one runner."""

from __future__ import annotations

import click

from pipeline import cifiles, show
from pipeline.adapters.terminal import put_file, say
from pipeline.cifiles import Pipeline
from pipeline.cli import options
from pipeline.cli.group import cli

WRITERS = {"github": cifiles.github, "gitlab": cifiles.gitlab}


@cli.command()
@click.argument("system", type=click.Choice(list(WRITERS)))
@options.images
@click.option("-f", "file", metavar="FILE", help="The stacks.toml to use (default: the nearest one).")
@click.option(
    "--variant", "-V", "variants", multiple=True, metavar="V", shell_complete=options.variant_names,
    help="A variant of stacks.toml; may be given again (default: all).",
)  # fmt: skip
@options.registry
@click.option("--minutes", type=click.IntRange(min=1), default=120, help="How long one job may take.")
@click.option("--publish", is_flag=True, help="Add a last job that moves names, when all others are done.")
def ci(
    system: str, images: tuple[str, ...], file: str | None, variants: tuple[str, ...], **told: object
) -> None:
    """Print a pipeline with one job for each image that has to be built, in dependency order.

    Parents are handed over through the registry. The lock must be complete, and the one that is committed.

    \b
    stackbuild ci github --publish > .github/workflows/images.yml
    stackbuild ci gitlab > images.yml      to be triggered as a child pipeline
    """
    from pipeline.run.cijobs import run_ci  # noqa: PLC0415 (docker is slow to import)

    wanted = Pipeline((), str(told["registry"] or ""), int(str(told["minutes"])), bool(told["publish"]))
    pipeline = run_ci(file or "", variants, images, wanted)
    put_file(WRITERS[system](pipeline))
    say(show.counted(len(pipeline.jobs), "image") + " to build")
