"""The command line: translates, and does not think."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

import click

from pipeline.adapters.terminal import complain, crashed, say
from pipeline.cli import (
    building,
    ci,
    contents,
    explaining,
    health,
    history,
    locking,
    looking,
    nightly,
    overlays,
    probing,
    pruning,
    publishing,
)
from pipeline.cli.group import cli
from pipeline.errors import InterruptedRunError, StackbuildError

__all__ = [
    "building",
    "ci",
    "cli",
    "contents",
    "explaining",
    "health",
    "history",
    "locking",
    "looking",
    "main",
    "nightly",
    "overlays",
    "probing",
    "pruning",
    "publishing",
]

INTERRUPTED = InterruptedRunError.exit_code


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command line; whatever goes wrong ends in a message and an exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup has it ignored, and means it
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)
    try:
        code = cli(prog_name="stackbuild", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except StackbuildError as error:
        complain(error)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("interrupted")
        code = INTERRUPTED
    except Exception:
        crashed()
        code = 1
    if code == INTERRUPTED:
        # threads that wait for a registry would keep us: what they asked of the engine ends with the process
        os._exit(code)
    sys.exit(code)
