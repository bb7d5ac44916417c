"""`lock`."""

from __future__ import annotations

import dataclasses
import sys

import click

from pipeline import show
from pipeline.adapters.terminal import put, say
from pipeline.cli import options
from pipeline.cli.group import cli


@cli.command()
@click.argument("roots", nargs=-1, metavar="[ROOT]...")
@options.place
@click.option(
    "--update", is_flag=True,
    help="Look up anew what the roots and the refs of trees stand for: those named, or all.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if the lock would change.")
@options.format_
def lock(
    roots: tuple[str, ...], form: str, file: str | None, tree: str | None, *, update: bool, check: bool
) -> None:
    """Pin the commits of git trees and the digests of all root images in stacks.lock.

    \b
    stackbuild lock                            add what is missing, drop what is used no more
    stackbuild lock --update                   take everything as it is out there now
    stackbuild lock --update 'nvidia/cuda:*'   only these roots, or trees by their names
    stackbuild lock --check                    is the lock complete? --update --check: has anything moved?
    """
    if roots and not update:
        raise click.UsageError(f"'{roots[0]}' goes with --update: stackbuild lock --update {roots[0]}")
    from pipeline.run.locking import EVERYTHING, run_lock  # noqa: PLC0415 (docker is slow to import)

    moved = run_lock(file or "", tree or "", (roots or EVERYTHING) if update else (), check=check)
    if form == "json":
        options.put_json({"moved": [dataclasses.asdict(move) for move in moved]})
    else:
        for move in moved:
            put(show.move_line(move))
    say(show.counted(len(moved), "pin") + (" would move" if check else " moved"))
    sys.exit(1 if check and moved else 0)
