"""The command line: translates, and does not think."""

from __future__ import annotations

import errno
import signal
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


def main() -> int:
    """Run the command line; gives its exit code. Whatever goes wrong ends in a message, and in one too."""
    told_to_stop = False

    def stop(*_: object) -> NoReturn:
        nonlocal told_to_stop
        told_to_stop = True
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup has it ignored, and means it
        if signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}:
            signal.signal(number, stop)
    try:
        code = cli(prog_name="stackbuild", standalone_mode=False) or 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except StackbuildError as error:
        complain(error)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("interrupted")
        code = INTERRUPTED
    except Exception as error:
        # an exception that breaks into an import leaves half a module, and then everything may go wrong
        if told_to_stop:
            say("interrupted")
        elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
            # click writes its help by itself
            say("error: the output cannot be written: no space left on device")
        else:
            crashed()
        code = INTERRUPTED if told_to_stop else 1
    return code
