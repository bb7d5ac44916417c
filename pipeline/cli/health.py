"""`doctor`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from pipeline.adapters.terminal import paint_for, put, warn
from pipeline.cli import options
from pipeline.cli.group import cli
from pipeline.errors import StackbuildError
from pipeline.run.finding import Health
from pipeline.run.project import open_project


@cli.command()
@options.place
@options.format_
def doctor(form: str, file: str | None, tree: str | None) -> None:
    """Look at what this machine has of what a build needs, and say how to get the rest.

    \b
    stackbuild doctor
    """
    from pipeline.run.doctor import examine  # noqa: PLC0415 (docker is slow to import)

    try:
        state: Path | None = open_project(file or "", tree or "").state
    except StackbuildError as error:
        state = Path.cwd()
        warn(str(error))
    findings = list(examine(state))
    if form == "json":
        options.put_json({"findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        paint = paint_for(sys.stdout)
        colours = {Health.OK: "green", Health.WARNING: "yellow", Health.MISSING: "red"}
        for finding in findings:
            put(f"{paint(f'{finding.health:<7}', colours[finding.health])}  {finding.part}: {finding.text}")
            if finding.hint:
                put(f"         hint: {finding.hint}")
    sys.exit(3 if any(finding.health is Health.MISSING for finding in findings) else 0)
