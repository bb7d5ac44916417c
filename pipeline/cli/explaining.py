"""`explain`."""

from __future__ import annotations

import sys
from typing import Any

import click

from pipeline import show
from pipeline.adapters.terminal import paint_for, put
from pipeline.cli import options
from pipeline.cli.group import cli


@cli.command()
@options.images
@options.place
@options.variant
@click.option(
    "--against", metavar="KEY|REV",
    help="Compare with a build, by its key or the beginning of it, or with a revision of git.",
)  # fmt: skip
@options.format_
def explain(form: str, **asked: Any) -> None:
    """Say what differs between an image as it was last built and as it is now, part by part.

    It goes by lock, state and git alone; whether a build is still there, `plan` knows.

    \b
    stackbuild explain scipy-notebook
    stackbuild explain '*-notebook' --variant gpu
    stackbuild explain scipy-notebook --against HEAD~3
    """
    from pipeline.run.explaining import Wanted, run_explain  # noqa: PLC0415 (other commands do without)

    found = run_explain(Wanted(**asked))
    if form == "json":
        options.put_json(show.explanations_json(found))
    else:
        put(show.explanations_text(found, paint_for(sys.stdout)))
