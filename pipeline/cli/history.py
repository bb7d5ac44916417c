"""`history` and `logs`: what earlier runs did."""

from __future__ import annotations

import sys

import click

from pipeline import show
from pipeline.adapters.terminal import paint_for, put, put_log
from pipeline.cli import options
from pipeline.cli.group import cli


@cli.command()
@click.argument("run", required=False, shell_complete=options.run_numbers)
@options.place
@click.option(
    "--last", type=click.IntRange(min=1), default=options.MOST_RUNS,
    help=f"How many runs to list (default: {options.MOST_RUNS}).",
)  # fmt: skip
@options.format_
def history(run: str | None, form: str, file: str | None, tree: str | None, last: int) -> None:
    """List the last runs, or show what RUN was to do and why, and what came of it.

    \b
    stackbuild history
    stackbuild history 12
    stackbuild history --format json | jq '.runs[0].result'
    """
    from pipeline.run import history as past  # noqa: PLC0415 (docker is slow to import)

    paint = paint_for(sys.stdout)
    if run is not None:
        found = past.run(file or "", tree or "", past.parse_number(run))
        if form == "json":
            options.put_json(show.run_json(found))
        else:
            put(show.run_text(found, paint))
        return
    listed = past.runs(file or "", tree or "", last)
    if form == "json":
        options.put_json({"runs": [show.run_json(one) for one in listed]})
    elif listed:
        put(show.runs_text(listed, paint))
    else:
        put("nothing was built here yet")


@cli.command()
@click.argument("image", shell_complete=options.image_names)
@click.option(
    "--run", "-r", metavar="RUN", shell_complete=options.run_numbers,
    help="The run that built it (default: the last one).",
)  # fmt: skip
@click.option(
    "--variant", "-V", metavar="V", default="", shell_complete=options.variant_names,
    help="The variant it was built for, where several were.",
)  # fmt: skip
@options.place
def logs(image: str, run: str | None, variant: str, file: str | None, tree: str | None) -> None:
    """Print the log of an image's last build, also of one that failed or is still running.

    \b
    stackbuild logs scipy-notebook
    stackbuild logs scipy-notebook --run 12 | grep -i warning
    """
    from pipeline.run import history as past  # noqa: PLC0415 (docker is slow to import)

    number = past.parse_number(run) if run is not None else None
    put_log(past.build_log(image, number, variant, (file or "", tree or "")))
