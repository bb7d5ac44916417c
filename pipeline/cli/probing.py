"""`smoke`."""

from __future__ import annotations

import sys
from typing import Any

from pipeline import show
from pipeline.adapters import pools
from pipeline.adapters.terminal import paint_for, put
from pipeline.cli import options
from pipeline.cli.group import cli


@cli.command()
@options.images
@options.place
@options.variant
@options.registry
@options.jobs
@options.probing
@options.format_
def smoke(form: str, **asked: Any) -> None:
    """Probe images that are built already; nothing is built, pushed or named.

    \b
    stackbuild smoke                              what no verdict stands for yet
    stackbuild smoke tensorflow-notebook -V gpu --gpu require
    stackbuild smoke --smoke always --junit verdicts.xml
    """
    from pipeline.run.asking import Asked  # noqa: PLC0415 (docker is slow to import)
    from pipeline.run.building import run_smoke  # noqa: PLC0415 (docker is slow to import)

    asked["jobs"] = asked["jobs"] or pools.default_jobs()
    done = run_smoke(Asked(**asked))
    if form == "json":
        options.put_json(done.to_json())
    elif done.done.verdicts or not done.done.cut:
        put(show.verdicts_text(done.done.judged, paint_for(sys.stdout)))
    options.end(done)
