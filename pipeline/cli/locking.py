"""`lock`."""

from __future__ import annotations

import sys

import click

from pipeline import show
from pipeline.adapters.terminal import put, say
from pipeline.cli import options
from pipeline.cli.group import cli


@cli.command()
@options.place
@click.option("--update", is_flag=True, help="Look all roots up anew, and move those that have moved.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if the lock would change.")
@options.format_
def lock(form: str, file: str | None, tree: str | None, update: bool, check: bool) -> None:
    """Pin the digests of all root images in stacks.lock.

    \b
    stackbuild lock              add what is missing
    stackbuild lock --update     take the roots as their registries have them now
    """
    from pipeline.run.locking import run_lock  # noqa: PLC0415 (docker is slow to import)

    moved = run_lock(file or "", tree or "", update=update, write=not check)
    if form == "json":
        options.put_json({"moved": moved})
    else:
        for reference, (old, new) in moved.items():
            put(f"{reference}  {old or '(new)'} → {new}")
        say(show.counted(len(moved), "pin") + (" would move" if check else " moved"))
    sys.exit(1 if check and moved else 0)
