"""The program's first moment, before there is anything that could say why it ends."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; also from `python -m pipeline`."""
    # an exception that breaks into an import may come out of it as any other one, with its traceback
    plain = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, listener in plain.items():
        if listener in {signal.SIG_DFL, signal.default_int_handler}:
            signal.signal(number, lambda *_: os._exit(130))
    # what is imported stays: looking through it for what does not takes a tenth of the time
    gc.disable()
    from pipeline import cli  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    for number, listener in plain.items():
        signal.signal(number, listener)
    code = cli.main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    # at once: a thread may still wait for a registry that says nothing, and to take all modules down again
    # takes Python longer than some commands do
    os._exit(code)


if __name__ == "__main__":
    main()
