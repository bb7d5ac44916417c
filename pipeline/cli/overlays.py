"""`overlay check` and `overlay new`."""

from __future__ import annotations

import click

from pipeline import show
from pipeline.adapters.terminal import put, say
from pipeline.cli import options
from pipeline.cli.group import cli
from pipeline.run.project import open_project


@cli.group("overlay")
def overlay() -> None:
    """Check overlays against the trees, or begin a new one.

    \b
    stackbuild overlay check
    stackbuild overlay new cuda-12
    """


@overlay.command()
@click.argument("names", nargs=-1, metavar="[OVERLAY]...", shell_complete=options.overlay_names)
@options.place
@options.format_
def check(names: tuple[str, ...], form: str, file: str | None, tree: str | None) -> None:
    """Try every variant's overlays on the trees, or the named ones alone; exit 2 where one does not fit.

    For CI, when upstream moves. Overlays that no variant uses are only read.

    \b
    stackbuild overlay check
    stackbuild overlay check cuda-12 --format json
    """
    from pipeline.run.overlaid import check as run_check  # noqa: PLC0415

    found = run_check(open_project(file or "", tree or ""), names)
    if form == "json":
        options.put_json({"overlays": [show.checked_json(one) for one in found]})
        return
    for one in found:
        put(show.checked_text(one))
    say(f"{show.counted(len(found), 'overlay')} checked")


@overlay.command()
@click.argument("name")
@options.place
def new(name: str, file: str | None, tree: str | None) -> None:
    """Write a commented overlay to begin with; it changes nothing yet.

    \b
    stackbuild overlay new cuda-12
    """
    from pipeline.run.overlaid import new as run_new  # noqa: PLC0415

    put(run_new(open_project(file or "", tree or ""), name))
    say(f"try it: stackbuild diff --overlay {name}")
