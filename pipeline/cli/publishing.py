"""`publish`, `rollback` and `generations`."""

from __future__ import annotations

import sys
from typing import Any

import click

from pipeline.adapters import pools
from pipeline.adapters.terminal import paint_for, put, say
from pipeline.cli import options
from pipeline.cli.group import cli

_file = click.option("-f", "file", metavar="FILE", help="The stacks.toml to use (default: the nearest one).")


@cli.command()
@options.images
@options.place
@options.variant
@options.registry
@click.option("--allow-unsmoked", is_flag=True, help="Name what no probe could judge, too.")
@click.option(
    "--gpu",
    type=click.Choice(["auto", "require", "off"]),
    default="auto",
    help="What to do about GPU probes.",
)
@options.format_
def publish(form: str, **asked: Any) -> None:
    """Move the names people pull to what is built and has passed; nothing is built.

    Probes that have not passed yet are run. A publication that was cut short is finished first.

    \b
    stackbuild publish                   all variants
    stackbuild publish -V cpu            one, the others' names stay
    """
    from pipeline.run.asking import Asked  # noqa: PLC0415 (docker is slow to import)
    from pipeline.run.building import run_build  # noqa: PLC0415 (docker is slow to import)

    done = run_build(Asked(jobs=pools.default_jobs(), publish=True, build=False, **asked))
    if form == "json":
        options.put_json(done.to_json())
    options.end(done)


@cli.command()
@click.argument("generation", required=False, default="")
@_file
@options.registry
@options.format_
def rollback(generation: str, form: str, file: str | None, registry: str | None) -> None:
    """Move all names of an earlier generation back (default: the one before, with other builds).

    \b
    stackbuild generations               see what there is
    stackbuild rollback                  undo the last publication
    stackbuild rollback 41               go back to generation 41
    """
    from pipeline.run.generations import run_rollback  # noqa: PLC0415 (docker is slow to import)
    from pipeline.show.generations import generation_json  # noqa: PLC0415 (only needed here)

    done = run_rollback(file or "", registry or "", generation)
    if form == "json":
        options.put_json({**generation_json(done.generation), "moved": list(done.moved)})
        return
    for name in done.moved:
        # a name that an unfinished publication moved may not be of this generation
        put(f"{name}  {done.generation.targets.get(name, '')}".rstrip())
    say(
        f"generation {done.generation.name}: {len(done.moved)} moved back"
        if done.moved
        else "nothing to move"
    )


@cli.command()
@click.option("--all", "every", is_flag=True, help="All of them, not the newest ten.")
@_file
@options.registry
@options.format_
def generations(form: str, file: str | None, registry: str | None, every: bool) -> None:
    """List what was published: names, digests and verdicts, the newest generation first.

    \b
    stackbuild generations
    stackbuild generations --all --format json | jq '.generations[].commit'
    """
    from pipeline.run.generations import run_generations  # noqa: PLC0415 (docker is slow to import)
    from pipeline.show.generations import generation_json, generations_text  # noqa: PLC0415 (only needed here)

    found = run_generations(file or "", registry or "", 0 if every else 10)
    if form == "json":
        value = [generation_json(one) for one in found.generations]
        options.put_json({"generations": value, "count": found.count, "astray": found.astray})
        return
    put(generations_text(found.generations, found.astray, paint_for(sys.stdout)))
    if found.count > len(found.generations):
        say(f"{found.count - len(found.generations)} older ones: --all")
