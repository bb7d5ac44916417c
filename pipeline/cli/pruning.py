"""`prune`."""

from __future__ import annotations

import re
import sys

import click

from pipeline import show
from pipeline.adapters.terminal import paint_for, put, say
from pipeline.cli import options
from pipeline.cli.group import cli
from pipeline.errors import InputError

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)\Z")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B?\Z", re.IGNORECASE)


@cli.command()
@click.option("--older-than", metavar="AGE", help="Only what was made longer ago than that: 12h, 14d, 3w.")
@click.option("--keep-size", metavar="SIZE", help="The oldest, until no more than that is kept: 20GB.")
@click.option("--yes", "-y", is_flag=True, help="Remove it; without this, it is only listed.")
@click.option("--registry", "remote", is_flag=True, help="What the registry keeps, instead of this machine.")
@click.option(
    "--generations", type=click.IntRange(min=1), metavar="N",
    help="With --registry: the newest N generations stay (default: what [retention] says, or all).",
)  # fmt: skip
@options.place
@options.format_
def prune(
    form: str, file: str | None, tree: str | None, older_than: str | None, keep_size: str | None, yes: bool,
    remote: bool, generations: int | None,
) -> None:  # fmt: skip
    """List what this machine keeps of the project and no variant needs; with --yes remove it.

    That is builds in the engine, logs of old runs (of 30 days, without --older-than), and states that were
    set aside. What a variant needs as things are now stays, and so does what a running build needs. The
    history needs no pruning: it is of the last 1,000 runs.

    \b
    stackbuild prune
    stackbuild prune --older-than 14d --yes
    stackbuild prune --keep-size 20GB --yes
    stackbuild prune --registry --generations 30 --yes
    """
    if remote:
        if older_than is not None or keep_size is not None or tree:
            raise InputError.of("--registry goes with --generations, -f and --yes alone")
        _registry(form, file or "", generations or 0, yes=yes)
        return
    if generations:
        raise InputError.of("--generations goes with --registry")
    from pipeline.run.pruning import Wish, run_prune  # noqa: PLC0415 (docker is slow to import)

    wish = Wish(
        None if older_than is None else read_age(older_than),
        None if keep_size is None else read_size(keep_size),
        yes,
    )
    found = run_prune(file or "", tree or "", wish, say)
    if form == "json":
        options.put_json(found.to_json())
    else:
        if text := found.text(paint_for(sys.stdout)):
            put(text)
        say(found.summary())
    sys.exit(1 if found.failed else 0)


def _registry(form: str, file: str, generations: int, *, yes: bool) -> None:
    from pipeline.run.retaining import run_retain  # noqa: PLC0415 (docker is slow to import)

    found = run_retain(file, generations, delete=yes)
    if form == "json":
        options.put_json(found.to_json())
        return
    for line in found.lines():
        put(line)
    what = "removed" if found.done else "would be removed: --yes does it"
    say(f"{show.counted(len(found.gone), 'manifest')} {what}; {show.counted(found.kept, 'generation')} stay")


def read_age(text: str) -> float:
    """An age in seconds, written like 12h, 14d or 3w."""
    if match := _AGE.match(text):
        return float(match[1]) * _SECONDS[match[2]]
    raise InputError.of(f"--older-than: '{text}' is no age", hint="write it like 12h, 14d or 3w")


def read_size(text: str) -> int:
    """A size in bytes, written like 500MB, 20GB or 20GiB."""
    if match := _SIZE.match(text):
        base = 1024 if match[3] else 1000
        return int(float(match[1]) * base ** " kmgt".index(match[2].lower() or " "))
    raise InputError.of(f"--keep-size: '{text}' is no size", hint="write it like 500MB, 20GB or 20GiB")
